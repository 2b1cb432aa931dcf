from types import SimpleNamespace

import numpy as np
import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.governance import Governance
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.sensitivity_runs import SensitivityRuns
from ilp_models.scoring.scores import Scoring
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import city, events_of, poisson_counts

EVENTS = events_of(poisson_counts((1, 4, 40), 3.0), city(1, 4))  # weeks from 2018-01-01 to 2018-10-08


@pytest.fixture(scope="module")
def backtest(tmp_path_factory):
    models = {"moving_average": MovingAverage(), "ewma": EWMA()}
    plan = {"test_periods": 4, "scoring": Scoring(bootstrap=Bootstrap(2, 50))}
    return run_backtest(
        models, EVENTS, SquareGrid(500), **plan, compute=LocalProcesses(jobs=1), store=tmp_path_factory.mktemp("store")
    )


def runs(backtest, *spans, audit=None):
    periods = [{"start": start, "end": end, "why": "a reason"} for start, end in spans]
    audit = audit or SimpleNamespace(governance=Governance(tainted_periods=periods))
    return SensitivityRuns(backtest, "ewma", audit, LocalProcesses(jobs=1), backtest.store)


def test_without_tainted_records_nothing_is_trained_again(backtest):
    assert runs(backtest).without_tainted() == ({}, "")
    assert runs(backtest, ("2010-01-01", "2010-02-01")).without_tainted() == ({}, "")  # before the records


def test_records_after_the_last_tainted_day_train_it_again(backtest):
    found, why = runs(backtest, ("2018-01-01", "2018-01-14"), ("2018-01-02", "2018-01-07")).without_tainted()
    assert (list(found), why) == (["records from 2018-01-15 on"], "")
    (again,) = found.values()
    assert again.forecaster == "ewma"
    assert again.expected.shape == backtest.replay_of("ewma").expected.shape
    assert not again.expected.equals(backtest.replay_of("ewma").expected)


@pytest.mark.parametrize("last", ["2018-09-30", "2018-12-31"])
def test_where_too_few_records_are_left_the_reason_is_told(last, backtest):
    found, why = runs(backtest, ("2018-01-01", last)).without_tainted()
    assert found == {}
    assert "it could not be backtested: " in why


def test_another_grid_has_forecaster_and_baseline_in_its_cells(backtest):
    audit = SimpleNamespace(baseline="moving_average", with_residents=lambda subject: subject)
    subject = runs(backtest, audit=audit).on_grid(SquareGrid(1000))
    assert (subject.replay.forecaster, subject.baseline.forecaster) == ("ewma", "moving_average")
    np.testing.assert_allclose(subject.grid.area_m2, 1e6, rtol=1e-3)
    assert subject.replay.observed.values.sum() == backtest.replay_of("ewma").observed.values.sum()
    assert subject.data == EVENTS.digest()
