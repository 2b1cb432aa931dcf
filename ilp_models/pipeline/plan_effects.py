"""What acting on a forecast means: the plans of the audited rule in past periods, and simulated feedback."""

from dataclasses import replace

import numpy as np

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.feedback.feedback import PatrolRule
from ilp_models.audit.feedback.simulation import simulate_feedback
from ilp_models.audit.flagging import HARM
from ilp_models.domain.allocation import Allocator
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.harm_weights import align_weights
from ilp_models.pipeline.audited_rule import CellPlanner, plan_replay
from ilp_models.pipeline.forecasting import NextForecast


def with_plans(subject: AuditInput, audit: Audit, compute: Compute | None) -> AuditInput:
    """Return the input with the plans of the audited rule in every test period, for forecaster and baseline."""
    if audit.rule is None:
        return subject
    ranking = audit.rank_by, audit.ranking_harm(subject.replay.crime_types)
    plan, baseline = (
        plan_replay(audit.rule, one, subject.grid, subject.residents or (), ranking, compute)
        for one in (subject.replay, subject.baseline)
    )
    return replace(subject, plan=plan, baseline_plan=baseline)


def with_feedback(subject: AuditInput, forecast: NextForecast, settings: Audit) -> AuditInput:
    """Return the input with a simulation of records that follow the forecaster's own maps, or why there is none."""
    people = None
    if subject.residents:
        place = subject.grid.cells.get_indexer(forecast.grid.cells)
        people = np.where(place >= 0, subject.residents[0].total[place], 0.0)
    try:
        types = subject.replay.crime_types
        harm = align_weights(settings.ranking_harm(types), types) if settings.rank_by == HARM else None
        patrols = PatrolRule(settings.land_share, settings.rank_by, people, settings.share_of, harm)
        if settings.rule is not None:
            patrols = replace(patrols, planner=_planner(settings.rule, subject, forecast, settings))
        outcome = simulate_feedback(forecast.forecaster, forecast.forecaster.history_, patrols, settings.feedback)
    except IlpError as error:
        return replace(subject, no_feedback=str(error))
    return replace(subject, feedback=outcome)


def _planner(rule: Allocator, subject: AuditInput, forecast: NextForecast, settings: Audit) -> CellPlanner:
    """Return the audited rule on the cells of the next forecast."""
    if settings.feedback.exploration:
        msg = "audit.feedback.exploration is of the top areas. Set the exploration of audit.rule instead."
        raise InputError(msg)
    same = forecast.grid.cells.equals(subject.grid.cells)
    residents = subject.residents if same or subject.residents_ahead is None else subject.residents_ahead
    ranking = settings.rank_by, settings.ranking_harm(subject.replay.crime_types)
    return CellPlanner.from_grid(rule, forecast.grid, residents or (), ranking, subject.replay.crime_types)
