"""Combined forecasts are explained by the columns of all their members."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor
from sklearn.neighbors import KNeighborsRegressor

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import LEVEL_AND_SHARE
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.history import History
from ilp_models.explain.explain import Explain
from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.ensembles import BestPast, Stacked
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.regressions.regression import RegressionForecaster
from ilp_models.model.wrappers.conformal import ConformalIntervals
from ilp_models.model.wrappers.recalibrated import Recalibrated
from ilp_models.model.wrappers.reconciled import Reconciled
from tests.builders import city, events_of, poisson_counts

pytestmark = pytest.mark.slow

FEATURES = (TypeIndicators(), ExponentialMeans((8, 52)), ExponentialMeans((16,), reach_cells=1.0))
LINEAR = RegressionForecaster(PoissonRegressor(alpha=1e-3), FEATURES, train_periods=60, holdout=13)
TREES = LightGBM(FEATURES, n_estimators=8, min_child_samples=40, train_periods=60, holdout=13)
MEMBERS = {"linear": LINEAR, "trees": TREES, "ewma": EWMA(half_lives=(8, 52))}
QUICK = Explain(refits=2, sample=12, background=10)


@pytest.fixture(scope="module")
def history():
    grid = city(4, 5)
    rates = np.random.default_rng(6).gamma(1.0, 0.5, (2, 20, 1))
    events = events_of(poisson_counts((2, 20, 110), rates), grid)
    return History.from_events(events.start + pd.Timedelta(weeks=110), events, grid, Calendar())


def explained(method, history, explain=QUICK):
    return explain.run(method.fit(history), history.calendar.next_periods(history.cutoff, 1), "combined")


COMPOSITES = {
    "stacked": Stacked(MEMBERS, past_periods=6),
    "log pool": Stacked(MEMBERS, "log", past_periods=6, sum_to_one=False),
    "best past": BestPast(MEMBERS, past_periods=6),
    "recalibrated": Recalibrated(TREES, past_periods=6),
    "reconciled": Reconciled(TREES, LevelShare(), past_periods=6),
    "nested": Recalibrated(Stacked(MEMBERS, past_periods=6), past_periods=6),
    "intervals": ConformalIntervals(Stacked(MEMBERS, past_periods=6), groups=2, past_periods=6),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_attributions_add_up_and_refits_compare_shares(name, history):
    explanation = explained(COMPOSITES[name], history)
    assert explanation.additivity_error < 1e-9
    assert explanation.explained.all()
    assert explanation.compares_shares
    assert explanation.robustness.refits.shape == (12, 4)
    assert np.isfinite(explanation.robustness.stability).all()
    assert np.isfinite(explanation.values.values).all()
    assert len({column.name for column in explanation.columns}) == len(explanation.columns)


def test_a_weighted_sum_has_the_weighted_events_of_its_members(history):
    stacked = Stacked(MEMBERS, past_periods=6).fit(history)
    weeks = history.calendar.next_periods(history.cutoff, 1)
    explanation = QUICK.run(stacked, weeks, "stacked")
    alone = QUICK.run(stacked.members_["ewma"], weeks, "ewma")
    own = [at for at, column in enumerate(explanation.columns) if column.name.startswith("ewma: ")]
    weights = stacked.weights_[:, 2][:, None, None]
    change = weights * (np.exp(alone.log_expected.values) - np.exp(alone.base.values)[:, None, None])
    forecast, base = np.exp(explanation.log_expected.values), np.exp(explanation.base.values)[:, None, None]
    share = explanation.attributions.values[..., own].sum(axis=-1) / np.log(forecast / base)
    np.testing.assert_allclose(share * (forecast - base), change, atol=1e-9)


def test_members_without_a_weight_have_their_columns_and_no_attribution(history):
    best = BestPast({"linear": LINEAR, "mean": MovingAverage(), "last": MovingAverage(1)}, past_periods=6)
    explanation = explained(best, history)
    unused = set(best.members) - set(best.members_)
    assert unused
    for name in unused:
        own = [at for at, column in enumerate(explanation.columns) if column.name.startswith(f"{name}: ")]
        assert own
        assert not explanation.attributions.values[..., own].any()
        assert explanation.values.values[..., own].any()


def test_methods_for_larger_areas_show_their_columns_on_the_cells(history):
    explanation = explained(COMPOSITES["reconciled"], history)
    names = [column.name for column in explanation.columns]
    assert {"areas (city): city_level", "areas (neighbourhood): cell_share", "forecaster: offset"} <= set(names)
    assert names[-1] == "combined_level"
    share = explanation.values.values[0, :, 0, names.index("areas (neighbourhood): cell_share")]
    by_area = pd.Series(share).groupby(history.grid.parents["neighbourhood"].to_numpy()).nunique()
    assert (by_area == 1).all()


def test_members_that_sample_units_sample_those_of_the_combined_forecast(history):
    neighbours = RegressionForecaster(KNeighborsRegressor(30), FEATURES, train_periods=60, holdout=13)
    stacked = Stacked({"neighbours": neighbours, "ewma": EWMA()}, past_periods=6, shrinkage=np.inf)
    explanation = explained(stacked, history, Explain(refits=0, sample=4, background=10))
    highest = np.exp(explanation.log_expected.values).argmax(axis=1).ravel()
    assert explanation.explained[[0, 1], highest, 0].all()
    assert explanation.shares.sum() == pytest.approx(40)
    assert 0 < explanation.explained.sum() < 40
    assert explanation.additivity_error < 1e-9


def test_cells_where_a_member_expects_nothing_are_explained(history):
    quiet = Stacked({"last": MovingAverage(1), "ewma": EWMA()}, past_periods=6, shrinkage=np.inf).fit(history)
    quiet.weights_[:] = 0.5
    quiet.members_ = {name: member.fit(history) for name, member in quiet.members.items()}
    weeks = history.calendar.next_periods(history.cutoff, 1)
    assert (quiet.members_["last"].predict(weeks).expected.values == 0).any()
    explanation = QUICK.run(quiet, weeks, "quiet")
    assert explanation.explained.all()
    assert explanation.additivity_error < 1e-9


class Opaque(Forecaster):
    """A method whose columns are unknown."""

    def _fit(self, history):
        pass

    def _predict(self, periods, steps):
        del steps
        return np.full((2, 20, len(periods)), 0.7), np.zeros(2)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_combination_with_a_member_of_unknown_columns_is_not_explained(weight, history):
    stacked = Stacked({"opaque": Opaque(), "ewma": EWMA()}, past_periods=6).fit(history)
    stacked.weights_[:] = [weight, 1 - weight]
    stacked.members_ = {"ewma": stacked.members_["ewma"]} | ({"opaque": Opaque().fit(history)} if weight else {})
    stacked.members_ = {name: stacked.members_[name] for name in stacked.members if name in stacked.members_}
    with pytest.raises(InputError, match="Opaque cannot be explained"):
        QUICK.run(stacked, history.calendar.next_periods(history.cutoff, 1), "stacked")


def test_plain_methods_are_no_combination(history):
    assert EWMA().fit(history).composition() is None
    assert explained(EWMA(), history).method == LEVEL_AND_SHARE
