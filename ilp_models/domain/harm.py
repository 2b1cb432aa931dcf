"""Harm of events: one weight a crime type, in any one unit."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError


def harm_weights(harm: Mapping[str, float], crime_types: Sequence[str], setting: str) -> npt.NDArray[np.float64]:
    """Return the harm of one event of each crime type."""
    missing = [kind for kind in crime_types if kind not in harm]
    if missing:
        msg = f"{setting} gives no weight to {', '.join(missing)}; name every crime type, with 0 to leave one out."
        raise InputError(msg)
    weights = np.array([float(harm[kind]) for kind in crime_types])
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        given = {kind: harm[kind] for kind in crime_types}
        msg = f"{setting}={given} must be finite weights of 0 or more, one of them above 0."
        raise InputError(msg)
    return weights
