"""Plant known effects in simulated cities, and say how often each estimator finds them and covers the truth.

python experiments/planted-effects/run.py    writes results.csv and the tables of README.md

Field trials in simulated cities with near repeats and seasons: treated places lose a share of their events, part of
which may happen next to them, and patrols may record more. Estimators see the records only.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta

import ilp_models as ilp
from ilp_models.domain.trial import Scheme, TrialData, usual_counts
from ilp_models.evaluation.differences import DifferenceInDifferences
from ilp_models.evaluation.displacement import DisplacementDifference
from ilp_models.evaluation.intention_to_treat import IntentionToTreat
from ilp_models.evaluation.synthetic_control import SyntheticControl

FOLDER = Path(__file__).resolve().parent
MARKED = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"
TRIALS, CITIES = 1000, 40
BEFORE, DURING = 104, 26  # weeks
COMPARED = 52  # weeks before a trial that it is compared with, as in a design
SIDE = 16  # cells of 500 m along the city
RATIO = 0.8
MOVED = 0.5  # share of the events that do not happen in treated places, and happen next to them
RECORDED = 2.0  # events that patrols find in treated places, as a multiple
FOUND = "robbery"  # the type that patrols find
LEVEL = 0.05
WEDGE = ilp.SteppedWedge(4)
SCHEMES = {  # name: scheme, weeks of the trial
    "matched pairs": (ilp.MatchedPairs(), 26),
    "one of four treated": (ilp.BlockedRandomisation(4, 0.25), 26),
    "crossover": (ilp.Crossover(2, 1), 24),
    "stepped wedge": (WEDGE, 25),
}
THROUGHOUT = ("matched pairs", "one of four treated")  # units do not change


@dataclass(frozen=True)
class BeforeAfter:
    """The treated count over that of as many weeks before the trial: what is often printed."""

    def estimate(self, trial: TrialData) -> tuple[float, float, float, float]:
        """Return ratio, interval and p-value, as if both counts were Poisson and nothing else had changed."""
        treated = trial.treated.any(axis=1)
        weeks = trial.during.shape[1]
        now, then = trial.during[treated].sum(), trial.before[treated, -weeks:].sum()
        error = np.sqrt(1 / now + 1 / then)
        low, high = np.exp(np.log(now / then) + np.array([-1.96, 1.96]) * error)
        return now / then, low, high, LEVEL / 2 if low > 1 or high < 1 else 1.0


ESTIMATORS = {
    "intention to treat": IntentionToTreat(draws=499),
    "difference in differences": DifferenceInDifferences(),
    "displacement difference": DisplacementDifference(),
    "displacement difference, Poisson": DisplacementDifference(poisson=True),
    "synthetic control": SyntheticControl(match_periods=26),
    "before and after": BeforeAfter(),
}
CHANGING = ("intention to treat", "difference in differences")  # that allow units to change


def main() -> int:
    """Run all trials and write the tables."""
    code, cities = ilp.describe_code(), list(read_cities())
    table = pd.DataFrame([row for name in SCHEMES for row in run_scheme(name, cities)])
    table.to_csv(FOLDER / "results.csv", index=False, float_format="%.6g", lineterminator="\n")
    page = FOLDER / "README.md"
    text = page.read_text("utf-8")
    for name, lines in (("truth", truth_lines(table)), ("power", power_lines(table)), ("bias", bias_lines(table))):
        body = "\n".join(["", *lines, "", f"Made with {code}.", "", ""])
        text = re.sub(MARKED.format(name), lambda found, body=body: found[1] + body + found[2], text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")
    return 0


def read_cities() -> Iterator[np.ndarray]:
    """Yield the counts (types, rows, columns, weeks) of cities; type 0 is the one that patrols find."""
    for seed in range(CITIES):
        city = ilp.SimulatedCity(seed=seed, size_km=SIDE / 2, districts=SIDE, weeks=BEFORE + DURING)
        events = city.read()
        order = sorted(range(len(events.crime_types)), key=lambda kind: events.crime_types[kind] != FOUND)
        table = events.table
        week = ((table["occurred_at"] - events.start).dt.days // 7).to_numpy()
        column, row = (((table[axis] - low) // 500).astype(int) for axis, low in (("x", city.west), ("y", city.south)))
        counts = np.zeros((len(order), SIDE, SIDE, BEFORE + DURING), dtype=int)
        np.add.at(counts, (table["crime_type"].cat.codes, row, column, week), 1)
        yield counts[order]


def run_scheme(name: str, cities: list[np.ndarray]) -> Iterator[dict[str, object]]:
    """Yield one row for each planted effect, outcome and estimator of a scheme."""
    scheme, weeks = SCHEMES[name]
    planned = np.mean([designed_power(scheme, weeks, counts) for counts in cities])
    planted = {"none": (1.0, 0.0, 1.0), "fewer": (RATIO, 0.0, 1.0)}
    if name == "matched pairs":
        planted |= {"fewer, moved": (RATIO, MOVED, 1.0), "none, recorded more": (1.0, 0.0, RECORDED)}
    for what, effect in planted.items():
        found: dict[tuple[str, str], list[tuple[float, ...]]] = {}
        generator = np.random.default_rng(len(what))
        for number in range(TRIALS):
            outcomes = one_trial(scheme, weeks, cities[number % CITIES], effect, generator)
            for outcome, (trial, truth) in outcomes.items():
                for label in ESTIMATORS if name in THROUGHOUT else CHANGING:
                    found.setdefault((outcome, label), []).append(measured(label, trial, truth))
        for (outcome, label), rows in found.items():
            yield {
                "scheme": name,
                "planted": what,
                "outcome": outcome,
                "estimator": label,
                "designed_power": planned if what == "fewer" else np.nan,
            } | summary(np.array(rows))


def designed_power(scheme: Scheme, weeks: int, counts: np.ndarray) -> float:
    """Return the power that a design would promise from the past of a city."""
    units, _ = places(counts.sum(axis=0)[..., :BEFORE])
    return ilp.PowerSimulation(trials=200, periods_before=COMPARED).run(units, scheme, weeks, [1 - RATIO])[0].power


def places(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of every second cell of every second row, and of the cells to their east: units and zones."""
    weeks = counts.shape[-1]
    return tuple(counts[::2, at::2].reshape(-1, weeks) for at in (0, 1))


def one_trial(
    scheme: Scheme, weeks: int, counts: np.ndarray, effect: tuple[float, float, float], generator: np.random.Generator
) -> dict[str, tuple[TrialData, float]]:
    """Return what is compared, with the true ratio of each outcome."""
    ratio, moved, recorded = effect
    kinds = [places(one[..., : BEFORE + weeks]) for one in counts]
    total = sum(units for units, _ in kinds)
    blocks = scheme.blocks(usual_counts(total[:, BEFORE - COMPARED : BEFORE]))
    treated = np.broadcast_to(scheme.draw(blocks, weeks, 1, generator)[0], (len(total), weeks))
    units, zones = [], []
    for at, (own, around) in enumerate(kinds):
        during = own[:, BEFORE:]
        left = np.where(treated, generator.binomial(during, ratio), during)
        elsewhere = generator.binomial(during - left, moved)
        more = generator.poisson((recorded - 1) * left) if at == 0 else 0
        units.append(np.hstack([own[:, :BEFORE], left + np.where(treated, more, 0)]))
        zones.append(np.hstack([around[:, :BEFORE], around[:, BEFORE:] + elsewhere]))

    def outcome(parts: list[np.ndarray]) -> TrialData:
        whole = np.sum(parts, axis=0).astype(float)
        return TrialData(whole[:, BEFORE - COMPARED : BEFORE], whole[:, BEFORE:], treated, scheme, blocks)

    if recorded > 1:
        return {"all types": (outcome(units), 1.0), "reported by victims": (outcome(units[1:]), 1.0)}
    if moved:
        around = np.sum([one[:, BEFORE:] for _, one in kinds], axis=0)
        gone = (1 - ratio) * np.sum([one[:, BEFORE:] for one, _ in kinds], axis=0)
        truth = 1 + moved * gone[treated].sum() / around[treated].sum()
        return {"units": (outcome(units), ratio), "zones": (outcome(zones), float(truth))}
    return {"units": (outcome(units), ratio)}


def measured(label: str, trial: TrialData, truth: float) -> tuple[float, ...]:
    """Return ratio, whether the truth is covered and whether an effect is shown; NaN where nothing can be estimated."""
    try:
        found = ESTIMATORS[label].estimate(trial)
    except ilp.IlpError:
        return np.nan, np.nan, np.nan
    ratio, low, high, p_value = (
        found if isinstance(found, tuple) else (found.ratio, found.ratio_low, found.ratio_high, found.p_value)
    )
    return np.log(ratio / truth), float(low <= truth <= high), float(p_value <= LEVEL)


def summary(rows: np.ndarray) -> dict[str, float]:
    """Return bias, coverage and share shown, with exact intervals of the shares."""
    rows = rows[~np.isnan(rows).any(axis=1)]
    values: dict[str, float] = {"trials": len(rows), "bias": float(np.expm1(rows[:, 0].mean()))}
    for name, column in (("coverage", 1), ("shown", 2)):
        hits, total = int(rows[:, column].sum()), len(rows)
        values[name] = hits / total
        values[f"{name}_low"] = float(beta.ppf(0.025, hits, total - hits + 1)) if hits else 0.0
        values[f"{name}_high"] = float(beta.ppf(0.975, hits + 1, total - hits)) if hits < total else 1.0
    return values


def share(row: pd.Series, name: str) -> str:
    """Return a share with its interval."""
    return f"{row[name]:.1%} [{row[f'{name}_low']:.1%}, {row[f'{name}_high']:.1%}]"


def truth_lines(table: pd.DataFrame) -> list[str]:
    """Return size and coverage, and whether they are within the limits."""
    rows = ["| scheme | estimator | shown without an effect (5 %) | covers no effect | covers 20 % fewer | verdict |"]
    rows.append("|---" * 6 + "|")
    for scheme, label in product(SCHEMES, ESTIMATORS):
        own = table[(table["scheme"] == scheme) & (table["estimator"] == label)].set_index("planted")
        if own.empty:
            continue
        none, fewer = own.loc["none"], own.loc["fewer"]
        right = 0.035 <= none["shown"] <= 0.065 and all(0.93 <= one["coverage"] <= 0.97 for one in (none, fewer))
        cells = [share(none, "shown"), share(none, "coverage"), share(fewer, "coverage")]
        rows.append(f"| {scheme} | {label} | {' | '.join(cells)} | {'within the limits' if right else 'fails'} |")
    return rows


def power_lines(table: pd.DataFrame) -> list[str]:
    """Return the promised and the reached power of the planned analysis."""
    rows = ["| scheme | power by design | power reached |", "|---|---|---|"]
    own = table[(table["planted"] == "fewer") & (table["estimator"] == "intention to treat")]
    rows += [
        f"| {one.scheme} | {one.designed_power:.1%} | {share(own.loc[at], 'shown')} |" for at, one in own.iterrows()
    ]
    return rows


def bias_lines(table: pd.DataFrame) -> list[str]:
    """Return what happens to estimates if events move, or if patrols record more."""
    rows = ["| planted | outcome | estimator | bias of the ratio | covers the truth | shown |", "|---" * 6 + "|"]
    for _, one in table[table["planted"].isin(("fewer, moved", "none, recorded more"))].iterrows():
        cells = [f"{one['bias']:+.1%}", share(one, "coverage"), share(one, "shown")]
        rows.append(f"| {one['planted']} | {one['outcome']} | {one['estimator']} | {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    sys.exit(main())
