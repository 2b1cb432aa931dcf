"""How far published counts may be from the truth, as draws of a table that could have been published instead."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.audit.groups.areal_interpolation import AreaCounts
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]

_Z_90: Final = 1.645  # margins of error of the American Community Survey are stated at 90 %


def drawn_counts(counts: Floats, draws: int, seed: int, margins: Floats | None = None, rounding: float = 0.0) -> Floats:
    """Return tables that the published one may stand for.

    A margin of error gives a normal error with the standard deviation margin / 1.645. A count rounded at random to a
    multiple of b may stand for any count less than b away, the less likely the further: the error is triangular. Draws
    below 0 become 0. The errors of different counts are drawn independently, as offices publish no more.
    """
    if margins is not None and not (np.isfinite(margins) & (margins >= 0)).all():
        msg = "A count has no margin of error >= 0; give one for each count, or set audit.groups.margin=null."
        raise InputError(msg)
    rng = np.random.default_rng(seed)
    shape = (draws, *counts.shape)
    drawn = np.broadcast_to(counts, shape).astype(float)
    if margins is not None:
        drawn = drawn + rng.standard_normal(shape) * (margins / _Z_90)
    if rounding > 0:
        drawn = drawn + rng.triangular(-rounding, 0.0, rounding, shape)
    return np.asarray(np.maximum(drawn, 0.0))


def redrawn(counts: AreaCounts, by_group: Floats, *, overlapping: bool) -> AreaCounts:
    """Return counts with the groups of a draw, and all residents to match."""
    if overlapping:
        return replace(counts, by_group=np.minimum(by_group, counts.total[:, None]))
    total = counts.total - counts.by_group.sum(axis=1) + by_group.sum(axis=1)
    return replace(counts, by_group=by_group, total=np.maximum(total, by_group.sum(axis=1)))
