"""Measures of groups of residents as formulas over sums, whatever the sums were drawn from.

Sums come as a mapping of names to arrays whose last two axes are (crime types, groups and, last, everyone); any axes
before them are draws. With a_it the flagged fraction of cell i in period t, n_ig residents of group g and n_i in all,
s_ig = n_ig / n_i, y_it recorded and p_it expected events, L the Poisson deviance:

==================  ==========================================================================
``exposed``         sum of a_it n_ig; ``other_exposed`` the same on the map of the baseline
``patrolled``       sum of a_it s_ig
``burdened``        sum of y_it s_ig
``covered``         sum of a_it y_it s_ig
``permanent``       sum of n_ig over cells that are flagged in more than half of the periods
``people``          sum of n_ig
``maps``            maps (periods times types) that were added up
``predicted``       sum of p_it s_ig, and ``happened`` the sum of y_it s_ig beside it
``over, under``     sum of s_ig times what p_it exceeds y_it by, and y_it exceeds p_it by
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

_ROUNDING: Final = 1e-12


def exposure(sums: Totals) -> Floats:
    """Return E_g: the share of group-person-periods inside flagged land."""
    return _own(sums["exposed"]) / (sums["maps"] * _own(sums["people"]))


def exposure_ratio(sums: Totals, reference: int | None = None, term: str = "exposed") -> Floats:
    """Return ER_g: the exposure of a group over that of the rest of the residents or of a named group."""
    return _over_others(sums[term], sums["people"], reference)


def baseline_exposure_ratio(sums: Totals) -> Floats:
    """Return AR_g: the exposure ratio over that on the map of the baseline, of the same share and unit."""
    return exposure_ratio(sums) / exposure_ratio(sums, term="other_exposed")


def population_share(sums: Totals) -> Floats:
    """Return m_g: the share of residents who are of a group."""
    return _share(sums["people"])


def patrol_share(sums: Totals) -> Floats:
    """Return pi_g: the share of flagged cells that falls to a group."""
    return _share(sums["patrolled"])


def burden_share(sums: Totals, term: str = "burdened") -> Floats:
    """Return beta_g: the share of recorded events that falls to a group."""
    return _share(sums[term])


def need_adjusted_ratio(sums: Totals) -> Floats:
    """Return NAR_g = pi_g / beta_g: 1 where flags follow recorded events."""
    return patrol_share(sums) / burden_share(sums)


def coverage(sums: Totals) -> Floats:
    """Return C_g: the share of a group's recorded events inside flagged land."""
    return _own(sums["covered"]) / _own(sums["burdened"])


def permanent(sums: Totals) -> Floats:
    """Return the share of a group's residents in cells that are flagged in more than half of the periods."""
    return _own(sums["permanent"]) / _own(sums["people"])


def permanent_ratio(sums: Totals) -> Floats:
    """Return the permanently flagged share of a group over that of all other residents, 1 where there is nobody."""
    return np.where(sums["permanent"][..., -1:] > 0, _over_others(sums["permanent"], sums["people"]), 1.0)


def sum_ratio(sums: Totals) -> Floats:
    """Return R_g: expected over recorded events by who lives there."""
    return _own(sums["predicted"]) / _own(sums["happened"])


def over_prediction(sums: Totals) -> Floats:
    """Return O_g: what was expected beyond what happened, over what happened."""
    return _own(sums["over"]) / _own(sums["happened"])


def under_prediction(sums: Totals) -> Floats:
    """Return U_g: what happened beyond what was expected, over what happened."""
    return _own(sums["under"]) / _own(sums["happened"])


def d2(sums: Totals) -> Floats:
    """Return D2_g: 1 - deviance / deviance of the baseline where the group lives."""
    return 1 - _own(sums["loss"]) / _own(sums["other_loss"])


def _own(sums: Floats) -> Floats:
    return sums[..., :-1]


def _share(sums: Floats) -> Floats:
    return sums[..., :-1] / sums[..., -1:]


def _over_others(sums: Floats, people: Floats, reference: int | None = None) -> Floats:
    """Return sums a resident of each group over sums a resident of all others, NaN where there are no others."""
    own = _own(sums) / _own(people)
    if reference is not None:
        return own / own[..., [reference]]
    others = people[..., -1:] - _own(people)
    others = np.where(others > _ROUNDING * people[..., -1:], others, np.nan)
    remaining = sums[..., -1:] - _own(sums)
    return own / (np.where(remaining > _ROUNDING * sums[..., -1:], remaining, 0.0) / others)
