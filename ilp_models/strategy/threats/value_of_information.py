"""What knowing a missing piece would change in the ranking of threats, from the same draws."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.stats.order_information import gain_of_knowing
from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.gaps import FORECAST, HARM, JUDGEMENT, InformationGain, IntelligenceGap
from ilp_models.strategy.threats.judgements import Judgements
from ilp_models.strategy.threats.threat_draws import ThreatCounts, ThreatDraws

Floats = npt.NDArray[np.float64]

_MOST_DRAWS: Final = 10_000
_TOP: Final = 3
_STEPS: Final = np.linspace(0, 1, 5)  # of a continuous range, from end to end
_CHANCES: Final = np.array([0.125, 0.25, 0.25, 0.25, 0.125])  # trapezoidal rule
_INTERVAL: Final = (0.05, 0.95)  # of a count


def weigh_gaps(
    gaps: Sequence[IntelligenceGap],
    counts: ThreatCounts,
    weights: Sequence[HarmWeights],
    judgements: Judgements,
    settings: RankDraws,
) -> list[IntelligenceGap]:
    """Return the gaps with what knowing each would change, that with the largest fall of uncertainty first.

    A value is assumed with its probability, and every draw of the threat is moved to it. The measures are those of a
    matrix of groups. Each gap is taken alone, and has its largest fall over the harm sets. A missing judgement is
    weighed in the ranking in which judgements count, even if none is known yet.
    """
    settings = replace(settings, draws=min(settings.draws, _MOST_DRAWS))
    best = [gap.gain for gap in gaps]
    for one in weights:
        drawn = ThreatDraws.from_inputs(counts, one, judgements, settings)
        for number, gap in enumerate(gaps):
            found = _gain(gap, drawn, one, judgements, settings.separation)
            if found is not None and not found.bits <= best[number].bits:  # true if none is known
                best[number] = found
    order = list(counts.threats)
    weighed = [replace(gap, gain=gain) for gap, gain in zip(gaps, best, strict=True)]
    return sorted(weighed, key=lambda gap: (-np.nan_to_num(gap.gain.bits, nan=-1.0), order.index(gap.threat)))


def _gain(
    gap: IntelligenceGap, drawn: ThreatDraws, weights: HarmWeights, judgements: Judgements, separation: float
) -> InformationGain | None:
    """Return what knowing a gap would change under one harm set; None if its ranking does not depend on it."""
    at = weights.crime_types.index(gap.threat)
    if gap.kind == JUDGEMENT:
        scale, share = judgements.scheme.scale, judgements.scheme.share
        moved = _with_judgements(drawn, at, judgements.scheme.dimensions.index(gap.subject), share)
        chance = np.full(len(scale), 1 / len(scale))
    elif gap.kind == HARM and gap.subject == weights.name:
        harms = weights.low[at] * (weights.high[at] / weights.low[at]) ** _STEPS
        moved = [replace(drawn, harm=_with_column(drawn.harm, at, one)).scores(judgements.share) for one in harms]
        chance = _CHANCES
    elif gap.kind == FORECAST:
        low, high = _INTERVAL
        values = np.quantile(drawn.counts[:, at], low + (high - low) * _STEPS)
        moved = [replace(drawn, counts=_with_column(drawn.counts, at, one)).scores(judgements.share) for one in values]
        chance = _CHANCES
    else:
        return None
    below = [np.delete(scores, at, axis=1) < scores[:, [at]] for scores in moved]
    bits, pairs = gain_of_knowing(np.stack([one.mean(axis=0) for one in below]), chance, separation)
    first, last = ((~below[end]).sum(axis=1) < _TOP for end in (0, -1))
    return InformationGain(weights.name, bits, pairs, float((first != last).mean()))


def _with_judgements(drawn: ThreatDraws, at: int, dimension: int, share: float) -> list[Floats]:
    """Return the scores if one judgement of a threat were known, for each value of the scale."""
    scheme, scores = drawn.scheme, drawn.scores(share)
    weight = share * drawn.weights[:, dimension] / (scheme.highest - scheme.lowest)
    rest = scores[:, at] - weight * drawn.points[:, at, dimension]
    return [_with_column(scores, at, rest + weight * value) for value in scheme.scale]


def _with_column(values: Floats, at: int, column: Floats | float) -> Floats:
    moved = values.copy()
    moved[:, at] = column
    return moved
