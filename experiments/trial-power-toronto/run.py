"""Which field trial could show an effect in Toronto? Promise the power on past years, and check it on later ones.

python experiments/trial-power-toronto/run.py    writes results.csv and the tables of README.md

Units are chosen on the records of 2014 to 2018, and the power that a design would promise is simulated there. The same
units are then simulated in 2019 to 2021, which a planner could not have known.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import ilp_models as ilp
from ilp_models.domain.panel import Panel
from ilp_models.domain.trial import Scheme
from ilp_models.evaluation.power import Power, least_effect

FOLDER = Path(__file__).resolve().parent
MARKED = r"(<!-- {0} -->\n).*?(<!-- end of {0} -->)"
PLANNED = pd.Timestamp("2018-12-31")  # a Monday: the planner knows what was recorded before
BEFORE = 52
APART = 156  # weeks before the plan that do not choose units, if promise and choice are kept apart
EFFECTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
SHOWN = (0.1, 0.2)  # effects that the tables show
POWER = 0.8
MATCHED = ilp.MatchedPairs()
ALL_TYPES = "all five types"


@dataclass(frozen=True)
class Trial:
    """A trial that could be planned."""

    outcome: str = ALL_TYPES
    kind: str = "cells"
    count: int = 80
    periods: int = 26
    scheme: Scheme = MATCHED
    label: str = "matched pairs"
    apart: bool = False  # choose units on other years than those of the promise


SIZES = [("cells", 20), ("cells", 40), ("cells", 80), ("cells", 160), ("clusters", 20), ("clusters", 40), ("areas", 20)]
SCHEMES = {
    "matched pairs": (MATCHED, 24),
    "one of four treated": (ilp.BlockedRandomisation(4, 0.25), 24),
    "crossover, 2 weeks": (ilp.Crossover(2, 0), 24),
    "crossover, 2 weeks, 1 left out": (ilp.Crossover(3, 1), 24),
    "stepped wedge, 4 steps": (ilp.SteppedWedge(4), 25),
}
APART_SIZES = [("cells", 80), ("areas", 20)]
PARTS = {
    "units": [Trial(kind=kind, count=count) for kind, count in SIZES],
    "weeks": [Trial(periods=periods) for periods in (8, 13, 26, 52)],
    "choice": [Trial(kind=kind, count=count, apart=apart) for kind, count in APART_SIZES for apart in (False, True)],
    "schemes": [Trial(scheme=scheme, periods=periods, label=label) for label, (scheme, periods) in SCHEMES.items()],
}


def main() -> int:
    """Simulate all trials and write the tables."""
    code, events = ilp.describe_code(), ilp.load_toronto()
    parts = PARTS | {"outcomes": [Trial(outcome=one) for one in (ALL_TYPES, *events.crime_types)]}
    table = pd.DataFrame([{"part": part, **row} for part, rows in parts.items() for row in results(rows, events)])
    table.to_csv(FOLDER / "results.csv", index=False, float_format="%.6g", lineterminator="\n")
    page = FOLDER / "README.md"
    text = page.read_text("utf-8")
    for part in parts:
        body = "\n".join(["", *lines(table[table["part"] == part]), "", f"Made with {code}.", "", ""])
        text = re.sub(MARKED.format(part), lambda found, body=body: found[1] + body + found[2], text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")
    return 0


def results(trials: list[Trial], events: ilp.Events) -> Iterator[dict[str, object]]:
    """Yield one row for each trial: its promise and what later years show."""
    calendar = ilp.Calendar()
    grid = ilp.SquareGrid(500).build(events.known_at(PLANNED))
    periods = calendar.whole_periods(events.start, events.end)
    split = int((periods.start_time < PLANNED).sum())
    for trial in trials:
        kinds = events.crime_types if trial.outcome == ALL_TYPES else [trial.outcome]
        counts = Panel.count(events.select_types(list(kinds)), grid, calendar, periods).values.sum(axis=0)
        past = counts[:, split - APART if trial.apart else 0 : split]
        known = counts[:, : split - APART if trial.apart else split]
        row = {"outcome": trial.outcome, "kind": trial.kind, "units": trial.count, "weeks": trial.periods}
        row |= {"scheme": trial.label, "chosen_apart": trial.apart, "note": ""}
        try:
            units = ilp.TrialUnits(trial.kind, trial.count, radius_m=600, buffer_m=100)
            chosen = units.choose(grid, known.sum(axis=1).astype(float), known.any(axis=1))
            row |= {"cells": sum(map(len, chosen.cells))}
            simulation = ilp.PowerSimulation(periods_before=BEFORE)
            for name, part in (("promised", past), ("later", counts[:, split - BEFORE :])):
                found = simulation.run(chosen.sums({None: part}), trial.scheme, trial.periods, EFFECTS)
                row |= {f"{name}_events": found[0].events, f"{name}_least": least_effect(found[1:], POWER)}
                for one in found:
                    row |= {f"{name}_{one.effect:g}{end}": value for end, value in shares(one)}
        except ilp.IlpError as error:
            row["note"] = error.problem
        yield row


def shares(power: Power) -> list[tuple[str, float]]:
    """Return a power with its interval."""
    return [("", power.power), ("_low", power.low), ("_high", power.high)]


def lines(table: pd.DataFrame) -> list[str]:
    """Return a table of the page."""
    effects = [f"{when}: {effect:.0%} fewer" for effect in SHOWN for when in ("promised", "later")]
    names = ["outcome", "units", "weeks", "scheme", "events", "later: no effect", *effects, "least effect, later"]
    rows = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in table.to_dict("records"):
        unit = f"{row['units']} {row['kind']}{', chosen apart' if row['chosen_apart'] else ''}"
        what = [row["outcome"], unit, row["weeks"], row["scheme"]]
        if row["note"]:
            rows.append(f"| {' | '.join(map(str, what))} | {row['note']} |" + " - |" * (len(names) - 5))
            continue
        cells = [f"{row['later_events']:,.0f}", share(row, "later_0")]
        cells += [share(row, f"{when}_{effect:g}") for effect in SHOWN for when in ("promised", "later")]
        least = row["later_least"]
        cells.append(f"{least:.0%}" if np.isfinite(least) else "above 50%")
        rows.append(f"| {' | '.join(map(str, [*what, *cells]))} |")
    return rows


def share(row: dict[str, object], name: str) -> str:
    """Return a share with its interval."""
    return f"{row[name]:.0%} [{row[f'{name}_low']:.0%}, {row[f'{name}_high']:.0%}]"


if __name__ == "__main__":
    sys.exit(main())
