"""Formulas of group measures over sums, and gaps between groups.

Sums are a mapping of names to arrays. Their last two axes are (crime types, groups and, last, all residents); axes
before them are draws. Notation: a_it the flagged fraction of cell i in period t, n_ig residents of group g and n_i in
all, s_ig = n_ig / n_i, y_it recorded and p_it expected events, L the Poisson deviance:

==================  ==========================================================================
``exposed``         sum of a_it n_ig; ``other_exposed`` the same on the map of the baseline
``patrolled``       sum of a_it s_ig
``burdened``        sum of y_it s_ig
``covered``         sum of a_it y_it s_ig
``permanent``       sum of n_ig over cells that are flagged in more than half of the periods
``people``          sum of n_ig
``cells``           sum of s_ig
``maps``            number of maps (periods times types) in the sums
``predicted``       sum of p_it s_ig
``recorded``        sum of y_it s_ig
``over, under``     sum of s_ig max(p_it - y_it, 0), and of s_ig max(y_it - p_it, 0)
``loss``            sum of n_ig L_it; ``other_loss`` the same of the baseline
==================  ==========================================================================
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Totals = Mapping[str, Floats]
Formula = Callable[[Totals], Floats]
Pick = Callable[[Floats], Callable[[Floats], Floats]]

_ROUNDING: Final = 1e-12


def exposure(sums: Totals) -> Floats:
    """Return E_g: the share of group-person-periods in flagged areas."""
    return _own(sums["exposed"]) / (sums["maps"] * _own(sums["people"]))


def exposure_ratio(sums: Totals, reference: int | None = None, term: str = "exposed") -> Floats:
    """Return ER_g: the exposure of a group over that of all other residents, or of a reference group."""
    return _over_others(sums[term], sums["people"], reference)


def baseline_exposure_ratio(sums: Totals) -> Floats:
    """Return AR_g: the exposure ratio over that on the map of the baseline, of the same share and unit."""
    return exposure_ratio(sums) / exposure_ratio(sums, term="other_exposed")


def population_share(sums: Totals) -> Floats:
    """Return m_g: the share of residents who are of a group."""
    return _share(sums["people"])


def patrol_share(sums: Totals) -> Floats:
    """Return pi_g: the share of flagged cells, weighted by the group's share of residents."""
    return _share(sums["patrolled"])


def burden_share(sums: Totals, term: str = "burdened") -> Floats:
    """Return beta_g: the share of recorded events, weighted by the group's share of residents."""
    return _share(sums[term])


def need_adjusted_ratio(sums: Totals) -> Floats:
    """Return the need-adjusted ratio NAR_g = pi_g / beta_g: 1 if flags follow recorded events."""
    return patrol_share(sums) / burden_share(sums)


def coverage(sums: Totals) -> Floats:
    """Return C_g: the share of a group's recorded events in flagged areas."""
    return _own(sums["covered"]) / _own(sums["burdened"])


def permanent(sums: Totals) -> Floats:
    """Return the share of a group's residents in cells that are flagged in more than half of the periods."""
    return _own(sums["permanent"]) / _own(sums["people"])


def permanent_ratio(sums: Totals) -> Floats:
    """Return the permanently flagged share of a group over that of all others; 1 if both are 0."""
    return np.where(sums["permanent"][..., -1:] > 0, _over_others(sums["permanent"], sums["people"]), 1.0)


def sum_ratio(sums: Totals) -> Floats:
    """Return R_g: expected over recorded events where a group lives."""
    return _own(sums["predicted"]) / _own(sums["recorded"])


def over_prediction(sums: Totals) -> Floats:
    """Return O_g: events expected beyond those recorded, over recorded events."""
    return _own(sums["over"]) / _own(sums["recorded"])


def under_prediction(sums: Totals) -> Floats:
    """Return U_g: events recorded beyond those expected, over recorded events."""
    return _own(sums["under"]) / _own(sums["recorded"])


def error(sums: Totals) -> Floats:
    """Return the mean absolute error: the mean of the absolute p_it - y_it over cells and periods, weights s_ig."""
    return (_own(sums["over"]) + _own(sums["under"])) / (sums["maps"] * _own(sums["cells"]))


def d2(sums: Totals) -> Floats:
    """Return D2_g: 1 - deviance / deviance of the baseline, weighted by residents."""
    return 1 - _own(sums["loss"]) / _own(sums["other_loss"])


def group_ratio(values: Floats, enough: npt.NDArray[np.bool_], *, lowest: bool = False) -> Callable[[Floats], Floats]:
    """Return the ratio of the highest to the lowest group value, or its inverse, as a function of draws.

    The two groups are fixed by ``values``; 1 means that both have the same value in a draw.
    """
    bottom = np.where(enough, values, np.inf).argmin(axis=-1)
    top = np.where(enough, values, -np.inf).argmax(axis=-1)
    comparable = np.where(enough.sum(axis=-1) > 1, 1.0, np.nan)

    def ratio(drawn: Floats) -> Floats:
        low, high = _at_group(drawn, bottom), _at_group(drawn, top)
        return np.asarray(comparable * (low / high if lowest else high / low))

    return ratio


def highest_group(values: Floats, enough: npt.NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """Return the value of the group that is highest in ``values``, as a function of draws."""
    top = np.where(enough, values, -np.inf).argmax(axis=-1)
    comparable = np.where(enough.sum(axis=-1) > 1, 1.0, np.nan)
    return lambda drawn: np.asarray(comparable * _at_group(drawn, top))


def per_draw(values: Floats, pick: Pick) -> Floats:
    """Return the pick of each draw, the groups chosen in each draw separately."""
    return pick(values)(values)


def _own(sums: Floats) -> Floats:
    return sums[..., :-1]


def _share(sums: Floats) -> Floats:
    return sums[..., :-1] / sums[..., -1:]


def _over_others(sums: Floats, people: Floats, reference: int | None = None) -> Floats:
    """Return sums per resident of each group over sums per resident of all others; NaN without others."""
    own = _own(sums) / _own(people)
    if reference is not None:
        return own / own[..., [reference]]
    others = people[..., -1:] - _own(people)
    others = np.where(others > _ROUNDING * people[..., -1:], others, np.nan)
    remaining = sums[..., -1:] - _own(sums)
    return own / (np.where(remaining > _ROUNDING * sums[..., -1:], remaining, 0.0) / others)


def _at_group(values: Floats, place: npt.NDArray[np.int64]) -> Floats:
    index = np.broadcast_to(place[..., None], (*values.shape[:-1], 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]
