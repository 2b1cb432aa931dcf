import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.harm import harm_weights


def test_weights_come_in_the_order_of_the_types():
    assert harm_weights({"b": 2, "a": 1, "unused": 9}, ("a", "b"), "audit.harm").tolist() == [1.0, 2.0]


@pytest.mark.parametrize("setting", ["audit.harm", "scoring.harm", "objective.harm"])
def test_types_without_a_weight_are_named_with_the_setting(setting):
    with pytest.raises(InputError, match=rf"{setting} has no weight for c\. List every crime type"):
        harm_weights({"a": 1}, ("a", "c"), setting)


@pytest.mark.parametrize("weights", [{"a": 0, "b": 0}, {"a": -1, "b": 1}, {"a": float("nan"), "b": 1}])
def test_invalid_weights_are_refused(weights):
    with pytest.raises(InputError, match="must be finite weights >= 0, at least one of them above 0"):
        harm_weights(weights, ("a", "b"), "audit.harm")


def test_no_types_are_refused():
    with pytest.raises(InputError, match="at least one of them above 0"):
        harm_weights({}, (), "objective.harm")
