"""How far the evidence on a threat can be relied on, by declared rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

LEVELS: Final = ("low", "moderate", "high")
_ERROR_MODERATE: Final = 0.10  # of the recorded count of 12 months, at past origins
_ERROR_LOW: Final = 0.25
_COVERAGE: Final = 0.75  # of 90 % intervals, at past origins
_FEW: Final = 50  # recorded crimes of 12 months
_RANGE: Final = 10.0  # high reading of a harm weight divided by the low one
_MISSING: Final = 0.10  # share of records without a usable place


@dataclass(frozen=True)
class Confidence:
    """A level of confidence and the reasons why it is not higher."""

    level: str
    reasons: tuple[str, ...]


def judge_confidence(
    *,
    recorded: float,
    error: float,
    coverage: float,
    shifted: bool,
    ranges: Sequence[float],
    missing_share: float,
) -> Confidence:
    """Return the confidence in the evidence on one threat.

    It starts high and falls one level for each weakness: few recorded crimes, a forecast error above 10 %, intervals
    that covered too little, and an undeclared level shift. So do a harm weight that is known within a factor of ten or
    more, and many records without a place. An error above 25 %, or an unknown one, is low at once.
    """
    missed = f"past forecasts of 12 months missed by {100 * error:.0f} %"
    widest = max(ranges, default=1.0)
    weaknesses = (
        (not np.isfinite(error), 2, "the forecast could not be tested"),
        (error > _ERROR_LOW, 2, missed),
        (_ERROR_MODERATE < error <= _ERROR_LOW, 1, missed),
        (coverage < _COVERAGE, 1, f"90 % intervals covered {100 * coverage:.0f} % of the recorded counts"),
        (recorded < _FEW, 1, f"only {recorded:,.0f} crimes were recorded in 12 months"),
        (shifted, 1, "the recorded level changed without a declared reason"),
        (widest > _RANGE, 1, f"the harm of one crime is known within a factor of {widest:,.0f} only"),
        (missing_share > _MISSING, 1, f"{100 * missing_share:.0f} % of the records have no usable place"),
    )
    found = [(steps, reason) for holds, steps, reason in weaknesses if holds]
    fall = sum(steps for steps, _ in found)
    return Confidence(LEVELS[max(2 - fall, 0)], tuple(reason for _, reason in found))
