from dataclasses import replace

from ilp_models.export.marking import mark
from ilp_models.export.run_facts import RunFacts
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

FORECAST = forecast_on(square_grid())
MARKING = mark(FORECAST, provenance_of(FORECAST), None, "research")


def test_only_fields_of_governance_that_are_stated_are_there():
    decision = decision_on(FORECAST)
    header = {**decision.report.header, "governance": {"owner": "City", "trainer": "", "purpose": None}}
    stated = replace(decision, report=replace(decision.report, header=header))
    assert RunFacts(MARKING, stated).governance == {"owner": "City"}


def test_without_a_decision_nothing_is_stated():
    assert RunFacts(MARKING).governance == {}
