"""Intelligence gaps: what is not known about the threats, and how much each gap decides about their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.strategy.threats.confidence import Confidence
from ilp_models.strategy.threats.judgements import Judgements

_WIDE = 3.0  # high reading of a weight divided by the low one


@dataclass(frozen=True)
class IntelligenceGap:
    """Something that is not known about a threat, and the question that would close it."""

    threat: str
    kind: str  # judgement, harm or evidence
    question: str


def find_gaps(
    threats: Sequence[str],
    judgements: Judgements,
    weights: Sequence[HarmWeights],
    confidences: Sequence[Confidence],
    ties: dict[str, int],
) -> list[IntelligenceGap]:
    """Return the gaps, those of threats that are tied with most others first."""
    unscored: dict[str, list[str]] = {}
    for threat, dimension in judgements.missing():
        unscored.setdefault(threat, []).append(dimension.replace("_", " "))
    found = [
        IntelligenceGap(threat, "judgement", f"How high are these? They are not scored: {', '.join(names)}.")
        for threat, names in unscored.items()
    ]
    for one in weights:
        for threat, low, high, doubt in zip(one.crime_types, one.low, one.high, one.doubts, strict=True):
            if low > 0 and high / low > _WIDE:
                span = f"{low:,.4g} to {high:,.4g}"
                text = f"Which offences does this crime type hold? Their weights in {one.name} span {span}."
                found.append(IntelligenceGap(threat, "harm", f"{text} {doubt}".strip()))
    for threat, confidence in zip(threats, confidences, strict=True):
        found += [
            IntelligenceGap(threat, "evidence", f"{reason[:1].upper()}{reason[1:]}.") for reason in confidence.reasons
        ]
    return sorted(found, key=lambda gap: (-ties.get(gap.threat, 0), list(threats).index(gap.threat)))
