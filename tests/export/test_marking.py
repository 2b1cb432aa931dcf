from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.export.marking import mark
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

NOW = datetime(2022, 1, 3, 12, tzinfo=UTC)


@pytest.fixture
def forecast():
    return forecast_on(square_grid())


def test_research_needs_no_decision_and_is_marked(forecast):
    marking = mark(forecast, provenance_of(forecast), None, "research", NOW)
    assert marking.grade == "research"
    assert marking.decision == "none"
    assert marking.facts["use"] == RESEARCH_ONLY == "research only - not for resource allocation"
    assert marking.facts["caveat"] == CAVEAT
    assert marking.headline.startswith(RESEARCH_ONLY)
    assert SCOPE in marking.headline
    assert marking.facts["forecast"] == forecast.digest()


def test_an_admitted_forecast_can_have_the_grade_allocation(forecast):
    decision = decision_on(forecast)
    marking = mark(forecast, provenance_of(forecast), decision, "allocation", NOW)
    assert marking.grade == "allocation"
    assert marking.decision == decision.short != "none"
    assert RESEARCH_ONLY not in str(marking.facts)


def test_changed_audit_settings_are_named(forecast):
    decision = decision_on(forecast)
    assert mark(forecast, provenance_of(forecast), decision, "allocation", NOW).facts["audit_settings"] == ("defaults")
    softer = replace(decision, report=replace(decision.report, changed=("audit.land_share=0.1 (default 0.05)",)))
    facts = mark(forecast, provenance_of(forecast), softer, "allocation", NOW).facts
    assert facts["audit_settings"] == "audit.land_share=0.1 (default 0.05)"
    assert mark(forecast, provenance_of(forecast), None, "research", NOW).facts["audit_settings"] == "none"


def test_a_withheld_forecast_is_research_and_has_the_id_of_its_decision(forecast):
    decision = decision_on(forecast, groups=())
    marking = mark(forecast, provenance_of(forecast), decision, "research", NOW)
    assert marking.decision == decision.short


def test_a_decision_on_another_forecast_is_not_named(forecast):
    other = forecast_on(square_grid(), seed=1)
    assert mark(forecast, provenance_of(forecast), decision_on(other), "research", NOW).decision == "none"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": ()}, "withheld from resource allocation"),
        ({"forecast": "0" * 64}, "covers forecast 000000000000"),
        ({"valid_until": NOW}, "is valid from"),
        ({"issued": NOW + timedelta(seconds=1)}, "is valid from"),
    ],
)
def test_allocation_without_permission_is_an_error(forecast, change, words):
    with pytest.raises(WithheldError, match=words) as refusal:
        mark(forecast, provenance_of(forecast), decision_on(forecast, **change), "allocation", NOW)
    assert "\n" not in str(refusal.value)


def test_a_decision_on_a_slightly_different_forecast_is_an_error(forecast):
    expected = forecast.expected.copy()
    expected[0, 0, 0] += 1e-12
    almost = replace(forecast, expected=expected)
    with pytest.raises(WithheldError, match="not this one"):
        mark(almost, provenance_of(almost), decision_on(forecast), "allocation", NOW)


def test_allocation_without_a_decision_is_an_error(forecast):
    with pytest.raises(WithheldError, match="this forecast has none"):
        mark(forecast, provenance_of(forecast), None, "allocation", NOW)


def test_provenance_of_another_recipe_is_an_error(forecast):
    with pytest.raises(InputError, match="Use the provenance of this forecast"):
        mark(forecast, provenance_of(forecast.named("ewma", "other")), None, "research", NOW)
