"""Intelligence requirements: which missing piece would separate the groups most, if it were known."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.stats.order_information import gain_of_knowing
from ilp_models.strategy.groups.ranking import DrawnScores, draw_points, scale_points

Floats = npt.NDArray[np.float64]

NOT_KNOWN, PARTLY, DIFFERENT = "not known", "known to some scorers", "scorers differ"
_BUDGET: Final = 1_000_000_000  # comparisons of two scores: some seconds
_FEWEST_DRAWS: Final = 500


@dataclass(frozen=True)
class Requirement:
    """One judgement that is not known, or on which scorers differ, and what knowing it would change."""

    group: str
    attribute: str
    kind: str
    unknown_share: float  # of the scorers
    bits: float  # expected fall of the uncertainty about the order of the group and each other one
    pairs: float  # expected number of pairs that become separated, less those that become tied


def find_requirements(drawn: DrawnScores) -> list[Requirement]:
    """Return every open judgement, that with the largest expected fall of uncertainty first.

    A value is assumed with the probability that it has in the draws, and every draw of the group is moved to it. The
    fall is the mutual information between the value and the order of each pair, in bits, summed over the pairs. Known
    scores of other groups do not change, and each piece is taken alone. A large matrix uses the first draws only.
    """
    matrix = drawn.matrix
    levels, names = scale_points(matrix.scheme), matrix.scheme.names
    chances = {(at, one): chance for at in range(len(matrix.groups)) for one, chance in _open(drawn, at, levels)}
    used = _draws_within_budget(drawn, len(chances) * len(levels))
    found, points, last = [], np.empty((0, 0)), -1
    for (at, one), (chance, share) in chances.items():
        if at != last:
            points, last = draw_points(matrix, at, drawn.settings)[:used], at
        bits, pairs = _gain(drawn, at, drawn.weights[:used, one], points[:, one], levels, chance)
        kind = NOT_KNOWN if share == 1 else PARTLY if share else DIFFERENT
        found.append(Requirement(matrix.groups[at], names[one], kind, share, bits, pairs))
    return sorted(found, key=lambda each: (-each.bits, each.group, each.attribute))


def _open(drawn: DrawnScores, at: int, levels: Floats) -> list[tuple[int, tuple[Floats, float]]]:
    """Return the open attributes of a group: probability of each value, and share of scorers who do not know."""
    given = drawn.matrix.scores(drawn.matrix.groups[at])
    result = []
    for one, column in enumerate(given.T):
        unknown = float(np.isnan(column).mean())
        chance = (column[:, None] == levels).mean(axis=0) + unknown / len(levels)
        if chance.max() < 1:
            result.append((one, (chance, unknown)))
    return result


def _draws_within_budget(drawn: DrawnScores, moves: int) -> int:
    draws, groups = drawn.scores.shape
    return int(min(draws, max(_FEWEST_DRAWS, _BUDGET // max(moves * groups, 1))))


def _gain(
    drawn: DrawnScores, at: int, weight: Floats, points: Floats, levels: Floats, chance: Floats
) -> tuple[float, float]:
    """Return the expected fall of uncertainty in bits, and of the number of tied pairs, if one value were known."""
    others = np.delete(drawn.scores[: len(weight)], at, axis=1)
    rest = drawn.scores[: len(weight), at] - weight * points
    likely = chance > 0
    above = np.stack([((rest + weight * level)[:, None] > others).mean(axis=0) for level in levels[likely]])
    return gain_of_knowing(above, chance[likely], drawn.settings.separation)
