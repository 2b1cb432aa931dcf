"""Explaining and auditing a forecaster, and letting the gate decide on its forecast."""

import logging
from dataclasses import dataclass

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.gate import decide
from ilp_models.audit.subject import Subject
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.explain.explain import Explain
from ilp_models.pipeline.ahead import Ahead
from ilp_models.pipeline.comparison import Comparison
from ilp_models.pipeline.study import now

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Judgement:
    """What explanation and audit came to.

    Parameters
    ----------
    decision : Decision
        Admitted or withheld, with the findings.
    subject : Subject
        What was looked at.
    explanation : Explanation or None
        Attributions of the next forecast; None where the forecaster cannot be explained.
    reasons : DataFrame or None
        Strongest reasons of the highest cells.
    """

    decision: Decision
    subject: Subject
    explanation: Explanation | None
    reasons: pd.DataFrame | None


def judge(ahead: Ahead, comparison: Comparison, explain: Explain, audit: Audit, data: str = "") -> Judgement:
    """Return the decision on a forecast, from the replays of its forecaster.

    Parameters
    ----------
    ahead : Ahead
        The forecast to decide on, with its fitted forecaster.
    comparison : Comparison
        Replays of the forecaster and of the audit's baseline.
    explain : Explain
        How forecasts are explained.
    audit : Audit
        Checks and limits.
    data : str, default ""
        Digest of the records.

    Returns
    -------
    Judgement
        The gate fails closed: what cannot be explained or measured is withheld.
    """
    name = ahead.forecast.forecaster
    explanation, moment = _explain(ahead, explain), now()
    replays = comparison.replay_of(name), comparison.replay_of(audit.baseline)
    subject = audit.with_residents(Subject(*replays, comparison.grid, explanation, data=data))
    report = audit.run(subject, moment)
    reasons = None if explanation is None else explain.top_reasons(explanation, ahead.grid.area_m2)
    decision = decide(report, ahead.forecast, moment, audit.valid_days)
    return Judgement(decision, subject, explanation, reasons)


def _explain(ahead: Ahead, explain: Explain) -> Explanation | None:
    try:
        return explain.run(ahead.forecaster, ahead.periods[:1], ahead.forecast.forecaster)
    except InputError as error:
        _LOG.warning("No explanation: %s", error)
        return None
