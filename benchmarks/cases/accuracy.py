"""Accuracy of the committed experiment on Toronto, read from its result tables."""

from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.figure import Figure, Goal, NotMeasuredError
from ilp_models.domain.scores import ALL, is_bound

_FOLDER: Final = Path(__file__).resolve().parents[2] / "experiments" / "toronto-weekly"


def measure(*, quick: bool) -> list[Figure]:
    """Return skill over the tuned EWMA and city totals of the best forecaster."""
    del quick
    return rows_of(_FOLDER)


def rows_of(folder: Path) -> list[Figure]:
    """Return the rows from the tables of an experiment."""
    for name in ("skill.csv", "summary.csv"):
        if not (folder / name).is_file():
            msg = f"{folder.parent.name}/{folder.name}/{name} is not there yet; its README says how to make it"
            raise NotMeasuredError(msg)
    skill, summary = (first_lead(pd.read_csv(folder / name)) for name in ("skill.csv", "summary.csv"))
    pooled = skill[skill["crime_type"] == ALL].set_index("forecaster")
    best = str(pooled["skill"].idxmax())
    value, low = (float(pooled[name].loc[best]) for name in ("skill", "low"))
    own, sums = by_type(skill, best)["skill"], by_type(summary[summary["score"] == "sum_ratio"], best)["value"]
    weeks, near = int(pooled["n"].loc[best]), Goal(low=0.93, high=1.07)
    said = f"{best} over the tuned EWMA, {weeks} weeks"
    return [
        Figure("pooled skill", value, "", Goal(low=0.015), n=weeks, note=said),
        Figure("pooled skill, lower bound", low, "", Goal(low=0.008), n=weeks, note=said),
        Figure("least skill of a type", float(own.min()), "", Goal(low=0), n=weeks, note=str(own.idxmin())),
        Figure("lowest sum ratio of a type", float(sums.min()), "", near, n=weeks, note=str(sums.idxmin())),
        Figure("highest sum ratio of a type", float(sums.max()), "", near, n=weeks, note=str(sums.idxmax())),
    ]


def first_lead(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of forecasters at their first lead, without the bounds."""
    bound = table["forecaster"].map(is_bound).astype(bool)
    rows: pd.DataFrame = table.loc[(table["lead"] == table["lead"].min()) & ~bound, :]
    return rows


def by_type(table: pd.DataFrame, forecaster: str) -> pd.DataFrame:
    """Return the rows of one forecaster: one for each crime type, without the pool."""
    rows = table.loc[(table["forecaster"] == forecaster) & (table["crime_type"] != ALL), :]
    return rows.set_index("crime_type")
