"""The search on functions whose best is known: no forecaster is needed to see whether it searches."""

import logging

import pytest

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.tuning.search import OptunaSearch
from tests.tuning.searches import SPACE

pytestmark = pytest.mark.slow


def test_two_runs_do_not_share_a_study_at_once(tmp_path):
    one = OptunaSearch(space=SPACE)
    with (
        one.open_trials(tmp_path, "study"),
        pytest.raises(StorageError, match=r"Another run .* output=FOLDER"),
        one.open_trials(tmp_path, "study"),
    ):
        pass


@pytest.mark.parametrize("name", ["trials", "periods", "refit_every", "startup"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(InputError, match=f"tuning.{name}=0 must be at least 1"):
        OptunaSearch(**{name: 0})


def test_score_without_direction_is_refused():
    with pytest.raises(InputError, match="it has no better direction"):
        OptunaSearch(score="coverage_90")


def test_study_identity_excludes_the_number_of_trials_only():
    identity = OptunaSearch(space=SPACE).identity
    assert OptunaSearch(trials=7, space=dict(reversed(SPACE.items()))).identity == identity
    for other in ({"seed": 1}, {"score": "crps"}, {"periods": 8}, {"refit_every": 2}, {"startup": 3}):
        assert OptunaSearch(space=SPACE, **other).identity != identity
    assert OptunaSearch(space={**SPACE, "x": {"low": -1.0, "high": 2.0}}).identity != identity


def test_new_study_silences_no_logger(tmp_path, monkeypatch):
    logger = logging.getLogger("ilp_models.somewhere")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with OptunaSearch(trials=1, space=SPACE).open_trials(tmp_path, "key"):
        pass
    assert not logger.disabled
    assert logging.getLogger().handlers == []
