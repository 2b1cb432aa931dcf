import numpy as np
import pytest

from ilp_models.allocation.budget import Budget
from ilp_models.domain.errors import InputError
from tests.allocation.allocation_inputs import small_town


def test_budget_share_is_rounded_to_at_least_one_cell():
    assert Budget(budget_share=0.05).available(small_town(10, 14)) == 7
    assert Budget(budget_share=0.001).available(small_town()) == 1
    assert Budget(amount=3).available(small_town()) == 3


def test_hours_cover_cells_by_their_size():
    budget = Budget(amount=10, budget_unit="hours", per_cell=1, per_km2=4)
    np.testing.assert_allclose(budget.need(small_town()), 2.0)
    assert budget.available(small_town()) == 10
    assert Budget(budget_share=0.5, budget_unit="hours", per_cell=2).available(small_town()) == pytest.approx(12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"budget_unit": "money"}, "budget_unit in"),
        ({"budget_share": 0}, "0 < budget_share"),
        ({"budget_share": None, "amount": 2}, "budget_share=None. Where amount is set, omit budget_share"),
        ({"amount": 2.5}, "whole number of cells"),
        ({"amount": -1}, "above 0"),
        ({"amount": float("nan")}, "above 0"),
        ({"per_cell": 2}, "Set budget.budget_unit=hours"),
        ({"budget_unit": "hours", "per_cell": 0}, "not all 0"),
    ],
)
def test_invalid_budget_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Budget(**settings)


def test_budget_above_full_coverage_is_refused():
    with pytest.raises(InputError, match=r"exceeds the effort that covers every cell \(12\)"):
        Budget(amount=13).available(small_town())


@pytest.mark.parametrize("values", [np.ones(12), np.ones((11, 1)), np.full((12, 1), np.nan), -np.ones((12, 1))])
def test_invalid_values_are_refused(values):
    with pytest.raises(InputError, match="Expected values"):
        Budget(amount=1).check_values(values, small_town())
