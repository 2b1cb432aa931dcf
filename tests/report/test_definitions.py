import pytest

from ilp_models.audit import defaults as usual
from ilp_models.domain.checks import REQUIRED
from ilp_models.report.audit.check_definitions import CHECKS
from ilp_models.report.definitions import MEASURES, defined


@pytest.mark.parametrize("name", sorted({*REQUIRED, *usual.LIMITS}))
def test_every_check_of_the_gate_is_defined(name):
    assert name in {*MEASURES, *CHECKS}


@pytest.mark.parametrize("name", [*MEASURES, *CHECKS])
def test_every_definition_says_denominator_reference_and_interval(name):
    one = defined(name)
    assert all((one.label, one.formula, one.denominator, one.reference, one.reading, one.interval))


def test_nothing_is_defined_twice():
    assert not set(MEASURES) & set(CHECKS)


def test_an_unknown_number_points_to_the_documentation():
    assert defined("new_thing").formula == "see docs/audit.md"
