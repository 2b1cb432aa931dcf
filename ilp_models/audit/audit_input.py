"""What an audit is made of: everything that is looked at, so that it can be kept and looked at again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.feedback.feedback import FeedbackOutcome
from ilp_models.audit.residents import Residents
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.features import Column
from ilp_models.domain.grid import Grid
from ilp_models.domain.replay import Replay


@dataclass(frozen=True, eq=False)
class AuditInput:
    """One forecaster as an audit sees it.

    Parameters
    ----------
    replay : Replay
        Stored forecasts of the forecaster beside what happened.
    baseline : Replay
        The same of the baseline.
    grid : Grid
        The cells of both.
    explanation : Explanation, optional
        Attributions of the forecaster.
    features : sequence of Column, optional
        Columns that the forecaster uses; by default those of the explanation.
    data : str, default ""
        Digest of the records.
    residents : tuple of Residents, optional
        Residents of the cells, one a dimension; by default those of the audit's own group table.
    residents_ahead : tuple of Residents, optional
        The same on the cells of the next forecast, where cells became active since.
    group_table : str, default ""
        Digest of the table they come from.
    trained : tuple of Timestamp, optional
        The half-open span [start, end) of the records that the model learned from.
    reporting_rates : ndarray of float64, optional
        Share of events reported in each cell, where that is known.
    feedback : FeedbackOutcome, optional
        What the forecaster would learn from records that follow its own maps.
    no_feedback : str, optional
        Why that is not known, and what to do.
    """

    replay: Replay
    baseline: Replay
    grid: Grid
    explanation: Explanation | None = None
    features: Sequence[Column] | None = None
    data: str = ""
    residents: tuple[Residents, ...] | None = None
    residents_ahead: tuple[Residents, ...] | None = None
    group_table: str = ""
    trained: tuple[pd.Timestamp, pd.Timestamp] | None = None
    reporting_rates: npt.NDArray[np.float64] | None = None
    feedback: FeedbackOutcome | None = None
    no_feedback: str = "It was not simulated."

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """Columns that the forecaster uses, or None where they are not known."""
        used = self.features
        if used is None and self.explanation is not None:
            used = self.explanation.columns
        return None if used is None else tuple(used)
