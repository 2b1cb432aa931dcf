"""Each option of the model group equals its constructor without arguments, or with one or two."""

from dataclasses import fields, is_dataclass

import pytest
from sklearn.base import BaseEstimator, clone

from ilp_models.model.ensembles import BestPast, Stacked
from ilp_models.model.kernels.kernel_density import KDE
from ilp_models.model.kernels.prospective_hot_spot import ProspectiveHotSpot
from ilp_models.model.long_horizons.methods import ETS, STLETS, LinearTrend, SeasonalNaive, SeriesMean, Theta
from ilp_models.model.means.empirical_bayes import EmpiricalBayes
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.means.pooled_bayes import PooledEmpiricalBayes
from ilp_models.model.means.seasonal_mean import SeasonalMean
from ilp_models.model.point_processes.etas import ETAS
from ilp_models.model.point_processes.grid_hawkes import GridHawkes
from ilp_models.model.point_processes.self_exciting import SelfExciting
from ilp_models.model.regressions.glm import NegativeBinomialGLM, PoissonGLM
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.regressions.per_type import LightGBMPerType
from ilp_models.model.regressions.pooled import PooledLightGBM
from ilp_models.model.regressions.tree_ensembles import ExplainableBoosting, HistGradientBoosting, RandomForest
from ilp_models.model.risk_terrain import RiskTerrain
from ilp_models.model.wrappers.conformal import ConformalIntervals
from ilp_models.model.wrappers.intervals import NegativeBinomialIntervals
from ilp_models.model.wrappers.recalibrated import Recalibrated
from ilp_models.model.wrappers.reconciled import Reconciled
from tests.conformance.configured_forecasters import NAMES, shipped_forecaster

CONSTRUCTED = {
    "seasonal_naive": SeasonalNaive(),
    "ets": ETS(),
    "stl_ets": STLETS(),
    "theta": Theta(),
    "linear_trend": LinearTrend(),
    "series_mean": SeriesMean(),
    "best_past": BestPast(),
    "conformal_intervals": ConformalIntervals(),
    "empirical_bayes": EmpiricalBayes(),
    "etas": ETAS(),
    "ewma": EWMA(),
    "explainable_boosting": ExplainableBoosting(),
    "grid_hawkes": GridHawkes(),
    "hist_gradient_boosting": HistGradientBoosting(),
    "history_mean": MovingAverage(window=None),
    "kde": KDE(),
    "kde_adaptive": KDE(sensitivity=0.5),
    "last_period": MovingAverage(window=1),
    "level_share": LevelShare(),
    "lightgbm": LightGBM(),
    "lightgbm_per_type": LightGBMPerType(),
    "lightgbm_tweedie": LightGBM(variance_power=1.3),
    "moving_average": MovingAverage(),
    "negative_binomial_glm": NegativeBinomialGLM(),
    "negative_binomial_intervals": NegativeBinomialIntervals(),
    "poisson_glm": PoissonGLM(),
    "pooled_empirical_bayes": PooledEmpiricalBayes(),
    "pooled_lightgbm": PooledLightGBM(),
    "prospective_hot_spot": ProspectiveHotSpot(),
    "random_forest": RandomForest(),
    "recalibrated": Recalibrated(),
    "reconciled": Reconciled(),
    "risk_terrain": RiskTerrain(),
    "seasonal_mean": SeasonalMean(),
    "self_exciting": SelfExciting(),
    "stacked": Stacked(),
}


def settings_of(thing):
    """Return class and settings of an object and of all objects within it; lists equal tuples, 80 equals 80.0."""
    if isinstance(thing, BaseEstimator):
        return type(thing), {name: settings_of(value) for name, value in thing.get_params(deep=False).items()}
    if is_dataclass(thing):
        return type(thing), {one.name: settings_of(getattr(thing, one.name)) for one in fields(thing)}
    if isinstance(thing, list | tuple):
        return [settings_of(one) for one in thing]
    if isinstance(thing, dict):
        return [(name, settings_of(one)) for name, one in thing.items()]  # the order of members counts
    return thing


def test_every_option_is_constructed_here():
    assert sorted(CONSTRUCTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_option_equals_its_constructor(name):
    assert settings_of(shipped_forecaster(name)) == settings_of(CONSTRUCTED[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_clone_equals_its_original(name):
    assert settings_of(clone(CONSTRUCTED[name])) == settings_of(CONSTRUCTED[name])


def test_a_nested_setting_does_not_change_the_default_of_others():
    changed = LightGBM().set_params(offset__half_life=40, num_leaves=7)
    assert (changed.offset.half_life, changed.num_leaves) == (40, 7)
    assert LightGBM().offset.half_life == 80
    wrapped = Recalibrated().set_params(forecaster__offset__half_life=40)
    assert wrapped.forecaster.offset.half_life == 40
    assert Recalibrated().forecaster.offset.half_life == LightGBM().offset.half_life == 80


def test_a_forecaster_prints_what_differs_from_its_defaults():
    assert repr(LightGBM()) == "LightGBM()"
    assert (
        repr(LightGBM(num_leaves=7, offset=LevelShare(mix=0.0))) == "LightGBM(num_leaves=7, offset=LevelShare(mix=0.0))"
    )
    assert repr(Stacked()) == "Stacked()"
    assert repr(MovingAverage(window=None)) == "MovingAverage(window=None)"
    assert "LightGBM" in LightGBM()._repr_html_()
