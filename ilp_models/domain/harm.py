"""Harm weights: the harm of one event of each crime type."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError


def harm_weights(harm: Mapping[str, float], crime_types: Sequence[str], setting: str) -> npt.NDArray[np.float64]:
    """Return the harm weights in the order of the crime types; InputError where one is missing or negative."""
    missing = [kind for kind in crime_types if kind not in harm]
    if missing:
        msg = f"{setting} has no weight for {', '.join(missing)}. List every crime type; 0 excludes one."
        raise InputError(msg)
    weights = np.array([float(harm[kind]) for kind in crime_types])
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        given = {kind: harm[kind] for kind in crime_types}
        msg = f"{setting}={given} must be finite weights >= 0, at least one of them above 0."
        raise InputError(msg)
    return weights
