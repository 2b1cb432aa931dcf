"""Input of an audit: everything that its checks read, so that it can be stored and audited again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.feedback.feedback import FeedbackOutcome
from ilp_models.audit.register.earlier import RegisterSnapshot
from ilp_models.audit.residents import Residents
from ilp_models.domain.allocation import PlannedPeriods
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.features import Column
from ilp_models.domain.grid import Grid
from ilp_models.domain.replay import Replay
from ilp_models.domain.timing import Timing


@dataclass(frozen=True, eq=False)
class AuditInput:
    """Forecasts, records, cells and explanation of one forecaster."""

    replay: Replay  # stored forecasts with the recorded events
    baseline: Replay
    grid: Grid
    explanation: Explanation | None = None
    features: Sequence[Column] | None = None  # columns that the forecaster uses; by default those of the explanation
    data: str = ""  # digest of the records
    residents: tuple[Residents, ...] | None = None  # one a dimension; by default read from the audit's group table
    residents_ahead: tuple[Residents, ...] | None = None  # on the cells of the next forecast, if these differ
    group_table: str = ""  # digest of the group table
    group_source: str = ""  # where the group table was read from
    trained: tuple[pd.Timestamp, pd.Timestamp] | None = None  # half-open span of the training records
    reporting_rates: npt.NDArray[np.float64] | None = None  # share of events reported, by cell
    plan: PlannedPeriods | None = None  # of the audited rule in the test periods; None: top areas
    baseline_plan: PlannedPeriods | None = None  # of the same rule, applied to the baseline's forecasts
    rule_search: Mapping[str, Any] | None = None  # trials of other rules before the audited periods
    feedback: FeedbackOutcome | None = None
    no_feedback: str = "it was not simulated"  # why there is no outcome, and what to do
    no_groups: str = ""  # why the group table cannot be read
    places: str = ""  # digest of where the cells of the next forecast lie
    settings_changed: tuple[str, ...] = ()  # settings outside the audit that differ from their defaults
    settings_digest: str = ""  # of records, groups and all settings except those of random draws
    random_settings: Mapping[str, Any] = field(default_factory=dict)  # seeds and numbers of draws, by name
    method_digest: str = ""  # of all settings, groups and code without the records: what a standing approval is for
    intake_shares: Mapping[str, float] = field(default_factory=dict)  # share of the records that each rule found
    decision_code: str = ""  # digest of the code that explains, audits and decides
    overused: pd.DataFrame | None = None  # cells with records at over-used points; None if the records were not read
    timing: Timing | None = None  # end of the records and period of the forecast; None if unknown
    register: RegisterSnapshot | None = None  # earlier decisions on the same data; None if the register was not read

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """Columns that the forecaster uses; None where unknown."""
        used = self.features
        if used is None and self.explanation is not None:
            used = self.explanation.columns
        return None if used is None else tuple(used)
