import numpy as np
import pytest

from ilp_models.description.hot_spot_classes import NOT_CLASSED, ClassRules, change_since

RULES = ClassRules(hot_share=0.5, persistent_share=0.9, recent_share=0.2)


@pytest.mark.parametrize(
    ("hot", "name"),
    [
        ("1111111111", "persistent"),
        ("0111111111", "persistent"),
        ("0000000001", "first time"),
        ("0000100011", "emerging"),
        ("1111110000", "former"),
        ("1111100010", "intermittent"),
        ("0010000000", "no pattern"),
        ("0000000000", "never"),
    ],
)
def test_classes_follow_from_the_hot_periods(hot, name):
    flags = np.array([[mark == "1" for mark in hot]])
    assert RULES.classify(flags).tolist() == [name]


@pytest.mark.parametrize(("periods", "recent"), [(10, 2), (9, 1), (4, 1), (15, 3)])
def test_recent_periods_are_rounded_down_to_at_least_one(periods, recent):
    assert RULES.recent_periods(periods) == recent


def test_without_an_earlier_period_no_cell_is_classed():
    assert RULES.classify(np.array([[True], [False]])).tolist() == [NOT_CLASSED] * 2


def test_a_cell_is_new_gone_lasting_or_none_of_them():
    now, before = np.array([True, False, True, False]), np.array([False, True, True, False])
    assert change_since(now, before).tolist() == ["new", "gone", "lasting", ""]
