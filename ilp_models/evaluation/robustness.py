"""What would change the conclusion of a trial: recording that rises with patrols, and many outcomes."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.stats.multitest import multipletests

from ilp_models.domain.trial import Effect

Floats = npt.NDArray[np.floating[Any]]

RISES: Final = (0.0, 0.05, 0.10, 0.20)
FEWER: Final = "fewer"
MORE: Final = "more"
NONE: Final = "no effect shown"


def conclusion(effect: Effect, confidence: float = 0.95) -> str:
    """Return ``fewer``, ``more`` or ``no effect shown``; the p-value and the interval must agree."""
    shown = effect.shown(1 - confidence)
    if shown and effect.ratio_high < 1:
        return FEWER
    return MORE if shown and effect.ratio_low > 1 else NONE


def reporting_sensitivity(effect: Effect, rises: Sequence[float] = RISES, confidence: float = 0.95) -> pd.DataFrame:
    """Return the effect if a share of more crimes was recorded in treated places, because patrols were there.

    Counts of treated places are divided by 1 plus the rise, and so is the ratio with its interval.
    """
    rows = []
    for rise in rises:
        ratio, low, high = (one / (1 + rise) for one in (effect.ratio, effect.ratio_low, effect.ratio_high))
        word = conclusion(effect, confidence) if rise == 0 else FEWER if high < 1 else MORE if low > 1 else NONE
        rows.append((rise, ratio, low, high, word))
    return pd.DataFrame(rows, columns=["rise", "ratio", "low", "high", "conclusion"])


def tipping_rise(effect: Effect, confidence: float = 0.95) -> float:
    """Return the rise of recording in treated places from which the conclusion is another; below 0 it is a fall.

    NaN where no interval is known. A conclusion of fewer crimes only changes if less was recorded in treated places.
    """
    word = conclusion(effect, confidence)
    edge = effect.ratio_low if word == MORE else effect.ratio_high
    return float(edge - 1) if np.isfinite(edge) else float("nan")


def holm(p_values: Sequence[float]) -> Floats:
    """Return p-values adjusted for several outcomes (Holm 1979); NaN stays NaN and does not count."""
    adjusted = np.array(p_values, dtype=float)
    known = np.isfinite(adjusted)
    if known.any():
        adjusted[known] = multipletests(adjusted[known], method="holm")[1]
    return adjusted
