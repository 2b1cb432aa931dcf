"""The two groups that are furthest apart, and the one where a measure is highest."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Pick = Callable[[Floats], Callable[[Floats], Floats]]


def pair(values: Floats, enough: npt.NDArray[np.bool_], *, lowest: bool = False) -> Callable[[Floats], Floats]:
    """Return a function that divides the values of the two groups that are furthest apart here."""
    bottom = np.where(enough, values, np.inf).argmin(axis=-1)
    top = np.where(enough, values, -np.inf).argmax(axis=-1)
    comparable = np.where(enough.sum(axis=-1) > 1, 1.0, np.nan)

    def ratio(drawn: Floats) -> Floats:
        low, high = _taken(drawn, bottom), _taken(drawn, top)
        return np.asarray(comparable * (low / high if lowest else high / low))

    return ratio


def highest(values: Floats, enough: npt.NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """Return a function that takes the value of the group where it is highest here."""
    top = np.where(enough, values, -np.inf).argmax(axis=-1)
    comparable = np.where(enough.sum(axis=-1) > 1, 1.0, np.nan)
    return lambda drawn: np.asarray(comparable * _taken(drawn, top))


def per_draw(values: Floats, pick: Pick) -> Floats:
    """Return what is picked from values by themselves, each draw for itself."""
    return pick(values)(values)


def _taken(values: Floats, place: npt.NDArray[np.int64]) -> Floats:
    index = np.broadcast_to(place[..., None], (*values.shape[:-1], 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]
