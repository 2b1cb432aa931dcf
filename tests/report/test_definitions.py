import pytest

from ilp_models.domain.checks import CATALOGUE
from ilp_models.report.definitions import MEASURES, defined


@pytest.mark.parametrize("name", [*MEASURES, *CATALOGUE])
def test_every_definition_says_denominator_reference_and_interval(name):
    one = defined(name)
    assert all((one.label, one.formula, one.denominator, one.reference, one.reading, one.interval))


def test_nothing_is_defined_twice():
    assert not set(MEASURES) & set(CATALOGUE)


def test_an_unknown_number_points_to_the_documentation():
    assert defined("new_thing").formula == "see docs/audit.md"
