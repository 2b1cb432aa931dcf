"""The gate: the only place that makes decisions."""

from datetime import datetime, timedelta

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.governance import Governance
from ilp_models.domain.timing import Timing


def decide(report: AuditReport, forecast: RiskForecast, now: datetime, valid_days: float = 15) -> Decision:
    """Return the decision on one forecast that follows from the audit of its forecaster.

    It fails closed. A required check withholds if it is missing, did not pass, has no value or lacks evidence. So do an
    audit of another recipe, forecaster or set of crime types, a forecast of more than one period, and a period that is
    over or was forecast as of another day. A decision ends with the period that it forecasts.
    """
    if not 0 < valid_days < float("inf"):
        msg = f"audit.valid_days={valid_days} must be a finite number of days above 0."
        raise InputError(msg)
    timing = Timing.from_header(report.header)
    if timing is not None and not timing.covers(forecast.periods):
        msg = (
            f"The audit is for {timing.starts} to {timing.ends}, and the forecast for {forecast.periods[0]}. Audit "
            "this forecast."
        )
        raise InputError(msg)
    ends = [now + timedelta(days=valid_days), Governance.from_dict(report.header.get("governance") or {}).ends]
    if timing is not None and not timing.simulated:
        ends.append(timing.ends_at())
    return Decision(
        report=report,
        forecaster=forecast.forecaster,
        recipe=forecast.recipe,
        forecast=forecast.digest(),
        crime_types=tuple(str(name) for name in forecast.expected.indexes["crime_type"]),
        cutoff=forecast.cutoff.isoformat(),
        periods=len(forecast.periods),
        issued=now,
        valid_until=min(one for one in ends if one is not None) if now.tzinfo is not None else now,
    )
