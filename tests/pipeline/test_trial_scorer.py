from dataclasses import replace

import pytest

import ilp_models as ilp
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.study import open_study
from ilp_models.pipeline.trial_scorer import TrialScorer, search_start
from ilp_models.tuning.search import OptunaSearch

TEST = RollingOrigin(test_periods=6)
SEARCH = OptunaSearch(periods=8, refit_every=4, space={"window": {"low": 2, "high": 20}})


@pytest.fixture(scope="module")
def events():
    return ilp.SimulatedCity(size_km=2, districts=2, weeks=40).read()


@pytest.fixture
def scorer(events, tmp_path):
    study = open_study(events, ilp.SquareGrid(500))
    return TrialScorer(study, ilp.MovingAverage(), TEST, SEARCH, ilp.Scoring(), ilp.LocalProcesses(1), tmp_path)


def test_the_score_is_that_of_a_backtest_which_ends_before_the_test(scorer, events, tmp_path):
    model = {"mean": ilp.MovingAverage(5)}
    known = events.known_at(scorer.first_test)
    settings = {"test_periods": 8, "refit_every": 4, "store": tmp_path / "store", "compute": ilp.LocalProcesses(1)}
    table = ilp.run_backtest(model, known, ilp.SquareGrid(500), baseline="mean", **settings).scores.summarise()
    whole = table.query("score == 'deviance' and crime_type == 'all' and forecaster == 'mean'")["value"].item()
    assert scorer.score({"window": 5}).value == pytest.approx(whole, rel=1e-12)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]  # forecasts of trials are not kept


def test_the_scored_periods_are_the_last_ones_before_the_test(scorer):
    assert len(scorer.periods) == 8
    assert scorer.periods[-1].end_time < scorer.first_test <= (scorer.periods[-1] + 1).start_time


def test_settings_that_cannot_run_raise_the_reason(scorer):
    with pytest.raises(InputError, match="window=0 must be at least 1"):
        scorer.score({"window": 0})


def test_another_space_model_or_floor_is_another_search(scorer):
    others = (
        replace(scorer, tuning=replace(SEARCH, space={"window": {"low": 2, "high": 30}})),
        replace(scorer, forecaster=ilp.MovingAverage(9)),
        replace(scorer, scoring=ilp.Scoring(floor=0.01)),
    )
    assert len({scorer.key, *(one.key for one in others)}) == 4
    assert replace(scorer, compute=ilp.LocalProcesses(2)).key == scorer.key


def test_a_search_without_a_period_to_learn_from_is_refused(events):
    calendar = ilp.Calendar()
    assert search_start(events, calendar, TEST, SEARCH) < TEST.folds(events, calendar)[0].cutoff
    with pytest.raises(InputError, match=r"tuning.periods=34 leaves no period to learn from: only 34 week\(s\)"):
        search_start(events, calendar, TEST, replace(SEARCH, periods=34))
