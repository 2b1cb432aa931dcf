"""What makes a table of residents unusable, said before anything is measured on it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError

KEYS: Final = ("area", "dimension", "group")
_ROUNDING: Final = 5.0  # persons a group: census offices publish small counts rounded to 5


def check_rows(table: pd.DataFrame) -> None:
    """Return nothing if each row is a count of residents under a name of its own."""
    numbers = table[table.columns.intersection(["population", "share", "residents"])]
    bad = ~(numbers.ge(0) & numbers.lt(np.inf)).all(axis=1)
    if table.empty or bad.any():
        where = "no row at all" if table.empty else f"a bad population at {_row(table, bad)}"
        msg = f"The group table has {where}; give a count >= 0 of residents in each row."
        raise InputError(msg)
    names = table[list(KEYS)]
    blank = (names.isna() | names.isin(["", "nan"])).any(axis=1)
    if blank.any():
        msg = f"The group table has a row without a name, at {_row(table, blank)}; name area, dimension and group."
        raise InputError(msg)
    twice = table.duplicated(list(KEYS))
    if twice.any():
        msg = f"The group table repeats {_row(table, twice)}; keep one row for each area and group."
        raise InputError(msg)
    for name, rows in table.groupby("dimension"):
        counts = rows.groupby("area")["group"].size()
        if counts.min() != counts.max():
            msg = (
                f"Area {counts.idxmin()!r} lacks a group of dimension {name!r}; write a row with population 0 "
                "where nobody of a group lives."
            )
            raise InputError(msg)


def check_shares(table: pd.DataFrame, overlapping: Sequence[str], tolerance: float) -> None:
    """Return nothing if shares are parts of 1 and those of exclusive groups sum to 1."""
    percent = table["share"] > 1 + tolerance
    if percent.any():
        share = table.loc[percent, "share"].iloc[0]
        msg = f"The share at {_row(table, percent)} is {share:g}; shares are parts of 1, so divide percentages by 100."
        raise InputError(msg)
    lived_in = table[~table["dimension"].isin(list(overlapping)) & (table["residents"] > 0)]
    sums = lived_in.groupby(["dimension", "area"])["share"].sum()
    bad = (sums - 1).abs() > tolerance
    if bad.any():
        dimension, area = sums.index[bad][0]
        msg = (
            f"Shares of {dimension!r} in area {area!r} sum to {sums[bad].iloc[0]:.4g}, not to 1; mend them, add the "
            "group that is left out, or declare the dimension in audit.groups.overlapping."
        )
        raise InputError(msg)


def check_sums(table: pd.DataFrame, overlapping: Sequence[str], tolerance: float) -> None:
    """Return nothing if the groups of each exclusive dimension sum to the residents of each area."""
    apart = table["dimension"].isin(list(overlapping))
    _check_overlapping(table[apart], tolerance)
    areas = (
        table[~apart]
        .groupby(["dimension", "area"])
        .agg(total=("population", "sum"), groups=("group", "size"), low=("residents", "min"), high=("residents", "max"))
    )
    slack = np.maximum(tolerance * areas["high"], _ROUNDING * areas["groups"])
    bad = (np.abs(areas["total"] - areas["high"]) > slack) | (areas["low"] != areas["high"])
    if bad.any():
        dimension, area = areas.index[bad][0]
        row = areas[bad].iloc[0]
        msg = (
            f"Groups of {dimension!r} in area {area!r} sum to {row['total']:g} of {row['high']:g} residents; mend "
            "the counts, add the group that is left out, or declare the dimension in audit.groups.overlapping."
        )
        raise InputError(msg)
    people = table.groupby(["dimension", "group"])["population"].sum()
    if (people == 0).any():
        msg = f"Nobody belongs to group {people.index[people == 0][0]}; leave the group out."
        raise InputError(msg)


def _check_overlapping(table: pd.DataFrame, tolerance: float) -> None:
    slack = np.maximum(tolerance * table["residents"], _ROUNDING)
    bad = table["population"] > table["residents"] + slack
    if bad.any():
        first = table[bad].iloc[0]
        msg = (
            f"Group {_row(table, bad)} has {first['population']:g} persons of {first['residents']:g} residents; mend "
            "the counts or the column of residents."
        )
        raise InputError(msg)


def _row(table: pd.DataFrame, bad: pd.Series) -> str:
    first = table.loc[bad, list(KEYS)].iloc[0]
    return " / ".join(map(str, first))
