"""Validate a group table: counts, names, sums of groups, and areas in common with the grid."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError

KEYS: Final = ("area", "dimension", "group")
_ROUNDING: Final = 5.0  # persons per group: census offices round small counts to 5


def check_rows(table: pd.DataFrame) -> None:
    """Check that each row has a count >= 0 and a unique name, and that each area has every group."""
    numbers = table[table.columns.intersection(["population", "share", "residents"])]
    bad = ~(numbers.ge(0) & numbers.lt(np.inf)).all(axis=1)
    if table.empty or bad.any():
        where = "no row" if table.empty else f"an invalid population at {_row(table, bad)}"
        msg = f"The group table has {where}. Give a count of residents >= 0 in each row."
        raise InputError(msg)
    names = table[list(KEYS)]
    blank = (names.isna() | names.isin(["", "nan"])).any(axis=1)
    if blank.any():
        msg = f"The group table has a row without a name, at {_row(table, blank)}. Name area, dimension and group."
        raise InputError(msg)
    duplicate = table.duplicated(list(KEYS))
    if duplicate.any():
        msg = f"The group table repeats {_row(table, duplicate)}. Keep one row per area and group."
        raise InputError(msg)
    for name, rows in table.groupby("dimension"):
        counts = rows.groupby("area")["group"].size()
        if counts.min() != counts.max():
            msg = (
                f"In the group table, area {counts.idxmin()!r} lacks a group of dimension {name!r}. Add a row with "
                "population 0 where a group has no residents."
            )
            raise InputError(msg)


def check_shares(table: pd.DataFrame, overlapping: Sequence[str], tolerance: float) -> None:
    """Check that shares are at most 1, and that shares of exclusive groups sum to 1."""
    percent = table["share"] > 1 + tolerance
    if percent.any():
        share = table.loc[percent, "share"].iloc[0]
        msg = (
            f"In the group table, the share at {_row(table, percent)} is {share:g}. Shares lie between 0 and 1: divide "
            "percentages by 100."
        )
        raise InputError(msg)
    inhabited = table[~table["dimension"].isin(list(overlapping)) & (table["residents"] > 0)]
    sums = inhabited.groupby(["dimension", "area"])["share"].sum()
    bad = (sums - 1).abs() > tolerance
    if bad.any():
        dimension, area = sums.index[bad][0]
        msg = (
            f"Shares of {dimension!r} in area {area!r} sum to {sums[bad].iloc[0]:.4g}, not to 1. Correct them, add the "
            "missing group, or list the dimension in audit.groups.overlapping."
        )
        raise InputError(msg)


def check_sums(table: pd.DataFrame, overlapping: Sequence[str], tolerance: float) -> None:
    """Check that exclusive groups sum to the residents of each area, and that no group is empty."""
    overlaps = table["dimension"].isin(list(overlapping))
    _check_overlapping(table[overlaps], tolerance)
    areas = (
        table[~overlaps]
        .groupby(["dimension", "area"])
        .agg(total=("population", "sum"), groups=("group", "size"), low=("residents", "min"), high=("residents", "max"))
    )
    slack = np.maximum(tolerance * areas["high"], _ROUNDING * areas["groups"])
    bad = (np.abs(areas["total"] - areas["high"]) > slack) | (areas["low"] != areas["high"])
    if bad.any():
        dimension, area = areas.index[bad][0]
        row = areas[bad].iloc[0]
        msg = (
            f"Groups of {dimension!r} in area {area!r} sum to {row['total']:g} of {row['high']:g} residents. Correct "
            "the counts, add the missing group, or list the dimension in audit.groups.overlapping."
        )
        raise InputError(msg)
    people = table.groupby(["dimension", "group"])["population"].sum()
    if (people == 0).any():
        msg = f"Group {people.index[people == 0][0]} of the group table has no residents. Remove the group."
        raise InputError(msg)


def check_areas_match(areas: pd.Series, labels: pd.Index) -> None:
    """Check that the group table and the grid have at least one area in common."""
    if not labels.isin(areas).any():
        msg = (
            f"No area of the group table is an area of the grid: the table has {areas.iloc[0]!r}, the grid "
            f"{str(labels[0])!r}. Use the table of this city with the same area names, or set audit.groups.area_level."
        )
        raise InputError(msg)


def check_areas_known(unknown: Sequence[str], areas: pd.Index, dimension: str) -> None:
    """Raise InputError for areas of the grid that are not in the group table; the message names the nearest areas."""
    if not unknown:
        return
    examples = []
    for name in unknown[:5]:
        # for names with digits (codes), the nearest name is not the same place
        near = [] if any(sign.isdigit() for sign in name) else get_close_matches(name, map(str, areas), n=1)
        examples.append(f"{name!r} (nearest: {near[0]!r})" if near else repr(name))
    msg = (
        f"{len(unknown)} areas of the grid are not in the group table ({dimension}): {', '.join(examples)}. Give a "
        "crosswalk from its names to those of the grid (audit.groups.source.crosswalk.path), or count their residents "
        "as missing: audit.groups.unmatched=count."
    )
    raise InputError(msg)


def _check_overlapping(table: pd.DataFrame, tolerance: float) -> None:
    slack = np.maximum(tolerance * table["residents"], _ROUNDING)
    bad = table["population"] > table["residents"] + slack
    if bad.any():
        first = table[bad].iloc[0]
        msg = (
            f"Group {_row(table, bad)} has {first['population']:g} persons, but its area has {first['residents']:g} "
            "residents. Correct the counts, or the column of audit.groups.residents."
        )
        raise InputError(msg)


def _row(table: pd.DataFrame, bad: pd.Series) -> str:
    first = table.loc[bad, list(KEYS)].iloc[0]
    return " / ".join(map(str, first))
