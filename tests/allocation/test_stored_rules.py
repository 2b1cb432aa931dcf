import pytest

from ilp_models.allocation.stored_rules import rule_from_settings
from ilp_models.domain.errors import InputError
from ilp_models.domain.recipe import describe
from tests.allocation.allocation_inputs import RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name[:30])
def test_a_stored_rule_is_the_same_rule(rule):
    assert rule_from_settings(describe(rule)) == rule


@pytest.mark.parametrize(
    "settings",
    [
        {"class": "os.system", "budget": {}},
        {"budget": {}},
        {"class": "ilp_models.allocation.top_areas.TopAreas"},
        {"class": "ilp_models.allocation.top_areas.TopAreas", "budget": {"amount": -1}},
        {"class": "ilp_models.allocation.top_areas.TopAreas", "budget": {}, "shares": 3},
        {"class": "ilp_models.allocation.top_areas.TopAreas", "budget": 3},
    ],
)
def test_settings_of_no_rule_build_nothing(settings):
    with pytest.raises(InputError):
        rule_from_settings(settings)
