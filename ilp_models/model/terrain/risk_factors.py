"""Candidate risk factors: the spatial influence that features of the place may have on their surroundings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid
from ilp_models.domain.layer import Layer
from ilp_models.domain.proximity import check_near, densities, distances

Floats = npt.NDArray[np.float64]

PROXIMITY: Final = "proximity"
DENSITY: Final = "density"
KINDS: Final = (PROXIMITY, DENSITY)
FORMS: Final = ("binary", "continuous")

_DENSE: Final = 2.0  # standard deviations above the mean of all cells, as in RTMDx


@dataclass(frozen=True, eq=False)
class Factor:
    """One way in which a layer may raise or lower risk around its features.

    Parameters
    ----------
    layer : str
        Name of the layer.
    kind : str
        ``proximity`` or ``density``.
    range_m : float
        Metres.
    values : ndarray of float64
        One value a cell. Binary: 1 nearer than the range, or where the density within it is more than two standard
        deviations above the mean of the cells. Continuous: from 1 at a feature to 0 at the range, or the density in
        standard deviations.
    """

    layer: str
    kind: str
    range_m: float
    values: Floats


def candidate_factors(
    layers: Sequence[Layer], grid: Grid, ranges_m: Sequence[float], kinds: Sequence[str], form: str
) -> tuple[Factor, ...]:
    """Return every factor of every layer, kind and range that tells some cells from others."""
    strange = [kind for kind in kinds if kind not in KINDS]
    if strange or not kinds or form not in FORMS or not ranges_m:
        msg = (
            f"kinds={list(kinds)} must be some of {', '.join(KINDS)}, form={form!r} one of {', '.join(FORMS)}, and "
            f"ranges_m={list(ranges_m)} at least one number of metres."
        )
        raise InputError(msg)
    found: dict[bytes, Factor] = {}
    for layer in layers:
        check_near(layer, grid, max(ranges_m))
        for factor in _factors(layer, grid, sorted(ranges_m), kinds, form):
            if np.ptp(factor.values) > 0:
                found.setdefault(factor.values.tobytes(), factor)
    return tuple(found.values())


def _factors(layer: Layer, grid: Grid, ranges_m: Sequence[float], kinds: Sequence[str], form: str) -> Iterator[Factor]:
    for kind in kinds:
        for range_m in ranges_m:
            if kind == PROXIMITY:
                metres = distances(layer, grid, max(ranges_m))
                near = (metres < range_m).astype(float)
                values = near if form == "binary" else np.maximum(1.0 - metres / range_m, 0.0)
            else:
                amount = densities(layer, grid, range_m)
                spread = float(amount.std()) or 1.0
                dense = amount > amount.mean() + _DENSE * spread
                values = dense.astype(float) if form == "binary" else amount / spread
            yield Factor(layer.name, kind, float(range_m), values)
