"""Whether the areas of a table of residents are those of a grid."""

from difflib import get_close_matches

import pandas as pd

from ilp_models.audit.groups.areal_interpolation import ArealInterpolation
from ilp_models.domain.errors import InputError


def refuse_another_city(areas: pd.Series, labels: pd.Index) -> None:
    """Return nothing if a table and a grid have an area in common."""
    if not labels.isin(areas).any():
        msg = (
            f"No area of the group table is an area of the grid: the table has {areas.iloc[0]!r}, the grid "
            f"{str(labels[0])!r}. Give this city's table, with areas named alike, or set audit.groups.level."
        )
        raise InputError(msg)


def refuse_strange(spread: ArealInterpolation, dimension: str) -> None:
    """Return nothing if the table holds all areas of the grid."""
    if not spread.strange:
        return
    told = []
    for name in spread.strange[:5]:
        # the code nearest to another code means nothing; the nearest name is mostly the same place
        near = [] if any(sign.isdigit() for sign in name) else get_close_matches(name, map(str, spread.areas), n=1)
        told.append(f"{name!r} (nearest: {near[0]!r})" if near else repr(name))
    msg = (
        f"{len(spread.strange)} areas of the grid are not in the group table ({dimension}): {', '.join(told)}. Give a "
        "crosswalk from its names to the grid's, or count their residents as missing: audit.groups.unmatched=count."
    )
    raise InputError(msg)
