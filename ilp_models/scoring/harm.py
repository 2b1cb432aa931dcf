"""Scores that count events by their harm: one ranking of the land for all crime types together."""

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
    """Return hit rates, PAI and PEI by harm, on land ranked by the expected harm of all crime types together.

    Each crime type has its row: its own harm caught on that one land. In a row the weight cancels, in the pool over
    types it does not: there the harm hit rate is harm caught / all harm.
    """
    done = observed * weights[:, None, None]
    total = done.sum(axis=1)
    mine, best = (
        rank_cells(np.tensordot(weights, cube, axes=1)[None], area_m2) * len(weights) for cube in (expected, observed)
    )
    caught = flagged_events(mine, done, shares)
    scores = (
        {"total": total}
        | hit_rates(caught, total, shares)
        | prediction_efficiencies(caught, flagged_events(best, done, shares), shares)
    )
    scores |= {"pai_area": hit_rate_area(mine, done, up_to)}
    return {f"{HARM_PREFIX}{name}": value for name, value in scores.items()}
