import pytest

from ilp_models.domain.errors import InputError
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.tuning.space import check_settings, read_space, starting_values

PARAMS = LightGBM(features=[], offset=LevelShare(half_life=80)).get_params()
LEAVES = {"num_leaves": {"low": 7, "high": 63, "log": True}}


def test_space_order_does_not_depend_on_nesting():
    dotted = read_space({"offset.half_life": {"low": 20, "high": 200}, **LEAVES})
    nested = read_space({**LEAVES, "offset": {"half_life": {"low": 20, "high": 200}}})
    assert dotted == nested
    assert [(one.name, one.is_integer, one.log) for one in dotted] == [
        ("num_leaves", True, True),
        ("offset.half_life", True, False),
    ]


@pytest.mark.parametrize(
    ("entry", "held", "not_held"),
    [
        ({"low": 7, "high": 63}, [7, 63, 15.0], [6, 64, 7.5, True, None, "15"]),
        ({"low": 0.02, "high": 0.2}, [0.02, 0.1, 0.2], [0.019, float("nan"), False]),
        ({"choices": [True, None, [2, 4]]}, [True, None, [2, 4]], [False, 1, [2, 4, 8]]),
    ],
)
def test_setting_contains_its_values(entry, held, not_held):
    (setting,) = read_space({"one": entry})
    assert [setting.contains(value) for value in (*held, *not_held)] == [True] * len(held) + [False] * len(not_held)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"low": 63, "high": 7}, "low=63 must be a number below high=7"),
        ({"low": 7, "high": 7}, "low=7 must be a number below high=7"),
        ({"low": "few", "high": 7}, "low=few must be a number below high=7"),
        ({"low": 0, "high": 7, "log": True}, "low=0 must be above 0 with log=true"),
        ({"low": 7}, "num_leaves has low. Set low and high"),
        ({"low": 7, "high": 9, "choices": [1]}, "num_leaves has choices, high, low"),
        ({"choices": []}, "two or more different plain values"),
        ({"choices": [1, 1]}, "two or more different plain values"),
        ({"choices": [{"a": 1}, 2]}, "two or more different plain values"),
        (15, "num_leaves=15 is not a range. Set low and high, or choices"),
        ({}, "Set low and high, or choices"),
    ],
)
def test_invalid_space_is_refused(entry, line):
    with pytest.raises(InputError, match=r"tuning\.space\.num_leaves") as error:
        read_space({"num_leaves": entry})
    assert line in str(error.value)


def test_current_settings_of_nested_forecasters_are_found():
    space = read_space({**LEAVES, "offset.half_life": {"low": 20, "high": 200}})
    assert starting_values(space, PARAMS, "lightgbm") == {"num_leaves": 15, "offset.half_life": 80}


@pytest.mark.parametrize(
    ("space", "line"),
    [
        ({}, "tuning.space is empty. Name settings of lightgbm"),
        ({"num_leafs": LEAVES["num_leaves"]}, "lightgbm has no setting num_leafs. Did you mean num_leaves?"),
        ({"offset.halflife": {"low": 1, "high": 2}}, "Did you mean offset.half_life?"),
        ({"zzzz": {"low": 1, "high": 2}}, "settings inside lists cannot be searched"),
        ({"zzzz": {"low": 1, "high": 2}}, "To search settings of lightgbm only, set tuning=optuna 'tuning.space={"),
        (
            {"num_leaves": {"low": 20, "high": 63}},
            "model.lightgbm.num_leaves=15 is outside tuning.space.num_leaves (20",
        ),
    ],
)
def test_space_must_contain_the_current_settings(space, line):
    with pytest.raises(InputError) as error:
        starting_values(read_space(space), PARAMS, "lightgbm")
    assert line in str(error.value)


@pytest.mark.parametrize(
    ("space", "line"),
    [
        ({"num_leafs": {"low": 3}}, "lightgbm has no setting num_leafs. Did you mean num_leaves?"),
        ({"num_leafs": 3}, "Did you mean num_leaves?"),
        ({"offset": {"half_live": {"low": 3}}}, "Did you mean offset.half_life?"),
    ],
)
def test_unknown_setting_is_reported_before_invalid_values(space, line):
    with pytest.raises(InputError) as error:
        check_settings(space, PARAMS, "lightgbm")
    assert line in str(error.value)
    check_settings({"num_leaves": {"low": 3}, "offset": {"half_life": {}}}, PARAMS, "lightgbm")
