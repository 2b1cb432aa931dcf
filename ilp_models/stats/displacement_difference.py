"""The weighted displacement difference: the change of treated places and their surroundings beyond that of controls."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

# Treated, control, displacement zone of the treated, displacement zone of the control.
SIGNS: Final = np.array([1.0, -1.0, 1.0, -1.0])


def displacement_difference(
    before: Floats, after: Floats, weights: Floats | float = 1.0, dispersion: Floats | float = 1.0
) -> tuple[Floats, Floats]:
    """Return the weighted displacement difference and its standard error (Wheeler and Ratcliffe 2018).

    Counts have the shape (..., 4) in the order of `SIGNS`. ``weights`` are broadcast to (2, ..., 4), before and after:
    the length of the period times the area of the place. Counts are Poisson, with a variance of ``dispersion`` times
    the mean.
    """
    share = np.broadcast_to(weights, (2, *before.shape))
    difference = (SIGNS * (after / share[1] - before / share[0])).sum(axis=-1)
    variance = (dispersion * (after / share[1] ** 2 + before / share[0] ** 2)).sum(axis=-1)
    return difference, np.sqrt(variance)
