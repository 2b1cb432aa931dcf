"""Try changes of the default forecaster on development years, one after the other, and keep every result.

python experiments/default-forecaster/run.py PATH
    writes results.csv and the table of README.md, and adds a line for each trial to trials.csv
python experiments/default-forecaster/run.py test
    writes test.csv and the second table: the chosen default and the one before, in the test year of Toronto

python experiments/default-forecaster/run.py etas PATH
    writes etas.csv and the third table: an intensity of `etas` as a further column, on the development years

python experiments/default-forecaster/run.py zeros PATH
    writes zeros.csv and the fourth table: limits of the units without events that a fit uses, on the development years

python experiments/default-forecaster/run.py log PATH
    writes log.csv and the fifth table: log scores of the default and of the regression with fitted negative binomial
    counts, by crime type, on the development years

python experiments/default-forecaster/run.py leads
    writes leads.csv and the sixth table: calibration of the default at areas, 1 to 12 weeks ahead, in 2019 and 2020

PATH is a folder with chicago_sthsl/events.parquet and portland_nij/events_2012-03_2017-02.parquet. The records of
Toronto are bundled. All trials end with 2020: the test weeks of the comparison experiments are read by `test` alone,
after the choice. All but `zeros`, `log` and `leads` train on every unit (`max_zeros=None`), as the default did then.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "borrowed-strength"))

from cities import read_city  # noqa: E402 - the records of Chicago are read as in that experiment

import ilp_models as ilp  # noqa: E402
from ilp_models.domain.aggregate import area_levels  # noqa: E402
from ilp_models.domain.features import Column  # noqa: E402
from ilp_models.domain.scores import ALL  # noqa: E402
from ilp_models.grid.parents import ByLabel  # noqa: E402
from ilp_models.pipeline.backtesting import Backtest  # noqa: E402
from ilp_models.pipeline.trials import record_backtest_trials  # noqa: E402
from ilp_models.stats.distributions import cumulative, fit_dispersion, quantiles  # noqa: E402
from ilp_models.stats.filters import exponential_means  # noqa: E402

MARKED = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"
BASELINE = "lightgbm"
BEST_ALONE = "bagged, level memory"
WEEKS = {"Toronto": 104, "Chicago": 52}
ZERO_WEEKS = WEEKS | {"Portland": 52}
END = {"Toronto": "2020-12-27", "Chicago": "2017-12-31", "Portland": "2016-02-28"}
REFIT_EVERY = 26
YEAR, HALF_YEAR = 52, 26
FITS: dict[Any, Any] = {}  # `etas` by city and the weeks that it learned from
COUNTS: dict[Any, Any] = {}  # its expected counts by city and the weeks before
POOL_WEIGHT = 0.85  # of the trees, in the pool of logarithms
FEATURES = ilp.LightGBM().features
OLD = {  # the default of the first commit of this page
    "n_estimators": 80,
    "learning_rate": 0.1,
    "bagging_fraction": 1.0,
    "feature_fraction": 1.0,
    "offset": ilp.LevelShare(),
    "max_zeros": None,
}
LEADS = (1, 2, 4, 8, 12)
LIMITS = (125_000, 250_000, 500_000, 1_000_000)  # of the units without events
SEEDS = (0, 1)
MARGIN = 0.0005  # of skill: a limit may lose no more, at the low end of its interval
LARGER = {"num_leaves": 31, "bagging_fraction": 0.5, "feature_fraction": 0.5}
FEWER = {"bagging_fraction": 0.7, "feature_fraction": 0.7, "offset": ilp.LevelShare(level_memory=True)}
BAGGED = {"n_estimators": 160, "learning_rate": 0.05, "bagging_fraction": 0.7, "feature_fraction": 0.7}


@dataclass(frozen=True)
class GammaPoisson:
    """Discounted gamma-Poisson filters: counts of a cell over what level times share expected, by half-life.

    West and Harrison (1997), Bayesian Forecasting and Dynamic Models, chapter 14. The prior is worth one event.
    """

    half_lives: Sequence[float] = (8, 32, 128)

    def columns(self, history: ilp.History) -> tuple[Column, ...]:
        """Return one column a half-life."""
        del history
        return tuple(Column(f"gamma_poisson_{one:g}", "own_past", "{value:.2f}") for one in self.half_lives)

    def write(self, history: ilp.History, periods: pd.PeriodIndex, step: int, out: np.ndarray) -> None:
        """Write the logarithm of the ratio."""
        known = history.panel.periods
        first = min(26, len(known) // 4)
        expected = np.maximum(ilp.LevelShare().fit(history).hindcast(history, known[first:], step), 1e-4)
        counts = history.panel.by_period[first:].astype(float)
        usable = np.maximum(history.usable_periods(periods, step) - first, 0)
        for at, half_life in enumerate(self.half_lives):
            prior = 1 - 0.5 ** (1 / half_life)  # one event over the sum of the weights
            seen, usual = (exponential_means(one, half_life, usable) for one in (counts, expected))
            out[..., at] = np.log((prior + seen) / (prior + usual))


@dataclass(frozen=True)
class EtasIntensity:
    """Expected counts of `etas` over those of level times share, for the cell.

    The parameters and the background are fitted again each year, from the weeks before. So the intensity of a training
    week never knows that week. It reads all incidents before the week, as a forecast of it would.
    """

    def columns(self, history: ilp.History) -> tuple[Column, ...]:
        """Return one column."""
        del history
        return (Column("etas", "own_past", "{value:.2f}"),)

    def write(self, history: ilp.History, periods: pd.PeriodIndex, step: int, out: np.ndarray) -> None:
        """Write the logarithm of the ratio; 0 in the first half-year."""
        usual = np.maximum(ilp.LevelShare().fit(history).hindcast(history, periods, step), 1e-4)
        for row, known in enumerate(history.usable_periods(periods, step)):
            found = etas_counts(history, int(known)) if known >= HALF_YEAR else usual[row]
            out[row, ..., 0] = np.log(np.maximum(found, 1e-4) / usual[row])


def etas_counts(history: ilp.History, known: int) -> np.ndarray:
    """Return the expected counts of the week after the first ``known`` ones (crime types, cells)."""
    place = (history.events.city, history.events.start, len(history.grid))
    if (*place, known) not in COUNTS:
        learned = max(known // YEAR * YEAR, HALF_YEAR)
        if (*place, learned) not in FITS:
            FITS[(*place, learned)] = ilp.ETAS(holdout=8).fit(past(history, learned))
        now = past(history, known)
        week = now.panel.periods[-1:] + 1
        COUNTS[(*place, known)] = FITS[(*place, learned)].update(now).predict(week).expected.to_numpy()[..., 0]
    return COUNTS[(*place, known)]


def past(history: ilp.History, known: int) -> ilp.History:
    """Return what was known after the first ``known`` weeks."""
    end = (history.panel.periods[known - 1] + 1).start_time
    return ilp.History.from_events(end, history.events, history.grid, history.calendar)


def main(words: list[str]) -> int:
    """Run all trials, or the test of the chosen one, and write the results."""
    if words == ["test"]:
        return score_test()
    if words == ["leads"]:
        return calibrate_leads()
    if words[0] == "etas":
        return try_etas(Path(words[1]))
    if words[0] == "zeros":
        return try_zeros(Path(words[1]))
    if words[0] == "log":
        return compare_log_scores(Path(words[1]))
    code, rows = ilp.describe_code(), []
    for city in WEEKS:
        tested = backtest(city, Path(words[0]))
        record_backtest_trials(ilp.TrialRecord(str(FOLDER / "trials.csv")), "default-forecaster", tested, FOLDER)
        rows.append(skills(tested).assign(city=city))
    table = pd.concat(rows, ignore_index=True)
    table.to_csv(FOLDER / "results.csv", index=False, float_format="%.8g", lineterminator="\n")
    write_part("results", [*lines(table), "", f"Made with {code}."])
    return 0


def try_etas(path: Path) -> int:
    """Compare the chosen default with and without the intensity of `etas`, and write the result."""
    code, rows, costs = ilp.describe_code(), [], []
    for city in WEEKS:
        models = {
            "chosen default": ilp.LightGBM(max_zeros=None),
            "etas column": ilp.LightGBM((*FEATURES, EtasIntensity()), max_zeros=None),
        }
        one = ilp.LocalProcesses(1)  # one process learns each year of `etas` once
        tested = tested_on(city, path, models, "chosen default", compute=one)
        record_backtest_trials(ilp.TrialRecord(str(FOLDER / "trials.csv")), "default-forecaster", tested, FOLDER)
        table = tested.skill()
        rows.append(table[table["forecaster"] == "etas column"].assign(city=city))
        seconds = {
            one.forecaster: one.cost.fit_cpu_seconds + one.cost.forecast_cpu_seconds
            for one in tested.replays
            if one.cost is not None
        }
        costs.append(f"{city} {', '.join(f'{name} {value:.0f}' for name, value in seconds.items())}")
    found = pd.concat(rows, ignore_index=True)
    found.to_csv(FOLDER / "etas.csv", index=False, float_format="%.8g", lineterminator="\n")
    shown = ["", "| city | crime type | skill with the column over that without it |", "|---|---|---|"]
    shown += [f"| {one.city} | {one.crime_type} | {interval(one)} |" for one in found.itertuples()]
    spent = f"CPU seconds of fits and forecasts: {'; '.join(costs)}."
    write_part("etas", [*shown, "", spent, "", f"Made with {code}."])
    return 0


def try_zeros(path: Path) -> int:
    """Compare limits of the units without events with fits to all units, for each seed, and write the result."""
    code, rows = ilp.describe_code(), []
    for city in ZERO_WEEKS:
        for seed in SEEDS:
            models = {"all": ilp.LightGBM(max_zeros=None, seed=seed)}
            models |= {f"{limit:,}": ilp.LightGBM(max_zeros=limit, seed=seed) for limit in LIMITS}
            tested = tested_on(city, path, models, "all")
            record_backtest_trials(ilp.TrialRecord(str(FOLDER / "trials.csv")), "default-forecaster", tested, FOLDER)
            seconds = {one.forecaster: one.cost.fit_cpu_seconds for one in tested.replays if one.cost is not None}
            table = tested.skill()
            table = table[table["crime_type"] == ALL]
            rows.append(table.assign(city=city, seed=seed, fit_cpu_seconds=table["forecaster"].map(seconds)))
    found = pd.concat(rows, ignore_index=True)
    found.to_csv(FOLDER / "zeros.csv", index=False, float_format="%.8g", lineterminator="\n")
    write_part("zeros", [*zero_lines(found), "", chosen_limit(found), "", f"Made with {code}."])
    return 0


def compare_log_scores(path: Path) -> int:
    """Compare the log scores of the default with those of a fitted negative binomial regression, by crime type."""
    code, rows, fitted = ilp.describe_code(), [], "negative_binomial_glm"
    for city in WEEKS:
        models = {
            fitted: ilp.NegativeBinomialGLM(),
            "lightgbm": ilp.LightGBM(),
            "negative_binomial_intervals": ilp.NegativeBinomialIntervals(),
        }
        tested = tested_on(city, path, models, fitted)
        record_backtest_trials(ilp.TrialRecord(str(FOLDER / "trials.csv")), "default-forecaster", tested, FOLDER)
        table = tested.scores.skill(fitted, score="log_score")
        rows.append(table[table["forecaster"] != fitted].assign(city=city))
    found = pd.concat(rows, ignore_index=True)
    found.to_csv(FOLDER / "log.csv", index=False, float_format="%.8g", lineterminator="\n")
    names = list(found["forecaster"].unique())
    shown = [
        "",
        f"| city | crime type | {' | '.join(f'`{name}`' for name in names)} |",
        "|---" * (len(names) + 2) + "|",
    ]
    for (city, kind), part in found.groupby(["city", "crime_type"], sort=False):
        cells = [interval(one) for one in part.set_index("forecaster").loc[names].itertuples()]
        shown.append(f"| {city} | {kind} | {' | '.join(cells)} |")
    write_part("log", [*shown, "", f"Made with {code}."])
    return 0


def calibrate_leads() -> int:
    """Check sums and 90 % intervals of areas, 1 to 12 weeks ahead, and write the result.

    The intervals are those of `areas.csv`: each year uses the dispersions of the year before, by lead and crime type.
    """
    code, weeks = ilp.describe_code(), 3 * YEAR
    tested = ilp.run_backtest(
        {"lightgbm": ilp.LightGBM(leads=LEADS[-1])},
        ilp.load_toronto(end="2020-12-28"),
        ilp.SquareGrid(500, parents={"area": ByLabel()}),
        test_periods=weeks,
        end=END["Toronto"],
        horizon=LEADS[-1],
        refit_every=YEAR,
        baseline="lightgbm",
    )
    rows = []
    for replay in tested.replays_of("lightgbm"):
        for level in area_levels(tested.grid):
            sums = [level.sums(one.values) for one in (replay.observed, replay.expected)]
            for year in ("2019", "2020"):
                now = replay.periods.year == int(year)
                past = replay.periods.year == int(year) - 1
                inside, right = covered(*(one[..., past] for one in sums), *(one[..., now] for one in sums))
                total = ilp.Bootstrap().for_lead(replay.lead).ratio(*(one[..., now].sum(axis=(0, 1)) for one in sums))
                ends = (float(end) for end in (total.value, total.low, total.high))
                rows.append((year, level.name, replay.lead, inside, right, *ends))
    columns = ["year", "level", "lead", "covered", "covered_if_right", "sum_ratio", "low", "high"]
    found = pd.DataFrame(rows, columns=columns)
    found.to_csv(FOLDER / "leads.csv", index=False, float_format="%.6g", lineterminator="\n")
    shown = ["", "| year | level | lead | covered | if right | recorded / expected |", "|---|---|---|---|---|---|"]
    for one in found[found["lead"].isin(LEADS)].itertuples():
        ratio = f"{one.sum_ratio:.3f} [{one.low:.3f}, {one.high:.3f}]"
        shown.append(
            f"| {one.year} | {one.level} | {one.lead} | {one.covered:.1%} | {one.covered_if_right:.1%} | {ratio} |"
        )
    write_part("leads", [*shown, "", f"Made with {code}."])
    return 0


def covered(past: np.ndarray, past_expected: np.ndarray, now: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Return the share of counts inside their 90 % intervals, and the share that right forecasts would have."""
    used = past_expected.sum(axis=(0, 2)) > 0
    spread = [fit_dispersion(*pair) for pair in zip(past[:, used], past_expected[:, used], strict=True)]
    wide = np.array(spread)[:, None, None] * np.ones_like(expected)
    low, high = quantiles(expected, wide, (0.05, 0.95))
    inside = (now >= low) & (now <= high)
    right = cumulative(high, expected, wide) - np.where(low > 0, cumulative(np.maximum(low - 1, 0), expected, wide), 0)
    return float(inside.mean()), float(right.mean())


def zero_lines(found: pd.DataFrame) -> list[str]:
    """Return one line for each city and seed, with the CPU seconds of the fits."""
    rows = [
        "",
        f"| city | seed | {' | '.join(f'{limit:,}' for limit in LIMITS)} | all |",
        "|---" * (len(LIMITS) + 3) + "|",
    ]
    for (city, seed), part in found.groupby(["city", "seed"], sort=False):
        by_name = part.set_index("forecaster")
        tried = [by_name.loc[f"{limit:,}"] for limit in LIMITS]
        cells = [f"{interval(one).rsplit(' ', 1)[0]}, {one.fit_cpu_seconds:.0f} s" for one in tried]
        rows.append(f"| {city} | {seed} | {' | '.join(cells)} | {by_name.loc['all'].fit_cpu_seconds:.0f} s |")
    return rows


def chosen_limit(found: pd.DataFrame) -> str:
    """Return the sentence on the smallest limit that meets the rule."""
    lowest = found.groupby("forecaster")["low"].min()
    meets = [f"{limit:,}" for limit in LIMITS if lowest[f"{limit:,}"] >= -MARGIN]
    return f"The smallest limit that meets the rule: {meets[0] if meets else 'none'}."


def score_test() -> int:
    """Score the chosen default against the one before it in the test year, and write the result."""
    code = ilp.describe_code()
    tested = ilp.run_backtest(
        {"earlier default": ilp.LightGBM(**OLD), "chosen default": ilp.LightGBM(max_zeros=None)},
        ilp.load_toronto(),
        ilp.SquareGrid(500),
        test_periods=52,
        refit_every=REFIT_EVERY,
        baseline="earlier default",
    )
    record_backtest_trials(ilp.TrialRecord(str(FOLDER / "trials.csv")), "default-forecaster", tested, FOLDER)
    table = tested.skill()
    table = table[table["forecaster"] == "chosen default"]
    table.to_csv(FOLDER / "test.csv", index=False, float_format="%.8g", lineterminator="\n")
    rows = ["", "| crime type | skill of the chosen over the earlier default |", "|---|---|"]
    rows += [f"| {one.crime_type} | {interval(one)} |" for one in table.itertuples()]
    seconds = {one.forecaster: one.cost.fit_cpu_seconds for one in tested.replays if one.cost is not None}
    costs = ", ".join(f"{name} {value:.0f}" for name, value in seconds.items())
    write_part("test", [*rows, "", f"CPU seconds of the two fits: {costs}.", "", f"Made with {code}."])
    return 0


def write_part(name: str, rows: list[str]) -> None:
    """Write a marked part of the page."""
    page, text = FOLDER / "README.md", "\n".join([*rows, "", ""])
    marked = re.compile(MARKED.format(name), re.DOTALL)
    page.write_text(marked.sub(lambda found: found[1] + text + found[2], page.read_text("utf-8")), encoding="utf-8")


def tested_on(city: str, path: Path, models: dict[str, Any], baseline: str, **settings: Any) -> Backtest:
    """Return the backtest of some models on the development weeks of a city."""
    return ilp.run_backtest(
        models,
        read(city, path),
        ilp.SquareGrid(500),
        test_periods=ZERO_WEEKS[city],
        end=END[city],
        refit_every=REFIT_EVERY,
        baseline=baseline,
        **settings,
    )


def interval(row: Any) -> str:
    """Return a skill with its interval and verdict."""
    return f"{row.skill:+.3%} [{row.low:+.3%}, {row.high:+.3%}] {row.verdict}"


def read(city: str, path: Path) -> ilp.Events:
    """Return the records of a city, up to the end of its development years."""
    return ilp.load_toronto(end="2020-12-28") if city == "Toronto" else read_city(city, path)


def backtest(city: str, path: Path) -> Backtest:
    """Return the backtest of all trials in a city."""
    events = read(city, path)
    memory = ilp.LevelShare(level_memory=True)
    models = {
        "moving_average": ilp.MovingAverage(),
        "ewma": ilp.EWMA(),
        "level_share": ilp.LevelShare(),
        "poisson_glm": ilp.PoissonGLM(),
        BASELINE: ilp.LightGBM(**OLD),
        "31 leaves, half of rows and columns": ilp.LightGBM(**OLD | LARGER),
        "bagged": ilp.LightGBM(**OLD | BAGGED),
        "level memory": ilp.LightGBM(**OLD | {"offset": memory}),
        "gamma-Poisson columns": ilp.LightGBM((*FEATURES, GammaPoisson()), **OLD),
        "80 trees, bagged, level memory": ilp.LightGBM(**OLD | FEWER | {"n_estimators": 80}),
        "100 trees, bagged, level memory": ilp.LightGBM(**OLD | FEWER | {"n_estimators": 100, "learning_rate": 0.08}),
        BEST_ALONE: ilp.LightGBM(**OLD | BAGGED | {"offset": memory}),
    }
    return ilp.run_backtest(
        models,
        events,
        ilp.SquareGrid(500),
        test_periods=WEEKS[city],
        end=END[city],
        refit_every=REFIT_EVERY,
        baseline=BASELINE,
    )


def skills(tested: Backtest) -> pd.DataFrame:
    """Return the skill of each trial over two of them, with the pools of logarithms of trees and regression."""
    replays = {one.forecaster: one for one in tested.replays}
    total = replays[BASELINE].expected.sum("cell")
    pools = []
    for name in (BASELINE, "bagged", BEST_ALONE):
        logs = [np.log(np.maximum(replays[one].expected, 1e-3)) for one in (name, "poisson_glm")]
        pooled = np.exp(POOL_WEIGHT * logs[0] + (1 - POOL_WEIGHT) * logs[1])
        own = total if name == BASELINE else replays[name].expected.sum("cell")
        expected = (pooled * (own / pooled.sum("cell"))).transpose(*replays[name].expected.dims)
        pools.append(replace(replays[name], forecaster=f"{name}, pooled with poisson_glm", expected=expected))
    scores = tested.scoring.run([*tested.replays, *pools], tested.grid.area_m2)
    table = pd.concat([scores.skill(name).assign(over=name) for name in (BASELINE, BEST_ALONE)], ignore_index=True)
    return table[(table["crime_type"] == ALL) & (table["forecaster"] != table["over"])]


def lines(table: pd.DataFrame) -> list[str]:
    """Return the tables of the page, best in Toronto first."""
    rows = []
    for over, part in table.groupby("over", sort=False):
        rows += ["", f"Skill over `{over}`:" if over == BASELINE else f"Skill over *{over}*:", *skill_lines(part)]
    return rows


def skill_lines(table: pd.DataFrame) -> list[str]:
    """Return one table."""
    wide = {city: part.set_index("forecaster") for city, part in table.groupby("city", sort=False)}
    first = wide["Toronto"]["skill"].sort_values(ascending=False).index
    rows = ["", f"| trial | {' | '.join(wide)} |", "|---" * (len(wide) + 1) + "|"]
    for name in first:
        cells = [interval(one) for one in (part.loc[name] for part in wide.values())]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
