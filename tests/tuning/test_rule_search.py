import pytest

from ilp_models.domain.errors import InputError
from ilp_models.tuning.rule_search import RuleSearch


@pytest.mark.parametrize(
    "wrong",
    [{"periods": 0}, {"shares": []}, {"shares": [1.0, 0.0]}, {"shares": [float("inf")]}, {"shares": [float("nan")]}],
)
def test_numbers_that_leave_nothing_to_search_are_refused(wrong):
    with pytest.raises(InputError, match="rule_search needs periods >= 1 and shares above 0"):
        RuleSearch(**wrong)


def test_one_period_and_one_share_are_enough():
    assert RuleSearch(shares=[0.5], periods=1).rules == {}
