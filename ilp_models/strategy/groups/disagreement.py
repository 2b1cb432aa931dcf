"""Disagreement of scorers: how far their points differ, by attribute and by group."""

from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.strategy.groups.matrix import GroupMatrix

Floats = npt.NDArray[np.float64]

_COLUMNS: Final = ("pairs", "equal_share", "mean_difference", "largest_difference", "known_to_some")


def disagreement(matrix: GroupMatrix) -> pd.DataFrame:
    """Return one row for each attribute, then one for each group.

    ``pairs`` counts scores by two scorers who both know. The differences are absolute, in points. ``known_to_some``
    counts how often some scorers of a group know a score and others do not.
    """
    differences = {group: _differences(matrix.scores(group)) for group in matrix.groups}
    partly = {group: _known_to_some(matrix.scores(group)) for group in matrix.groups}
    rows = []
    for at, name in enumerate(matrix.scheme.names):
        values = np.concatenate([one[:, at] for one in differences.values()])
        rows.append(("attribute", name, *_summary(values), int(sum(one[at] for one in partly.values()))))
    for group in matrix.groups:
        rows.append(("group", group, *_summary(differences[group].ravel()), int(partly[group].sum())))
    return pd.DataFrame(rows, columns=["by", "name", *_COLUMNS])


def _differences(points: Floats) -> Floats:
    """Return the absolute differences of each pair of scorers, shape (pairs, attributes); NaN if one does not know."""
    return np.stack([np.abs(points[one] - points[other]) for one, other in combinations(range(len(points)), 2)])


def _known_to_some(points: Floats) -> npt.NDArray[np.bool_]:
    known = ~np.isnan(points)
    return np.asarray(known.any(axis=0) & ~known.all(axis=0))


def _summary(values: Floats) -> tuple[int, float, float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return 0, np.nan, np.nan, np.nan
    return len(known), float((known == 0).mean()), float(known.mean()), float(known.max())
