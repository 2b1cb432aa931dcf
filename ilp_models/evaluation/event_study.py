"""Treated against control counts by span of time, relative to the last span before the trial."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t as student

from ilp_models.domain.errors import InputError
from ilp_models.domain.trial import TrialData

Floats = npt.NDArray[np.floating[Any]]

_LEAST_UNITS: Final = 2  # in each arm, for a variance between units


@dataclass(frozen=True)
class EventStudy:
    """The ratio of treated to control counts in each span, relative to the last span before the trial.

    The estimates are those of a Poisson regression on units, spans and treatment by span, whose unit effects cancel
    out. Errors are clustered by unit (Liang and Zeger 1986). A ratio far from 1 before the trial says that the arms
    moved apart without it.

    Parameters
    ----------
    span : int, default 4
        Periods that are counted together.
    """

    span: int = 4

    def __post_init__(self) -> None:
        """Refuse a span without a period."""
        if self.span < 1:
            msg = f"span={self.span} must be at least 1 period."
            raise InputError(msg)

    def estimate(self, trial: TrialData, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row a span: ``span`` (0 is the last before the trial), ``ratio``, ``low``, ``high``, counts.

        InputError if units of the trial do not all begin together.
        """
        ever = trial.treated.any(axis=1)
        if not (trial.treated[ever].all() and trial.before.size):
            msg = (
                "An event study needs one start: units that are treated throughout the trial, and units that never are."
            )
            raise InputError(msg)
        inside = trial.blocks >= 0
        before, during = self._spans(trial.before, last=True), self._spans(trial.during, last=False)
        counts = np.hstack([before, during])
        reference = before.shape[1] - 1
        arms = [counts[inside & ever], counts[inside & ~ever]]
        totals = np.array([one.sum(axis=0) for one in arms])
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(totals[0] / totals[1]) - np.log(totals[0, reference] / totals[1, reference])
            variance = sum(_variance(one, reference) for one in arms)
        width = student.ppf((1 + confidence) / 2, max(int(inside.sum()) - 1, 1)) * np.sqrt(variance)
        logs = np.where(np.isfinite(logs) & np.isfinite(width), logs, np.nan)
        table = pd.DataFrame(
            {
                "span": np.arange(counts.shape[1]) - reference,
                "ratio": np.exp(logs),
                "low": np.exp(logs - width),
                "high": np.exp(logs + width),
                "treated": totals[0],
                "control": totals[1],
            }
        )
        table.loc[reference, ["low", "high"]] = np.nan  # 1 by definition
        return table

    def _spans(self, counts: Floats, *, last: bool) -> Floats:
        """Return sums over whole spans; those of the past end with its last period."""
        whole = counts.shape[1] // self.span
        if not whole:
            return np.asarray(counts.sum(axis=1, keepdims=True))
        size = whole * self.span
        kept = counts[:, -size:] if last else counts[:, :size]
        return np.asarray(kept.reshape(len(counts), whole, self.span).sum(axis=2))


def _variance(counts: Floats, reference: int) -> Floats:
    """Return the variance of the log of each total less that of the reference, clustered by unit."""
    units = len(counts)
    if units < _LEAST_UNITS:
        return np.full(counts.shape[1], np.nan)
    totals = counts.sum(axis=0)
    shares = counts / totals
    moves = shares - shares[:, [reference]]
    spread: Floats = (moves**2).sum(axis=0)
    return units / (units - 1) * spread
