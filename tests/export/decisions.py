"""Make decisions and provenance for tests of exports."""

from datetime import UTC, datetime

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.checks import required_keys
from ilp_models.domain.decision import Decision
from ilp_models.domain.finding import Finding, Limit, State
from ilp_models.export.marking import Provenance
from tests.builders import header_of

GROUPS = (("income", "low"), ("income", "other"))


def provenance_of(forecast):
    return Provenance(
        recipe=forecast.recipe,
        data="d" * 64,
        code="0.1.0 at 1a2b3c4",
        created="2022-01-03T06:00:00+00:00",
        attribution="Contains information licensed under the Open Government Licence - Ontario.",
        protocol="500 m squares, 52 weeks to 2021-12-26, cutoff at the start of each week, n = 12, blocks of 4 weeks",
    )


def decision_on(forecast, /, groups=GROUPS, **change):
    """Return a decision whose findings all pass; without groups it withholds the forecast."""
    types = tuple(str(kind) for kind in forecast.expected.indexes["crime_type"])
    keys = [key for keys in required_keys(types, groups).values() for key in keys]
    findings = tuple(
        Finding(check, State.PASS, 1.0, 0.9, 1.1, Limit(0.5, None, None, 2.0), kind, dimension, group)
        for check, kind, dimension, group in keys
    )
    header = header_of(forecast, simulated=True)  # so that the decision does not end with the week
    facts = {
        "report": AuditReport(findings, forecast.forecaster, forecast.recipe, types, groups, header),
        "forecaster": forecast.forecaster,
        "recipe": forecast.recipe,
        "forecast": forecast.digest(),
        "crime_types": types,
        "cutoff": str(forecast.cutoff),
        "periods": len(forecast.periods),
        "issued": datetime(2022, 1, 3, tzinfo=UTC),
        "valid_until": datetime(2999, 1, 1, tzinfo=UTC),
    }
    return Decision(**facts | change)
