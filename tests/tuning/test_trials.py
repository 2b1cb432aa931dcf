import math

import pytest

from ilp_models.domain.errors import NotRunError, StorageError
from ilp_models.tuning.search import OptunaSearch
from ilp_models.tuning.trials import ScoreSums
from tests.tuning.searches import SPACE

pytestmark = pytest.mark.slow


START = {"n": 90, "way": "no", "x": -0.9}


def bowl(settings):
    """Return a score of two periods: the smaller the better, 1 at its best, which is x=0.3, n=10, way=[1, 2]."""
    far = (settings["x"] - 0.3) ** 2 + 0.1 * math.log10(settings["n"] / 10) ** 2 + 0.2 * (settings["way"] == "no")
    return ScoreSums((1 + far, 1 + far), (1.0, 1.0))


def search(folder, trials, judge=bowl, start=START, **settings):
    found = OptunaSearch(trials=trials, space=SPACE, **{"startup": 5, **settings})
    with found.open_trials(folder, "study") as kept:
        list(kept.run(trials, start, judge))
        return kept.finished, kept.best, kept.importance()


def plain(trials):
    return [(one.number, one.settings, one.sums, one.reason) for one in trials]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return search(tmp_path_factory.mktemp("whole"), 25)


def test_first_trial_has_current_settings_and_best_is_near_the_optimum(whole):
    judged, best, importance = whole
    assert len(judged) == 25
    assert judged[0].settings == START
    assert best.value == min(one.value for one in judged) < 1.1 < judged[0].value
    assert best.settings["way"] == [1, 2]
    assert math.isclose(sum(importance.values()), 1.0)
    assert list(importance) == sorted(importance, key=importance.get, reverse=True)


def test_estimator_uses_earlier_scores(whole):
    judged, *_ = whole
    drawn, learned = judged[1:6], judged[15:]
    assert sum(one.value for one in learned) / len(learned) < sum(one.value for one in drawn) / len(drawn)


@pytest.mark.parametrize("kill", [0, 6])
def test_killed_search_resumes_with_the_same_trials(tmp_path, whole, kill):
    calls = []

    def killed(settings):
        calls.append(settings)
        if len(calls) == kill + 1:
            raise KeyboardInterrupt
        return bowl(settings)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, 8, killed)
    judged, *_ = search(tmp_path, 8)
    assert plain(judged) == plain(whole[0][:8])


def test_finished_search_continues_without_repeating_trials(tmp_path, whole):
    search(tmp_path, 6)
    asked = []
    judged, *_ = search(tmp_path, 9, lambda settings: asked.append(settings) or bowl(settings))
    assert plain(judged) == plain(whole[0][:9])
    assert len(asked) == 3
    assert plain(search(tmp_path, 4)[0]) == plain(judged)


def test_failed_trials_have_a_reason_and_the_search_continues(tmp_path):
    def picky(settings):
        if settings["way"] == "no":
            msg = "No way."
            raise NotRunError(msg)
        return bowl(settings)

    judged, best, _ = search(tmp_path, 10, picky)
    assert next(one.reason for one in judged if one.settings["way"] == "no") == "No way."
    assert {one.reason == "No way." for one in judged} == {True, False}
    assert best.reason == ""
    assert math.isnan(judged[0].value)


@pytest.mark.parametrize("score", [ScoreSums((1.0,), (0.0,)), ScoreSums((math.inf,), (1.0,))])
def test_search_without_any_score_is_an_error(tmp_path, score):
    with pytest.raises(NotRunError, match=r"All 3 trials failed\. First reason: The score is not defined"):
        search(tmp_path, 3, lambda _: score)


def test_disk_errors_stop_the_search(tmp_path):
    def broken(settings):
        msg = "disk"
        raise StorageError(msg)

    with pytest.raises(StorageError, match="disk"):
        search(tmp_path, 3, broken)


def test_larger_is_better_scores_are_maximised(tmp_path):
    judged, best, _ = search(tmp_path, 6, score="pai_05")
    assert best.value == max(one.value for one in judged)


def test_repeated_settings_are_scored_once(tmp_path):
    asked, space = [], {"way": {"choices": ["yes", "no"]}}
    with OptunaSearch(space=space).open_trials(tmp_path, "two") as kept:
        list(kept.run(8, {"way": "no"}, lambda settings: asked.append(settings["way"]) or ScoreSums((1.0,), (1.0,))))
        assert len(kept.finished) == 8
        assert kept.best.number == 0
        assert kept.importance() == {}
    assert sorted(asked) == ["no", "yes"]
