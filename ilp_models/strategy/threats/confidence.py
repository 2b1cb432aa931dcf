"""How far the evidence on a threat can be relied on, by declared rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from ilp_models.domain.brief import CONFIDENCES

FEWEST_ORIGINS: Final = 5  # from fewer past origins, error and coverage are not judged as good
_ERROR_MODERATE: Final = 0.10  # of the recorded count of 12 months, at past origins
_ERROR_LOW: Final = 0.25
_COVERAGE: Final = 0.75  # of 90 % intervals, at past origins
_FEW: Final = 50  # recorded crimes of 12 months
_RANGE: Final = 10.0  # high reading of a harm weight divided by the low one
_MISSING: Final = 0.10  # share of records without coordinates


class PastErrors(NamedTuple):
    """How good past forecasts of 12 months were."""

    error: float  # of the recorded count; NaN: not tested
    coverage: float  # of their 90 % intervals
    origins: int


@dataclass(frozen=True)
class Confidence:
    """A level of confidence and the reasons why it is not higher."""

    level: str
    reasons: tuple[str, ...]
    kinds: tuple[str, ...]  # what each reason is about: forecast, harm or records

    def about(self, kind: str) -> tuple[str, ...]:
        """Return the reasons of one kind."""
        return tuple(reason for reason, one in zip(self.reasons, self.kinds, strict=True) if one == kind)


def judge_confidence(
    *,
    recorded: float,
    past: PastErrors,
    shifted: bool,
    ranges: Sequence[float],
    missing_share: float,
) -> Confidence:
    """Return the confidence in the evidence on one threat.

    It starts high and falls one level for each weakness: few recorded crimes, a forecast error above 10 %, intervals
    that covered too little, and an undeclared level shift. So do a harm weight that is known within a factor of ten or
    more, and many records without coordinates. It falls two levels for an error above 25 %, and for one from fewer than
    five past origins: a few good forecasts can be luck.
    """
    error, coverage, origins = past
    tested = bool(np.isfinite(error)) and origins > 0
    enough = tested and origins >= FEWEST_ORIGINS
    missed = f"past forecasts of 12 months missed by {100 * error:.0f} %"
    few = "1 past origin is" if origins == 1 else f"{origins} past origins are"
    widest = max(ranges, default=1.0)
    weaknesses = (
        (not tested, 2, "forecast", "the forecast could not be tested"),
        (tested and not enough, 2, "forecast", f"{few} not enough to judge the forecast ({FEWEST_ORIGINS} are needed)"),
        (error > _ERROR_LOW, 2, "forecast", missed),
        (_ERROR_MODERATE < error <= _ERROR_LOW, 1, "forecast", missed),
        (
            enough and coverage < _COVERAGE,
            *(1, "forecast", f"90 % intervals covered {100 * coverage:.0f} % of the recorded counts"),
        ),
        (recorded < _FEW, 1, "forecast", f"only {recorded:,.0f} crimes were recorded in 12 months"),
        (shifted, 1, "forecast", "the recorded level changed without a declared reason"),
        (widest > _RANGE, 1, "harm", f"the harm of one crime is known within a factor of {widest:,.0f} only"),
        (missing_share > _MISSING, 1, "records", f"{100 * missing_share:.0f} % of the records have no coordinates"),
    )
    found = [(steps, kind, reason) for holds, steps, kind, reason in weaknesses if holds]
    fall = sum(steps for steps, _, _ in found)
    return Confidence(
        CONFIDENCES[max(2 - fall, 0)], tuple(reason for *_, reason in found), tuple(kind for _, kind, _ in found)
    )
