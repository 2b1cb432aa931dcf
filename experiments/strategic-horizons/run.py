"""Forecast months and days ahead for cities and districts, from many origins, and compare with naive forecasts.

python experiments/strategic-horizons/run.py PATH
    writes results.csv, origin.json and the tables of README.md

PATH is a folder with the series of counts; README.md names the files.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import ilp_models as ilp

FOLDER = Path(__file__).resolve().parent
MARKED = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"
METHODS = ("SeasonalNaive", "ETS", "STLETS", "Theta", "LinearTrend", "SeriesMean")
NAIVE, BEST = "Naive", "SeriesMean"
SETTINGS = ("city months", "district months", "city days")
DRAWS, SEED = 2000, 0
ORIGINS_OF_DAYS = 48
LEAST_MONTHS = 72  # 36 to learn from and 36 to forecast
COLUMNS = ("setting", "series", "method", "origins", "relative_error", "wape", "coverage_90")


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
    results.round(6).to_csv(FOLDER / "results.csv", index=False)
    facts = {"code": code, "series": len(tasks), "draws": DRAWS, "seed": SEED}
    (FOLDER / "origin.json").write_text(json.dumps(facts, indent=2) + "\n")
    page = FOLDER / "README.md"
    text = page.read_text()
    tables = {"pooled": pooled_table(results), "wins": wins_table(results), "single": single_table(results)}
    for name, table in tables.items():
        text = re.sub(MARKED.format(name), partial(_filled, table=table), text, flags=re.DOTALL)
    page.write_text(text)
    return 0


def _filled(found: re.Match[str], table: str) -> str:
    return f"{found[1]}{table}\n{found[2]}"


def city_months(data: Path) -> Iterator[Task]:
    """Yield cities and a state by month: 36 months ahead, an origin each month."""
    cities = pd.read_csv(data / "city_month.csv")
    state = pd.read_csv(data / "nsw_month.csv").assign(city="New South Wales")
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
    errors: dict[str, list[float]] = {name: [] for name in (NAIVE, *METHODS)}
    inside: dict[str, list[float]] = {name: [] for name in METHODS}
    totals = []
    for origin in task.origins:
        known = task.counts.iloc[origin - task.train : origin]
        recorded = task.counts.iloc[origin : origin + task.horizon].to_numpy(dtype=float)
        totals.append(recorded.sum())
        errors[NAIVE].append(np.abs(recorded - known.iloc[-1]).sum())
        for name in METHODS:
            made = getattr(ilp, name)(train_periods=task.train).forecast_series(known, task.horizon)
            errors[name].append(np.abs(recorded - made["expected"]).sum())
            inside[name].append(((made["q05"] <= recorded) & (recorded <= made["q95"])).mean())
    naive = sum(errors[NAIVE])
    return [
        (
            *(task.setting, task.series, name, len(task.origins)),
            *(sum(errors[name]) / naive, sum(errors[name]) / sum(totals)),
            float(np.mean(inside[name])) if name in inside else float("nan"),
        )
        for name in errors
    ]


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
    shown = results[(results["method"] == BEST) & ~results["series"].str.startswith("New South Wales")]
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
