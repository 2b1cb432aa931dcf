"""Build findings, audit reports and what the gate needs of a forecast."""

from datetime import UTC, datetime, timedelta

from ilp_models.domain.audit import AuditReport, Finding, Limit, State
from ilp_models.domain.checks import required_keys
from ilp_models.domain.decision import Decision
from ilp_models.domain.finding import ALL
from tests.builders import TYPES, forecast_on, header_of, square_grid

NOW = datetime(2022, 1, 3, 8, tzinfo=UTC)
GROUPS = (("income", "low"), ("income", "rest"))
RATIO = Limit(fail_below=0.9, warn_below=0.95, warn_above=1.05, fail_above=1.1)
FORECAST = forecast_on(square_grid())


def passed(key, **changes):
    """Return a finding that passes."""
    check, crime_type, dimension, group = key
    values = {"state": State.PASS, "value": 1.0, "low": 0.9, "high": 1.1, "limit": RATIO}
    return Finding(check, crime_type=crime_type, dimension=dimension, group=group, **(values | changes))


KEYS = [key for keys in required_keys(TYPES, GROUPS).values() for key in keys]
WHOLE = tuple(passed(key) for key in KEYS)


def report(findings=WHOLE, **changes):
    known = {"forecaster": "ewma", "recipe": "0123456789abcdef", "crime_types": (*TYPES, ALL), "groups": GROUPS}
    known["header"] = header_of(FORECAST)
    return AuditReport(findings, **(known | changes))


def decision(of=None, **changes):
    known = {
        "report": report() if of is None else of,
        "forecaster": "ewma",
        "recipe": FORECAST.recipe,
        "forecast": FORECAST.digest(),
        "crime_types": TYPES,
        "cutoff": FORECAST.cutoff.isoformat(),
        "periods": 1,
        "issued": NOW,
        "valid_until": NOW + timedelta(days=6),
    }
    return Decision(**(known | changes))
