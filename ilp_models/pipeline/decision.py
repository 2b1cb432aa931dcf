"""Explaining and auditing a forecaster, and letting the gate decide on its forecast."""

import logging
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.defaults import BASELINE, changed_settings
from ilp_models.audit.feedback.feedback import PatrolRule
from ilp_models.audit.feedback.simulation import simulate_feedback
from ilp_models.audit.flagging import HARM
from ilp_models.audit.gate import decide
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.harm import harm_weights
from ilp_models.domain.recipe import decision_digest
from ilp_models.explain.explain import Explain
from ilp_models.export.table import CellTable
from ilp_models.pipeline.backtesting import Comparison
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.forecasting import NextForecast
from ilp_models.pipeline.study import Study

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
    subject: AuditInput
    explanation: Explanation | None
    reasons: pd.DataFrame | None


def judge(study: Study, ahead: NextForecast, comparison: Comparison, explain: Explain, audit: Audit) -> Judgement:
    """Return the decision on a forecast, from the replays of its forecaster."""
    name, moment = ahead.forecast.forecaster, now()
    explanation = _explain(ahead, explain)
    # a weak baseline is easily beaten, and an explanation with few refits passes easily: changes of both are reported
    baseline = {**BASELINE, **study.config["model"][audit.baseline]}
    changed = [
        *changed_settings(baseline, BASELINE, f"model.{audit.baseline}"),
        *changed_settings(asdict(explain), asdict(Explain()), "explain"),
    ]
    subject = AuditInput(
        comparison.replay_of(name),
        comparison.replay_of(audit.baseline),
        comparison.grid,
        explanation,
        data=study.events.digest(),
        trained=(study.events.start, study.cutoff),
        reporting_rates=audit.reporting_rates.to_cells(comparison.grid),
        places=CellTable.from_grid(ahead.grid).digest(),
        settings_changed=tuple(changed),
        decision_code=decision_digest(),
    )
    subject = audit.with_residents(subject)
    if subject.residents is not None and not ahead.grid.cells.equals(subject.grid.cells):
        subject = replace(subject, residents_ahead=audit.groups.to_cells(ahead.grid))
    subject = _with_feedback(subject, ahead, audit)
    report = audit.run(subject, moment)
    reasons = None if explanation is None else explain.top_reasons(explanation, ahead.grid.area_m2)
    decision = decide(report, ahead.forecast, moment, audit.valid_days)
    return Judgement(decision, subject, explanation, reasons)


def _with_feedback(subject: AuditInput, ahead: NextForecast, audit: Audit) -> AuditInput:
    """Return the subject with what its forecaster would learn from records that follow its own maps, or why not."""
    cells, people = ahead.grid.cells, None
    if subject.residents:
        place = subject.grid.cells.get_indexer(cells)
        people = np.where(place >= 0, subject.residents[0].total[place], 0.0)
    try:
        types = subject.replay.crime_types
        harm = harm_weights(audit.harm, types, "audit.harm") if audit.unit == HARM else None
        patrols = PatrolRule(audit.share, audit.unit, people, audit.share_of, harm)
        outcome = simulate_feedback(ahead.forecaster, ahead.forecaster.history_, patrols, audit.feedback)
    except IlpError as error:
        return replace(subject, no_feedback=str(error))
    return replace(subject, feedback=outcome)


def _explain(ahead: NextForecast, explain: Explain) -> Explanation | None:
    try:
        return explain.run(ahead.forecaster, ahead.periods[:1], ahead.forecast.forecaster)
    except InputError as error:
        _LOG.warning("No explanation: %s", error)
        return None
