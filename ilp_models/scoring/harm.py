"""Harm-weighted hot spot scores, on one ranking of the land for all crime types."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.scoring.hot_spots import flagged_events, hit_rate_area, hit_rates, prediction_efficiencies, rank_cells

Floats = npt.NDArray[np.float64]

HARM_PREFIX: Final = "harm_"


def harm_scores(
    expected: Floats, observed: Floats, area_m2: Floats, weights: Floats, shares: Sequence[float], up_to: float
) -> dict[str, Floats]:
    """Return harm-weighted hit rates, PAI and PEI, on land ranked by the expected harm of all crime types.

    Each crime type has a row: the harm of that type on this land. The weight cancels within a row but not in the pool
    over types, where the harm hit rate is captured harm / all harm.
    """
    harm = observed * weights[:, None, None]
    total = harm.sum(axis=1)
    ranked, best = (
        rank_cells(np.tensordot(weights, cube, axes=1)[None], area_m2) * len(weights) for cube in (expected, observed)
    )
    captured = flagged_events(ranked, harm, shares)
    scores = (
        {"total": total}
        | hit_rates(captured, total, shares)
        | prediction_efficiencies(captured, flagged_events(best, harm, shares), shares)
    )
    scores |= {"pai_area": hit_rate_area(ranked, harm, up_to)}
    return {f"{HARM_PREFIX}{name}": value for name, value in scores.items()}
