"""Intelligence gaps: what is not known about the threats, and how much each gap decides about their order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.strategy.threats.confidence import Confidence
from ilp_models.strategy.threats.judgements import Judgements

JUDGEMENT, HARM, FORECAST, RECORDS = "judgement", "harm", "forecast", "records"
COLUMNS: Final = (
    *("threat", "kind", "subject", "question"),
    *("bits", "pairs", "top_three", "top_three_word", "harm_set"),
)
_WIDE: Final = 3.0  # high reading of a weight divided by the low one


@dataclass(frozen=True)
class InformationGain:
    """What knowing one missing piece would change in the ranking, under the harm set where it changes most."""

    harm_set: str = ""  # empty: the gap is not part of the draws, so that nothing is known of its effect
    bits: float = float("nan")  # expected fall of the uncertainty about the order of the threat and each other one
    pairs: float = float("nan")  # expected number of pairs that become separated, less those that become tied
    top_three: float = float("nan")  # probability that the ends of its range differ in whether the threat is in the top


@dataclass(frozen=True)
class IntelligenceGap:
    """Something that is not known about a threat, and the question that would close it."""

    threat: str
    kind: str
    subject: str  # the dimension of a judgement, or the harm set
    question: str
    gain: InformationGain = field(default_factory=InformationGain)

    @property
    def piece(self) -> str:
        """What is missing, in words."""
        if self.kind == JUDGEMENT:
            return f"the judgement of {self.subject.replace('_', ' ')} of {self.threat}"
        if self.kind == HARM:
            return f"the harm of one crime of {self.threat} under {self.subject}"
        what = "the number of crimes to come" if self.kind == FORECAST else "the places of records"
        return f"{what} of {self.threat}"


def find_gaps(
    threats: Sequence[str], judgements: Judgements, weights: Sequence[HarmWeights], confidences: Sequence[Confidence]
) -> list[IntelligenceGap]:
    """Return the gaps by kind and threat; ``weigh_gaps`` says what each would decide."""
    found = [
        IntelligenceGap(threat, JUDGEMENT, name, f"How high is the {name.replace('_', ' ')}? It is not scored.")
        for threat, name in judgements.missing()
    ]
    for one in weights:
        for threat, low, high, doubt in zip(one.crime_types, one.low, one.high, one.doubts, strict=True):
            if low > 0 and high / low > _WIDE:
                span = f"{low:,.4g} to {high:,.4g}"
                text = f"Which offences does this crime type hold? Their weights in {one.name} span {span}."
                found.append(IntelligenceGap(threat, HARM, one.name, f"{text} {doubt}".strip()))
    for threat, confidence in zip(threats, confidences, strict=True):
        if reasons := confidence.about(FORECAST):
            text = f"How many crimes will be recorded? The forecast is weak: {'; '.join(reasons)}."
            found.append(IntelligenceGap(threat, FORECAST, "", text))
        if reasons := confidence.about(RECORDS):
            text = f"Where did these crimes happen? {'; '.join(reasons)}."
            found.append(IntelligenceGap(threat, RECORDS, "", text))
    return found
