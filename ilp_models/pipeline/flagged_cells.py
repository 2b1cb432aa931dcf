"""Flag the cells of the next forecast as the audit flags those of the past."""

from dataclasses import replace

import numpy as np

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import InputError
from ilp_models.export.table import FlaggedCells
from ilp_models.pipeline.audit_result import AuditResult
from ilp_models.pipeline.audited_rule import CellPlanner


def flagged_cells(audit: AuditResult) -> FlaggedCells | None:
    """Return the cells of the forecast that the audited rule covers; None where it cannot rank them."""
    settings, forecast, subject = audit.settings, audit.forecast, audit.audit_input
    people = subject.residents_ahead or subject.residents
    try:
        rule = settings.context(subject).flagging_rule()
    except InputError:  # such as residents that could not be read; the findings of the audit say so
        return None
    rule = replace(rule, area_m2=forecast.grid.area_m2, residents=people[0].total if people else None)
    expected = forecast.forecast.expected
    if settings.rule is not None:
        ranking = settings.rank_by, settings.ranking_harm(subject.replay.crime_types)
        planner = CellPlanner.from_grid(settings.rule, forecast.grid, people or (), ranking, subject.replay.crime_types)
        covered = planner.plan(expected.values, LocalProcesses(jobs=1)).share > 0
        cells = expected.copy(data=np.broadcast_to(covered, expected.shape))
        return FlaggedCells(cells, f"true: the audited rule '{settings.rule.name}' gives effort to the cell")
    cells = expected.copy(data=rule.whole(expected.values, settings.land_share))
    share = f"true: the cell is among the highest {settings.land_share:.3g} of the {settings.share_of}"
    return FlaggedCells(cells, f"{share} in its crime type and period, ranked by {settings.rank_by}, as audited")
