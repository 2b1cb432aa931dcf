"""The gate: the only place that makes decisions."""

from datetime import datetime, timedelta

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.governance import Governance


def decide(report: AuditReport, forecast: RiskForecast, now: datetime, valid_days: float = 8) -> Decision:
    """Return the decision on one forecast that follows from the audit of its forecaster.

    It fails closed. A required check withholds if it is missing, did not pass, has no value or lacks evidence. So do an
    audit of another recipe, forecaster or set of crime types, and a forecast of more than one period.
    """
    if not 0 < valid_days < float("inf"):
        msg = f"audit.valid_days={valid_days} must be a finite number of days above 0."
        raise InputError(msg)
    until = now + timedelta(days=valid_days)
    ends = Governance.from_dict(report.header.get("governance") or {}).ends
    return Decision(
        report=report,
        forecaster=forecast.forecaster,
        recipe=forecast.recipe,
        forecast=forecast.digest(),
        crime_types=tuple(str(name) for name in forecast.expected.indexes["crime_type"]),
        cutoff=forecast.cutoff.isoformat(),
        periods=len(forecast.periods),
        issued=now,
        valid_until=until if ends is None or now.tzinfo is None else min(until, ends),
    )
