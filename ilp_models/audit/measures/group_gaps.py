"""The two groups that are furthest apart, and the one where a measure is highest."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Pick = Callable[[Floats], Callable[[Floats], Floats]]


def pair(values: Floats, enough: npt.NDArray[np.bool_], *, lowest: bool = False) -> Callable[[Floats], Floats]:
    """Return a function that divides the values of the two groups that are furthest apart here.

    Parameters
    ----------
    values : ndarray of float64
        Shape (..., groups).
    enough : ndarray of bool
        Groups that can be compared.
    lowest : bool, default False
        Whether the lowest stands above.

    Returns
    -------
    callable
        Takes values with any axes before these; NaN where fewer than two groups can be compared.
    """
    bottom = np.where(enough, values, np.inf).argmin(axis=-1)
    top = np.where(enough, values, -np.inf).argmax(axis=-1)
    comparable = np.where(enough.sum(axis=-1) > 1, 1.0, np.nan)

    def ratio(drawn: Floats) -> Floats:
        low, high = _taken(drawn, bottom), _taken(drawn, top)
        return np.asarray(comparable * (low / high if lowest else high / low))

    return ratio


def highest(values: Floats, enough: npt.NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """Return a function that takes the value of the group where it is highest here.

    Parameters
    ----------
    values : ndarray of float64
        Shape (..., groups).
    enough : ndarray of bool
        Groups that can be compared.

    Returns
    -------
    callable
        Takes values with any axes before these; NaN where fewer than two groups can be compared.
    """
    top = np.where(enough, values, -np.inf).argmax(axis=-1)
    comparable = np.where(enough.sum(axis=-1) > 1, 1.0, np.nan)
    return lambda drawn: np.asarray(comparable * _taken(drawn, top))


def per_draw(values: Floats, pick: Pick) -> Floats:
    """Return what is picked from values by themselves, each draw for itself.

    Parameters
    ----------
    values : ndarray of float64
        Shape (..., groups).
    pick : callable
        :func:`pair` or :func:`highest`, told which groups can be compared.

    Returns
    -------
    ndarray of float64
        Shape (...).
    """
    return pick(values)(values)


def _taken(values: Floats, place: npt.NDArray[np.int64]) -> Floats:
    index = np.broadcast_to(place[..., None], (*values.shape[:-1], 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]
