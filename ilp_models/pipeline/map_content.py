"""Gather what the interactive map of the weekly report shows: expected and recorded counts, and flagged cells."""

from ilp_models.pipeline.audit_result import AuditResult
from ilp_models.pipeline.flagged_cells import flagged_cells
from ilp_models.report.last_map import LastMap
from ilp_models.report.weekly_map import MapEvidence


def map_evidence(audit: AuditResult, last: LastMap | None = None) -> MapEvidence:
    """Return what the map of the weekly report shows in addition to the forecast."""
    forecast = audit.forecast
    recent, flagged = forecast.recent, flagged_cells(audit)
    return MapEvidence(
        recorded=recent.last.values,
        recorded_period=recent.last_period,
        flagged=None if flagged is None else flagged.cells.values[:, :, 0].astype(float),
        places=forecast.place_names,
        layers=forecast.study.layers.known,
        last=last,
    )
