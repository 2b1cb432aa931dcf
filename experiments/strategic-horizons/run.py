"""Forecast months and days ahead for cities and districts, from many origins, and compare with naive forecasts.

python experiments/strategic-horizons/run.py PATH
    writes results.csv, origin.json and the tables of README.md

PATH is a folder with the series of counts; README.md names the files.
"""

import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import ilp_models as ilp
from ilp_models.model.long_horizons.methods import average_moments
from ilp_models.model.long_horizons.series import dispersion_of
from ilp_models.stats.distributions import cumulative, quantiles

FOLDER = Path(__file__).resolve().parent
MARKED = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"
NAIVE, BEST = "Naive", "SeriesMean"
FILES = ("city_month.csv", "nsw_month.csv", "chicago_assault_district_month.csv", "city_day.parquet")
UNITS = {"city months": "month", "district months": "month", "city days": "day"}
TARGETS = {"city months": 0.70, "district months": 0.82, "city days": 0.66}  # largest error relative to naive
PUBLISHED = {"city months": 0.686, "district months": 0.793, "city days": 0.659}  # combination of the benchmark
TOLERANCE = 0.03  # of the coverage of 90 % intervals
LIKE = "Chicago"  # the city of the benchmark that is among these series
STATE = "New South Wales"
DRAWS, SEED = 2000, 0
ORIGINS_OF_DAYS = 48
LEAST_MONTHS = 72  # 36 to learn from and 36 to forecast
METHODS = (ilp.SeasonalNaive(), ilp.ETS(), ilp.STLETS(), ilp.Theta(), ilp.LinearTrend())
COLUMNS = ("setting", "series", "method", "origins", "relative_error", "wape", "coverage_90", "coverage_if_right")


@dataclass(frozen=True, eq=False)
class Task:
    """One series of counts, the origins from which it is forecast, and how far."""

    setting: str
    series: str
    counts: pd.Series  # by period, without gaps
    train: int
    horizon: int
    origins: tuple[int, ...]  # positions of the first forecast period


def main(words: list[str]) -> int:
    """Forecast every series and write the results."""
    code, data = ilp.describe_code(), Path(words[0])
    tasks = [*city_months(data), *district_months(data), *city_days(data)]
    rows = [row for part in ilp.LocalProcesses().map(score, tasks, "series") for row in part]
    results = pd.DataFrame(rows, columns=list(COLUMNS))
    results.round(6).to_csv(FOLDER / "results.csv", index=False, lineterminator="\n")
    digests = {name: hashlib.sha256((data / name).read_bytes()).hexdigest()[:16] for name in FILES}
    facts = {"code": code, "data": digests, "series": len(tasks), "draws": DRAWS, "seed": SEED}
    (FOLDER / "origin.json").write_text(json.dumps(facts, indent=2) + "\n")
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    for name, table in make_tables(results).items():
        text = re.sub(MARKED.format(name), partial(filled, table=table), text, flags=re.DOTALL)
    made = f"Made with {code}. Data: {', '.join(f'{name} {digest}' for name, digest in digests.items())}."
    text = re.sub(MARKED.format("origin"), partial(filled, table=made), text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")
    return 0


def make_tables(results: pd.DataFrame) -> dict[str, str]:
    """Return each table of README.md under the name of its place there."""
    return {
        "targets": targets_table(results),
        "pooled": pooled_table(results),
        "single": single_table(results),
        "wins": wins_table(results),
    }


def filled(found: re.Match[str], table: str) -> str:
    """Return a table between its marks."""
    return f"{found[1]}{table}\n{found[2]}"


def is_test(setting: str, series: str) -> bool:
    """Return whether a series is a test: `trials.py` chose nothing by it."""
    if setting == "city months":
        return not series.startswith(STATE)
    return setting != "city days" or series.startswith("Chicago")


def city_months(data: Path) -> Iterator[Task]:
    """Yield cities and a state by month: 36 months ahead, an origin each month."""
    cities = pd.read_csv(data / "city_month.csv")
    state = pd.read_csv(data / "nsw_month.csv").assign(city=STATE)
    for (city, kind), rows in pd.concat([cities, state]).groupby(["city", "type"]):
        counts = rows.set_index(pd.PeriodIndex(rows["month"], freq="M"))["n"].sort_index()
        if len(counts) >= LEAST_MONTHS:
            origins = tuple(range(36, len(counts) - 35))
            yield Task("city months", f"{city}: {kind}", counts, 36, 36, origins)


def district_months(data: Path) -> Iterator[Task]:
    """Yield the police districts of Chicago by month: 12 months ahead, 48 origins."""
    table = pd.read_csv(data / "chicago_assault_district_month.csv")
    for district, rows in table[table["district"] != 31].groupby("district"):  # 31 has a single event
        counts = rows.set_index(pd.PeriodIndex(rows["month"], freq="M"))["n"].sort_index()
        yield Task("district months", f"Chicago district {district}: aggravated assault", counts, 36, 12, _span(36, 48))


def city_days(data: Path) -> Iterator[Task]:
    """Yield cities by day: 90 days ahead, one random day in each of 48 months after the first three years."""
    generator = np.random.default_rng(SEED)
    for (city, kind), rows in pd.read_parquet(data / "city_day.parquet").groupby(["city", "type"], observed=True):
        counts = rows.set_index(pd.PeriodIndex(pd.to_datetime(rows["date"]), freq="D"))["n"].sort_index()
        first = 3 * 365
        latest = first + ORIGINS_OF_DAYS * 30
        if len(counts) >= latest + 90:
            days = first + 30 * np.arange(ORIGINS_OF_DAYS) + generator.integers(0, 30, ORIGINS_OF_DAYS)
            yield Task("city days", f"{city}: {kind}", counts, first, 90, tuple(map(int, days)))


def _span(first: int, count: int) -> tuple[int, ...]:
    return tuple(range(first, first + count))


def score(task: Task) -> list[tuple[object, ...]]:
    """Return one row for each method: errors relative to naive, weighted error, and coverage of 90 % intervals."""
    started = time.monotonic()
    names = (*(type(one).__name__ for one in METHODS), BEST)
    best = ilp.SeriesMean(train_periods=task.train)
    seasons = best.seasons(UNITS[task.setting], task.train)
    members = {type(one).__name__ for one in best.members_for(seasons)}
    counts = task.counts.to_numpy(dtype=float)
    errors, inside, right, totals = [], [], [], []
    for origin in task.origins:
        known, recorded = counts[origin - task.train : origin], counts[origin : origin + task.horizon]
        each = [one.moments(known, task.horizon, seasons) for one in METHODS]
        chosen = [moments for moments, name in zip(each, names, strict=False) if name in members]
        mean, variance = np.stack([*each, average_moments(chosen)], axis=1)  # (methods, horizon); each is fitted once
        variance[-1] += best.drift_variance(known, task.horizon, UNITS[task.setting])
        low, high, share = interval(mean, variance)
        right.append(share.mean(axis=1))
        totals.append(recorded.sum())
        errors.append(np.abs(np.vstack([np.full(task.horizon, known[-1]), mean]) - recorded).sum(axis=1))
        inside.append(((low <= recorded) & (recorded <= high)).mean(axis=1))
    summed, covered = np.sum(errors, axis=0), [float("nan"), *np.mean(inside, axis=0)]
    nominal = [float("nan"), *np.mean(right, axis=0)]
    minutes = (time.monotonic() - started) / 60
    print(f"{task.setting}, {task.series}: {len(totals)} origins, {minutes:.1f} minutes", flush=True)  # noqa: T201
    return [
        (task.setting, task.series, name, len(totals), error / summed[0], error / sum(totals), cover, if_right)
        for name, error, cover, if_right in zip((NAIVE, *names), summed, covered, nominal, strict=True)
    ]


def interval(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ends of 90 % intervals of counts, and the share that they cover if the forecast is right."""
    spread = dispersion_of(mean, variance)
    low, high = quantiles(mean, spread, (0.05, 0.95))
    below = np.where(low > 0, cumulative(np.maximum(low - 1, 0), mean, spread), 0.0)
    return low, high, cumulative(high, mean, spread) - below


def targets_table(results: pd.DataFrame) -> str:
    """Return whether the mean of methods reaches the targets that were set before, and the published errors."""
    lines = [
        "| setting | series | count | error relative to naive | target | reached | published | 90 % intervals cover | "
        "if right | within 3 points |",
        "|---|---|---:|---:|---:|---|---:|---:|---:|---|",
    ]
    for setting, rows in results[results["method"] == BEST].groupby("setting", sort=False):
        test = np.array([is_test(setting, series) for series in rows["series"]])
        same = rows["series"].str.startswith(LIKE).to_numpy()
        parts = {"all": test | ~test, "tests": test, "tests like the benchmark": test & same}
        for name, chosen in parts.items():
            if name != "all" and (chosen.all() or not chosen.any() or (name != "tests" and (chosen == test).all())):
                continue
            lines.append(_target_line(setting, name, rows[chosen]))
    return "\n".join(lines)


def _target_line(setting: str, name: str, rows: pd.DataFrame) -> str:
    value, cover, right = (rows[column].mean() for column in ("relative_error", "coverage_90", "coverage_if_right"))
    low, high = _interval(rows["relative_error"].to_numpy())
    interval = f" [{low:.3f}, {high:.3f}]" if len(rows) > 2 else ""
    reached = "yes" if value <= TARGETS[setting] else "no"
    near = "yes" if abs(cover - right) <= TOLERANCE else "no"
    return (
        f"| {setting} | {name} | {len(rows)} | {value:.3f}{interval} | {TARGETS[setting]:.2f} | {reached} | "
        f"{PUBLISHED[setting]:.3f} | {cover:.1%} | {right:.1%} | {near} |"
    )


def pooled_table(results: pd.DataFrame) -> str:
    """Return mean relative errors over the series of each setting, with an interval from resampled series."""
    lines = [
        "| setting | method | series | error relative to naive | 90 % intervals cover |",
        "|---|---|---:|---:|---:|",
    ]
    for (setting, method), rows in results.groupby(["setting", "method"], sort=False):
        if method == NAIVE:
            continue
        values = rows["relative_error"].to_numpy()
        low, high = _interval(values)
        spread = f" [{low:.3f}, {high:.3f}]" if len(values) > 2 else ""
        lines.append(
            f"| {setting} | {method} | {len(values)} | {values.mean():.3f}{spread} | {rows['coverage_90'].mean():.1%} |"
        )
    return "\n".join(lines)


def _interval(values: np.ndarray) -> Sequence[float]:
    drawn = np.random.default_rng(SEED).integers(0, len(values), (DRAWS, len(values)))
    return np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])


def wins_table(results: pd.DataFrame) -> str:
    """Return the series in which a naive or seasonal naive forecast has a smaller error than the mean of methods."""
    wide = results.pivot_table(index=["setting", "series"], columns="method", values="relative_error", sort=False)
    lost = wide[(wide[BEST] > 1) | (wide[BEST] > wide["SeasonalNaive"])]
    lines = ["| setting | series | SeriesMean | SeasonalNaive |", "|---|---|---:|---:|"]
    for (setting, series), row in lost.iterrows():
        lines.append(f"| {setting} | {series} | {row[BEST]:.3f} | {row['SeasonalNaive']:.3f} |")
    return "\n".join([*lines, "", f"{len(lost)} of {len(wide)} series."])


def single_table(results: pd.DataFrame) -> str:
    """Return the mean of methods in each series of cities that is not of New South Wales, and district 19."""
    shown = results[(results["method"] == BEST) & ~results["series"].str.startswith(STATE)]
    shown = shown[(shown["setting"] != "district months") | shown["series"].str.contains("district 19:")]
    lines = [
        "| setting | series | origins | relative error | weighted error | cover |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for _, row in shown.iterrows():
        lines.append(
            f"| {row['setting']} | {row['series']} | {row['origins']} | {row['relative_error']:.3f} | "
            f"{row['wape']:.1%} | {row['coverage_90']:.1%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
