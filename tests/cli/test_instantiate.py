import pytest
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

from ilp_models.cli.errors import UsageError
from ilp_models.cli.instantiate import SHARED_KEYS, build_parts, drop_unused, resolve
from ilp_models.grid.square import SquareGrid


def test_settings_of_models_not_chosen_are_dropped_and_misspelt_models_stay():
    chosen = {"ewma": {"_target_": "ilp_models.model.means.ewma.EWMA"}}
    given = {"model": {**chosen, "kde": {"window": 3}, "kdee": {"window": 3}}}
    assert drop_unused(given, ["model"], [], ["ewma", "kde"]) == {"model": {**chosen, "kdee": {"window": 3}}}


def test_parts_are_built_at_any_depth_and_shared_keys_are_left_out():
    config = {
        "grid": {"_target_": "ilp_models.grid.square.SquareGrid", "size": 500},
        "list": [{"_target_": "ilp_models.model.means.moving_average.MovingAverage", "window": 3}],
        "plain": {"a": [1, None]},
        SHARED_KEYS[0]: "unused",
    }
    parts = build_parts(config)
    assert parts["grid"] == SquareGrid(500)
    assert parts["list"][0].window == 3
    assert parts["plain"] == {"a": [1, None]}
    assert SHARED_KEYS[0] not in parts


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"_target_": "os.system"}, r"a\._target_=os\.system is outside the allowed packages"),
        ({"_target_": "ilp_models.grid.Nothing"}, r"does not exist\. Correct its name"),
        ({"_target_": "ilp_models.domain.local_file.local_file"}, "is not a class"),
        ({"_target_": "sklearn.utils.Bunch"}, "is not an estimator"),
        ({"b": [{"_partial_": True}]}, r"a\.b\.0\._partial_ is an instruction of Hydra"),
    ],
)
def test_other_targets_and_instructions_build_nothing(node, words):
    with pytest.raises(UsageError, match=words):
        build_parts({"a": node})


def test_references_are_resolved_and_missing_values_refused():
    assert resolve(OmegaConf.create({"a": 1, "b": "${a}"})) == {"a": 1, "b": 1}
    with pytest.raises(MissingMandatoryValue):
        resolve(OmegaConf.create({"a": "???"}))
