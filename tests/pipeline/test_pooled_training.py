import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from ilp_models.backtest.replay import BacktestData
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.means.pooled_bayes import PooledEmpiricalBayes, PooledPrior, stored_priors
from ilp_models.model.regressions.pool import pooled_cutoffs
from ilp_models.model.regressions.pooled import PooledLightGBM
from ilp_models.model.regressions.training_sample import TrainingSample
from ilp_models.pipeline.pooled_training import train_pooled, train_pooled_backtest, train_pooled_prior
from tests.builders import city, events_of, history_of, poisson_counts

GRID = city(3, 4)
ONE = LocalProcesses(1)


class Remote:
    """Workers that get and return copies, and start with the last task."""

    def __init__(self, description="training samples"):
        self.description = description

    def map(self, function, tasks, description):
        assert description == self.description
        copies = [pickle.loads(pickle.dumps((function, one))) for one in tasks[::-1]]  # noqa: S301 - our own bytes
        results = [copy(one) for copy, one in copies]
        return results[::-1]


def model_in(folder):
    families = (ExponentialMeans((4, 32)),)
    return PooledLightGBM(folder, families, n_estimators=5, min_child_samples=30, young_periods=0, holdout=8)


def town(seed, weeks=70):
    return history_of(poisson_counts((2, 12, weeks), 0.4, seed=seed), GRID)


def test_the_result_does_not_depend_on_workers_or_order_and_is_stored_with_the_samples(tmp_path):
    towns = {"north": town(1), "a/south": town(2)}
    one = train_pooled(towns, model_in(tmp_path / "one"), compute=ONE)
    other = train_pooled(dict(reversed(towns.items())), model_in(tmp_path / "other"), compute=Remote())
    assert one == other
    (folder,) = pooled_cutoffs(tmp_path / "one").values()
    samples = [TrainingSample.read(path) for path in sorted((folder / "samples").iterdir())]
    assert tuple(sample.head for sample in samples) == one.jurisdictions
    assert [path.name for path in (tmp_path / "one").iterdir()] == [folder.name]


def test_those_left_out_are_named_with_the_reason(tmp_path):
    towns = {"north": town(1), "new": town(2, weeks=3), "quiet": history_of(np.zeros((2, 12, 70), dtype=int), GRID)}
    pooled = train_pooled(
        towns, model_in(tmp_path), cutoff=towns["north"].cutoff, left_out={"west": "No mandate."}, compute=ONE
    )
    assert [one.jurisdiction for one in pooled.jurisdictions] == ["north"]
    assert list(pooled.left_out) == ["west", "new", "quiet"]
    assert "Give more data" in pooled.left_out["new"]
    assert pooled.left_out["quiet"] == "quiet has no event to learn from. Give more data."
    (folder,) = pooled_cutoffs(tmp_path).values()
    assert json.loads((folder / "pool.json").read_text())["left_out"] == dict(pooled.left_out)


def test_histories_that_cannot_be_used_are_refused_and_nothing_is_stored(tmp_path):
    north = town(1)
    with pytest.raises(InputError, match=r"^pool is not set\. Give the folder of the pool: PooledLightGBM"):
        train_pooled({"north": north}, model_in(None), compute=ONE)
    with pytest.raises(InputError, match=r"^histories is empty"):
        train_pooled({}, model_in(tmp_path), compute=ONE)
    with pytest.raises(InputError, match=r"^'north' is both in histories and in left_out"):
        train_pooled({"north": north}, model_in(tmp_path), left_out={"north": "No."}, compute=ONE)
    with pytest.raises(InputError, match=r"sample of 'north' is of .*, after the cutoff"):
        train_pooled({"north": north}, model_in(tmp_path), cutoff=north.cutoff - pd.Timedelta(weeks=1), compute=ONE)
    assert list(tmp_path.iterdir()) == []


def test_a_backtest_has_a_model_of_each_refit_from_what_was_known_by_then(tmp_path):
    def data(seed, weeks, start="2018-01-01"):
        events = events_of(poisson_counts((2, 12, weeks), 0.4, seed=seed), GRID, start=start)
        return BacktestData(events, GRID, Calendar())

    tested = data(1, 100)
    others = {"ended": data(2, 60), "began": data(3, 40, "2019-08-05")}
    plan, model = RollingOrigin(test_periods=20, refit_every=10), model_in(tmp_path)
    first, second = train_pooled_backtest(
        {"here": tested, **others}, plan, model, tested="here", left_out={"here": "It is tested."}, compute=ONE
    )
    assert [fold.cutoff for fold in plan.folds(tested.events, Calendar()) if fold.refit] == [
        first.cutoff,
        second.cutoff,
    ]
    assert [one.jurisdiction for one in first.jurisdictions] == ["ended"]
    assert "began" in first.left_out
    assert pd.Timestamp(first.jurisdictions[0].cutoff) == pd.Timestamp("2018-01-01") + pd.Timedelta(weeks=60)
    assert clone(model).fit(tested.known_at(second.cutoff)).pooled_ == second
    truth = train_pooled(
        {"ended": others["ended"].known_at(pd.Timestamp(first.jurisdictions[0].cutoff))},
        model_in(tmp_path / "other"),
        cutoff=first.cutoff,
        left_out=first.left_out,
        compute=ONE,
    )
    assert truth == first


def test_a_prior_is_stored_with_the_reasons_of_those_left_out(tmp_path):
    towns = {"north": town(1), "south": town(2), "new": town(3, weeks=3)}
    models = [PooledEmpiricalBayes(tmp_path / name, (16, 64), (0.0, 0.6)) for name in ("one", "other")]
    settings = {"cutoff": towns["north"].cutoff, "left_out": {"west": "No mandate."}}
    one = train_pooled_prior(towns, models[0], compute=ONE, **settings)
    other = train_pooled_prior(
        dict(reversed(towns.items())), models[1], compute=Remote("losses of settings"), **settings
    )
    assert list(one.events) == ["north", "south"]
    assert list(one.left_out) == ["west", "new"]
    for kind in ("", "a", "b"):
        np.testing.assert_array_equal(one.losses[kind], other.losses[kind])
    (path,) = stored_priors(tmp_path / "one").values()
    assert PooledPrior.read(path).left_out == one.left_out
    assert path.read_bytes() == next(iter(stored_priors(tmp_path / "other").values())).read_bytes()
