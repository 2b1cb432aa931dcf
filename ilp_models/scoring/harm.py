"""Harm-weighted hit rates, on one ranking of the land for all crime types."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ilp_models.domain.harm_weights import WEIGHT, HarmWeights
from ilp_models.scoring.hot_spots import flagged_events, hit_rates, rank_cells
from ilp_models.stats.pooling import HARM_PREFIX

Floats = npt.NDArray[np.float64]


def harm_readings(weights: Sequence[HarmWeights], crime_types: Sequence[str]) -> dict[str, Floats]:
    """Return the weights of every set and reading in the order of the types, by the start of its scores.

    A set whose readings are equal has one, such as ``harm_own``; any other has two, such as ``harm_ons_css_low``.
    """
    return {
        reading_prefix(one.name, reading): one.aligned(crime_types, reading)
        for one in weights
        for reading in one.readings
    }


def reading_prefix(name: str, reading: str) -> str:
    """Return the start of the names of the scores of a set and reading."""
    return f"{HARM_PREFIX}{name}" if reading == WEIGHT else f"{HARM_PREFIX}{name}_{reading}"


def harm_scores(
    expected: Floats, observed: Floats, area_m2: Floats, readings: Mapping[str, Floats], shares: Sequence[float]
) -> dict[str, Floats]:
    """Return harm-weighted hit rates under each reading, on land ranked by the expected harm of all crime types.

    Each crime type has a row: the harm of that type on this land. The weight cancels within a row but not in the pool
    over types, where the harm hit rate is captured harm / all harm.
    """
    scores: dict[str, Floats] = {}
    for prefix, weights in readings.items():
        harm = observed * weights[:, None, None]
        total = harm.sum(axis=1)
        ranked = rank_cells(np.tensordot(weights, expected, axes=1)[None], area_m2) * len(weights)
        rates = hit_rates(flagged_events(ranked, harm, shares), total, shares)
        hits = {name: rate for name, rate in rates.items() if name.startswith("hit_rate")}
        scores |= {f"{prefix}_{name}": value for name, value in ({"total": total} | hits).items()}
    return scores
