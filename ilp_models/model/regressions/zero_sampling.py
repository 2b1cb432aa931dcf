"""Sample the empty units of a training set, stratified by their risk, with weights."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.stats.systematic_sampling import inclusion_probabilities, systematic_sample

Floats = npt.NDArray[np.float64]

_DECIMALS: Final = 6  # of log risk: units that differ by rounding alone have the order of the rows


def check_zero_share(share: float) -> None:
    """Raise InputError unless the share is above 0 and at most 1."""
    if not 0 < share <= 1:
        msg = f"zero_share={share} must be above 0 and at most 1. Set 1 to train on all units."
        raise InputError(msg)


def zero_chances(log_risk: Floats, share: float) -> Floats:
    """Return the probability with which each unit without a count is drawn: it grows with the root of its risk."""
    return inclusion_probabilities(np.exp(0.5 * log_risk), share)


def sample_zeros(
    observed: npt.NDArray[Any], log_offset: Floats, share: float, start: float
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the rows of all units with a count and of a sample of the others, in order, and their weights.

    The sample is systematic, along the risk. The weight of a drawn unit is the inverse of its probability. So a
    weighted sum over the rows has the sum over all units as expectation, for a start that is uniform on [0, 1).
    """
    empty = np.flatnonzero(observed == 0).astype(np.int32)
    risk = log_offset[empty]
    np.round(risk, _DECIMALS, out=risk)
    by_risk = np.argsort(risk, kind="stable")
    empty, risk = empty[by_risk], risk[by_risk]
    del by_risk  # there are millions of units, and a fit is to need little memory
    chance = zero_chances(risk, share)
    del risk
    drawn = np.flatnonzero(systematic_sample(chance, start))
    positive = np.flatnonzero(observed)
    rows = np.concatenate([positive, empty[drawn]])
    weights = np.concatenate([np.ones(len(positive)), 1.0 / chance[drawn]])
    order = np.argsort(rows)
    return rows[order], weights[order]
