"""Compare local LightGBM with trees borrowed from other cities, and measure what a sample of empty units costs.

python experiments/borrowed-strength/run.py PATH
    writes cities.csv, sampling.csv, priors.csv, origin.json and the tables of README.md
python experiments/borrowed-strength/run.py confirm PATH
    writes confirmed.csv, windows.csv, confirmed.json and their tables: first half-years in earlier weeks, with the
    default holdout
python experiments/borrowed-strength/run.py fresh PATH
    writes fresh.csv, fresh_windows.csv, fresh.json and their tables: other weeks and another city, with all defaults

PATH is a folder with the records of the cities; README.md names the files.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from cities import FILES, read_city
from prior import measure_priors
from scipy import stats

import ilp_models as ilp
from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.replay import Replay
from ilp_models.pipeline.pooled_training import train_pooled_backtest
from ilp_models.stats.distributions import poisson_deviance

FOLDER = Path(__file__).resolve().parent
MARKED = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"
BASELINE, LOCAL, CANDIDATE = "moving_average", "lightgbm", "pooled_lightgbm"
CALENDAR, ONE = ilp.Calendar(), ilp.LocalProcesses(1)
YEAR, WINDOW = 52, 13  # weeks that are tested; weeks of one window of the first half-year
YOUNG_HOLDOUT = 4  # weeks held out of 8 that are left to learn from
FLOOR = 0.005
SHARES, SEEDS = (0.2, 0.1), range(5)
DEVELOPMENT = {"Toronto": "2019-12-29", "Portland": "2016-02-28"}  # last day of the weeks of the sampling table
EARLIER = {  # end and number of weeks before those of choices and tests
    "Toronto": ("2018-01-01", 52),
    "Chicago": ("2017-01-02", 39),  # as its records begin in 2016
    "Portland": ("2015-03-02", 52),
}
FRESH = {"Toronto": ("2021-01-04", 52), "Memphis": ("2019-12-30", 38)}  # nothing here used these weeks before
COLUMNS = ("records", "city", "method", "weeks", "skill", "gain", "low", "high", "verdict")


@dataclass(frozen=True, eq=False)
class Window:
    """Records of the tested city, those of the other cities, and the weeks to forecast."""

    city: str
    records: BacktestData
    others: dict[str, BacktestData]
    plan: RollingOrigin
    holdout: int
    least_periods: int | None = 0  # of the pool; None: the default, which came from the table of earlier weeks


def main(words: list[str]) -> int:
    """Run one of the commands."""
    commands = {"confirm": confirm, "fresh": score_fresh}
    return commands[words[0]](Path(words[1])) if words[0] in commands else run(Path(words[0]))


def run(data: Path) -> int:
    """Run everything but the confirmation and write the results."""
    code, began = ilp.describe_code(), time.process_time()
    events = {name: read_city(name, data) for name in FILES}
    cities = pd.DataFrame(compare_cities(events), columns=list(COLUMNS))
    sampling = pd.DataFrame(measure_sampling(events))
    cities.round(4).to_csv(FOLDER / "cities.csv", index=False, lineterminator="\n")
    sampling.round(4).to_csv(FOLDER / "sampling.csv", index=False, lineterminator="\n")
    priors = pd.DataFrame(measure_priors(events))
    priors.round(4).to_csv(FOLDER / "priors.csv", index=False, lineterminator="\n")
    write(
        "origin",
        (code, began, events),
        {"cities": cities_table(cities), "sampling": sampling_table(sampling), "priors": priors_table(priors)},
    )
    return 0


def confirm(data: Path) -> int:
    """Score the candidate with its default settings in first half-years of earlier weeks."""
    code, began = ilp.describe_code(), time.process_time()
    events = {name: read_city(name, data) for name in FILES}
    rows: list[tuple[object, ...]] = []
    each: list[dict[str, object]] = []
    for city, (end, weeks) in EARLIER.items():
        windows = list(first_half_years(events, city, pd.Timestamp(end), weeks, YEAR // 2))
        parts = [weekly_deviances(window) for window in windows]
        each += [window_row(window, part) for window, part in zip(windows, parts, strict=True)]
        rows += rows_of("first half-year", city, joined(parts))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.round(4).to_csv(FOLDER / "confirmed.csv", index=False, lineterminator="\n")
    by_window = pd.DataFrame(each)
    by_window.round(4).to_csv(FOLDER / "windows.csv", index=False, lineterminator="\n")
    write("confirmed", (code, began, events), {"earlier": cities_table(table), "windows": windows_table(by_window)})
    return 0


def score_fresh(data: Path) -> int:
    """Score the candidate with all default settings in weeks and a city that nothing here used before."""
    code, began = ilp.describe_code(), time.process_time()
    events = {name: read_city(name, data) for name in (*FILES, *FRESH)}
    rows: list[tuple[object, ...]] = []
    each: list[dict[str, object]] = []
    for city, (end, weeks) in FRESH.items():
        young = first_half_years(events, city, pd.Timestamp(end), weeks, YEAR // 2)
        windows = [replace(window, least_periods=None) for window in young]
        parts = [weekly_deviances(window) for window in windows]
        each += [window_row(window, part) for window, part in zip(windows, parts, strict=True)]
        rows += rows_of("first half-year", city, joined(parts))
    plan = RollingOrigin(test_periods=YEAR, refit_every=YEAR // 2, end=FRESH["Toronto"][0])
    whole = window_of(events, "Toronto", events["Toronto"], plan, holdout=YEAR // 2)
    rows += rows_of("whole", "Toronto", weekly_deviances(replace(whole, least_periods=None)))
    table, by_window = pd.DataFrame(rows, columns=list(COLUMNS)), pd.DataFrame(each)
    table.round(4).to_csv(FOLDER / "fresh.csv", index=False, lineterminator="\n")
    by_window.round(4).to_csv(FOLDER / "fresh_windows.csv", index=False, lineterminator="\n")
    tables = {"fresh-weeks": cities_table(table), "fresh-windows": windows_table(by_window)}
    write("fresh", (code, began, events), tables)
    return 0


def window_row(window: Window, by_week: dict[str, np.ndarray]) -> dict[str, object]:
    """Return what one window learned from, and the skill of both LightGBM in it."""
    cutoff = window.plan.folds(window.records.events, CALENDAR)[0].cutoff
    spans = {name: (one.events.start, min(one.events.end, cutoff)) for name, one in window.others.items()}
    weeks = {name: len(CALENDAR.whole_periods(*span)) for name, span in spans.items() if span[0] < span[1]}
    least = YEAR if window.least_periods is None else window.least_periods
    base = by_week[BASELINE].mean()
    skill = {name: 100 * (1 - by_week[name].mean() / base) for name in (LOCAL, CANDIDATE)}
    learned = ", ".join(f"{name} {count}" for name, count in weeks.items() if count >= least)
    return {"city": window.city, "first_week": f"{cutoff:%Y-%m-%d}", "learned_from_weeks": learned, **skill}


def write(name: str, made: tuple[str, float, dict[str, ilp.Events]], tables: dict[str, str]) -> None:
    """Write the facts of a run as a JSON file, and its tables to the page."""
    code, began, events = made
    digests = {city: one.digest()[:16] for city, one in events.items()}
    minutes = round((time.process_time() - began) / 60)
    facts = {"code": code, "data": digests, "cpu_minutes": minutes}
    (FOLDER / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    origin = f"Made with {code} in {minutes} CPU minutes. Data: {', '.join(f'{k} {v}' for k, v in digests.items())}."
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    for mark, table in {**tables, name: origin}.items():
        text = re.sub(
            MARKED.format(mark), lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text, flags=re.S
        )
    page.write_text(text, encoding="utf-8")


def compare_cities(events: dict[str, ilp.Events]) -> Iterator[tuple[object, ...]]:
    """Yield a row for each kind of records, city and method."""
    for label in ("whole", "first half-year"):
        for city, one in events.items():
            whole = label == "whole"
            windows = whole_records(events, city) if whole else first_half_years(events, city, one.end)
            parts = [weekly_deviances(window) for window in windows]
            yield from rows_of(label, city, joined(parts))


def whole_records(events: dict[str, ilp.Events], city: str) -> Iterator[Window]:
    """Yield the latest 52 weeks of a city, with all records before them."""
    plan = RollingOrigin(test_periods=YEAR, refit_every=YEAR // 2)
    yield window_of(events, city, events[city], plan, holdout=26)


def first_half_years(
    events: dict[str, ilp.Events], city: str, last: pd.Timestamp, weeks: int = YEAR, holdout: int = YOUNG_HOLDOUT
) -> Iterator[Window]:
    """Yield the weeks before a day in windows of at most 13; records begin 13 weeks before each."""
    periods = CALENDAR.whole_periods(events[city].start, last)[-weeks:]
    for first in range(0, weeks, WINDOW):
        tested = min(WINDOW, weeks - first)
        begin = (periods[first] - WINDOW).start_time
        end = (periods[first + tested - 1] + 1).start_time
        table = events[city].table
        young = table[(table["occurred_at"] >= begin) & (table["occurred_at"] < end)].reset_index(drop=True)
        plan = RollingOrigin(test_periods=tested, refit_every=tested)
        yield window_of(events, city, replace(events[city], table=young, start=begin, end=end), plan, holdout)


def window_of(
    events: dict[str, ilp.Events], city: str, records: ilp.Events, plan: RollingOrigin, holdout: int
) -> Window:
    """Return a window; the cells of each city are those with a record before the first cutoff."""
    cutoff = plan.folds(records, CALENDAR)[0].cutoff

    def data(known: ilp.Events) -> BacktestData:
        before = known.known_at(cutoff)
        return BacktestData(known, ilp.SquareGrid(500).build(before if len(before) else known), CALENDAR)

    return Window(city, data(records), {name: data(one) for name, one in events.items() if name != city}, plan, holdout)


def weekly_deviances(window: Window) -> dict[str, np.ndarray]:
    """Return the mean Poisson deviance of each week by method."""
    with tempfile.TemporaryDirectory() as folder:
        pool = Path(folder, "pool")
        candidate = ilp.PooledLightGBM(pool, holdout=window.holdout, least_periods=window.least_periods)
        train_pooled_backtest(
            {window.city: window.records, **window.others},
            window.plan,
            candidate,
            tested=window.city,
            left_out={window.city: "It is tested."},
            compute=ONE,
        )
        methods = {
            BASELINE: ilp.MovingAverage(),
            "empirical_bayes": ilp.EmpiricalBayes(),
            "level_share": ilp.LevelShare(),
            LOCAL: ilp.LightGBM(holdout=window.holdout),
            "pooled, not adapted": ilp.PooledLightGBM(pool, holdout=window.holdout, adapt_trees=0),
            CANDIDATE: candidate,
        }
        return deviances(methods, window.plan, window.records, Path(folder, "store"))


def joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the weeks of all windows by method."""
    return {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}


def deviances(methods: dict, plan: RollingOrigin, data: BacktestData, store: Path) -> dict[str, np.ndarray]:
    """Return the mean Poisson deviance of each week by method, of forecasts one week ahead."""
    outcome = replay(methods, plan, data, store, ONE)
    if outcome.not_run:
        raise RuntimeError(outcome.not_run)
    return {one.forecaster: deviance_of(one) for one in outcome.replays}


def deviance_of(one: Replay) -> np.ndarray:
    """Return the mean Poisson deviance over types and cells of each week."""
    return poisson_deviance(one.observed.values.astype(float), one.expected.values, FLOOR).mean(axis=(0, 1))


def rows_of(label: str, city: str, by_week: dict[str, np.ndarray]) -> Iterator[tuple[object, ...]]:
    """Yield skill over the 52-week mean, and the gain over local LightGBM in points of skill with its interval."""
    base, local = by_week[BASELINE], by_week[LOCAL]
    for name, one in by_week.items():
        gain = ilp.Bootstrap().ratio(100 * (local - one), base)
        value, low, high = (float(end) for end in (gain.value, gain.low, gain.high))
        verdict = "" if name == LOCAL else "better" if low > 0 else "worse" if high < 0 else "tie"
        yield label, city, name, len(one), 100 * (1 - one.mean() / base.mean()), value, low, high, verdict


def measure_sampling(events: dict[str, ilp.Events]) -> Iterator[dict[str, object]]:
    """Yield skill with all units, and for each share and seed with a sample of the empty ones."""
    for city, end in DEVELOPMENT.items():
        plan = RollingOrigin(test_periods=YEAR, refit_every=YEAR // 2, end=end)
        cutoff = plan.folds(events[city], CALENDAR)[0].cutoff
        data = BacktestData(events[city], ilp.SquareGrid(500).build(events[city].known_at(cutoff)), CALENDAR)
        methods = {BASELINE: ilp.MovingAverage(), LOCAL: ilp.LightGBM(max_zeros=None)}
        settings = {f"{share:g} {seed}": (share, seed) for share in SHARES for seed in SEEDS}
        zeros = empty_units(data, cutoff)
        methods |= {
            name: ilp.LightGBM(max_zeros=round(share * zeros), seed=seed) for name, (share, seed) in settings.items()
        }
        with tempfile.TemporaryDirectory() as folder:
            by_week = deviances(methods, plan, data, Path(folder))
        skill = {name: 100 * (1 - one.mean() / by_week[BASELINE].mean()) for name, one in by_week.items()}
        for name, (share, seed) in settings.items():
            row = {"city": city, "zero_share": share, "seed": seed, "skill_all_units": skill[LOCAL]}
            yield row | {"skill": skill[name], "lost": skill[LOCAL] - skill[name]}


def empty_units(data: BacktestData, cutoff: pd.Timestamp) -> int:
    """Return the number of units without events from which LightGBM learns at a cutoff."""
    history = ilp.History.from_events(cutoff, data.events, data.grid, CALENDAR)
    known = len(history.panel.periods)
    learned = min(known - min(YEAR, known // 3) - 1, ilp.LightGBM().train_periods)
    return int((history.panel.values[..., -learned:] == 0).sum())


def cities_table(table: pd.DataFrame) -> str:
    """Return the comparison as a Markdown table."""
    lines = [
        "| records | city | method | weeks | skill, points | gain over local LightGBM | verdict |",
        "|---|---|---|---:|---:|---|---|",
    ]
    for one in table.itertuples():
        gain = "-" if one.method == LOCAL else f"{one.gain:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"
        cells = (one.records, one.city, one.method, one.weeks, f"{one.skill:.2f}", gain, one.verdict or "-")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def windows_table(table: pd.DataFrame) -> str:
    """Return the windows of the earlier weeks as a Markdown table."""
    lines = [
        "| city | first week | pooled trees learned from weeks of | `lightgbm`, points | `pooled_lightgbm`, points |",
        "|---|---|---|---:|---:|",
    ]
    for one in table.itertuples():
        skills = f"{getattr(one, LOCAL):.2f} | {getattr(one, CANDIDATE):.2f}"
        lines.append(f"| {one.city} | {one.first_week} | {one.learned_from_weeks} | {skills} |")
    return "\n".join(lines)


def sampling_table(table: pd.DataFrame) -> str:
    """Return the skill lost as a Markdown table; the interval is that of the mean over seeds, by Student's t."""
    lines = ["| city | share of empty units | seeds | skill lost, points | by seed |", "|---|---:|---:|---|---|"]
    for (city, share), part in table.groupby(["city", "zero_share"], sort=False):
        lost = part["lost"].to_numpy()
        half = stats.t.ppf(0.975, len(lost) - 1) * lost.std(ddof=1) / np.sqrt(len(lost))
        each = ", ".join(f"{one:+.3f}" for one in lost)
        mean = f"{lost.mean():+.3f} [{lost.mean() - half:+.3f}, {lost.mean() + half:+.3f}]"
        lines.append(f"| {city} | {share:g} | {len(lost)} | {mean} | {each} |")
    return "\n".join(lines)


def priors_table(table: pd.DataFrame) -> str:
    """Return the gain of a prior from other cities as a Markdown table."""
    lines = [
        "| city | force | other cities count as | weeks | gain over the own prior, points |",
        "|---|---|---:|---:|---|",
    ]
    for one in table.itertuples():
        gain = f"{one.gain:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"
        lines.append(f"| {one.city} | {one.force} | {one.worth:g} events | {one.weeks} | {gain} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
