import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import PoissonRegressor

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import Design
from ilp_models.domain.forecast import RiskForecast
from ilp_models.explain.explain import Explain
from ilp_models.model.means.moving_average import MovingAverage
from tests.builders import city, forecast_on, history_of, poisson_counts, square_grid
from tests.explain.fitted_regressions import TYPES, WEEK, FakeForecaster, fitted, learner


@pytest.mark.parametrize("with_offset", [True, False])
def test_attributions_add_up_to_the_log_of_the_forecast(with_offset):
    explanation = Explain().run(fitted(with_offset=with_offset), WEEK, "lightgbm")
    assert explanation.additivity_error <= 1e-6
    assert explanation.forecaster == "lightgbm"
    assert explanation.method == "tree path"
    assert ("offset" in [column.name for column in explanation.columns]) is with_offset


def test_attributions_equal_those_of_lightgbm():
    fake = fitted()
    explanation = Explain().run(fake, WEEK)
    own = fake.estimator_.predict(fake.matrix.values, pred_contrib=True)
    row = 60 + 7  # rows run over periods, then crime types, then cells
    got = explanation.attributions.sel(crime_type="Robbery", cell="c7").values[0]
    assert got[:4] == pytest.approx(own[row, :4])
    mean = fake.matrix.log_offset[60:].mean()
    assert got[4] == pytest.approx(fake.matrix.log_offset[row] - mean)
    assert explanation.base.sel(crime_type="Robbery").item() == pytest.approx(own[row, 4] + mean)


def test_scaled_forecast_has_an_additivity_error():
    fake = fitted()
    fake.predict = lambda periods, whole=fake.predict: _scaled(whole(periods), 1.01)
    assert Explain().run(fake, WEEK).additivity_error == pytest.approx(np.log(1.01))


def _scaled(forecast, factor):
    return RiskForecast(
        forecast.expected * factor, forecast.quantiles, forecast.dispersion, forecast.cutoff, forecast.forecaster
    )


def test_top_cells_get_their_reasons_with_values_before_logarithms():
    fake = fitted()
    shown = fake.matrix.values + 100
    fake.matrix = Design(fake.matrix.values, fake.matrix.columns, fake.matrix.log_offset, WEEK, shown)
    spec = Explain(land_share=0.05, reasons=5)
    explanation = spec.run(fake, WEEK)
    table = spec.top_reasons(explanation, np.ones(60))
    assert len(table) == 2 * 3 * 5
    expected = fake.predict(WEEK).expected
    for kind in TYPES:
        best = expected.sel(crime_type=kind).values[:, 0].argsort()[::-1][:3]
        assert set(table.loc[table["crime_type"] == kind, "cell"]) == {f"c{i}" for i in best}
    trees = table[table["feature"] != "offset"]
    assert (trees["value"] >= 100).all()
    offset = table[table["feature"] == "offset"].iloc[0]
    assert offset["words"].startswith(f"the level and share forecast alone gives {offset['value']:.2f} events: x")
    sentences = explanation.sentences(explanation.explained)
    assert sentences["sentence"].str.match(r"\d+\.\d\d events are expected, .*; other features x1\.00\.$").all()


def test_terms_of_a_generalised_linear_model_are_its_coefficients():
    one = learner(lambda: PoissonRegressor(alpha=0))
    explanation = Explain().run(one, WEEK)
    assert explanation.method == "exact additive"
    assert explanation.additivity_error <= 1e-6  # the regression itself predicts in single precision
    x, phi = one.matrix.values, explanation.attributions.values.transpose(2, 0, 1, 3).reshape(60, 4)
    slopes = np.diff(phi[np.argsort(x[:, 0])][[0, -1], 0]) / np.ptp(x[:, 0])
    assert slopes[0] == pytest.approx(one.estimator_.coef_[0], rel=1e-4)
    assert explanation.robustness.perturbations.empty
    assert explanation.robustness.stability[0] > 0.9


def test_other_trees_on_a_logarithmic_scale_are_explained_by_their_paths():
    one = learner(lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=20, random_state=0))
    explanation = Explain(refits=0, sample=50, background=20).run(one, WEEK)
    assert explanation.method == "tree path"
    assert explanation.additivity_error <= 1e-9


@pytest.mark.slow
def test_other_regressions_use_permutation_shap_on_a_weighted_sample():
    one = learner(lambda: RandomForestRegressor(20, min_samples_leaf=20, random_state=0))
    spec = Explain(sample=10, background=20, refits=3)
    explanation = spec.run(one, WEEK, "forest")
    assert explanation.method == "permutation"
    assert explanation.additivity_error <= 1e-9
    assert explanation.explained.sum() == 2 * 1 + 10  # the highest cells of each type and the sample
    assert explanation.shares.sum() == pytest.approx(60)
    assert explanation.importance()["feature"].iloc[0] == "f0"
    assert explanation.importance()["attribution"].notna().all()
    assert len(spec.top_reasons(explanation, np.ones(30))) == 2 * 1 * 4
    assert explanation.robustness.refits.shape == (4, 5)


def test_regression_with_zero_rates_is_refused():
    one = learner(lambda: PoissonRegressor(alpha=0))
    one.estimator_ = Hurdle()
    with pytest.raises(InputError, match="Hurdle expects 0 events in some cells"):
        Explain().run(one, WEEK)


class Hurdle:
    """A regression that says 0."""

    def predict(self, rows):
        return np.zeros(len(rows))


class Plain:
    """A forecaster without a design matrix."""

    def predict(self, _):
        return forecast_on(square_grid(), periods=2)


def mean_of_the_past(alike=1.0):
    """Return a mean of the past of a city whose cells differ, or hardly do."""
    grid = city(5, 6)
    rates = np.random.default_rng(2).gamma(alike, 2 / alike, (2, 30, 1))
    history = history_of(poisson_counts((2, 30, 120), rates), grid)
    return MovingAverage(104).fit(history), history


def test_level_and_share_explain_methods_without_regression():
    plain, history = mean_of_the_past()
    periods = history.calendar.next_periods(history.cutoff, 2)
    explanation = Explain().run(plain, periods, "moving_average")
    assert explanation.method == "level and share"
    assert explanation.additivity_error <= 1e-12
    level, share = np.moveaxis(explanation.values.values, 3, 0)
    assert level[:, 0] == pytest.approx(plain.predict(periods).expected.sum("cell").values)
    assert share.sum(axis=1) == pytest.approx(1)
    assert np.ptp(explanation.attributions.values[..., 0], axis=1).max() <= 1e-12
    reasons = Explain().top_reasons(explanation, np.ones(30))["words"]
    assert reasons.str.contains("% of the city's events here, by past counts here and nearby: x").any()


def test_share_refits_are_stable_only_where_cells_differ():
    stable, chance = (
        Explain().run(one, history.calendar.next_periods(history.cutoff, 1)).robustness.stability[0]
        for one, history in (mean_of_the_past(alike=0.5), mean_of_the_past(alike=1e6))
    )
    assert stable > 0.95
    assert chance == pytest.approx(0.5, abs=0.15)  # two halves drawn at random share half of what each holds


def test_units_with_zero_rates_are_not_explained():
    grid = city(2, 2)
    counts = np.ones((1, 4, 60), dtype=int)
    counts[:, 3] = 0
    history = history_of(counts, grid)
    explanation = Explain().run(MovingAverage(52).fit(history), history.calendar.next_periods(history.cutoff, 1))
    assert explanation.explained.ravel().tolist() == [True, True, True, False]
    assert explanation.additivity_error <= 1e-12
    assert explanation.importance()["attribution"].notna().all()


def test_unexplainable_forecaster_is_refused():
    with pytest.raises(InputError, match=r"Plain cannot be explained: .* no share_column and no members"):
        Explain().run(Plain(), WEEK)


def test_invalid_explain_settings_are_refused():
    with pytest.raises(InputError, match="land_share"):
        Explain(land_share=0)
    with pytest.raises(InputError, match="reasons"):
        Explain(reasons=0)
    with pytest.raises(InputError, match="background"):
        Explain(background=0)


def test_units_without_values_are_excluded_from_samples():
    explanation = Explain().run(fitted(), WEEK)
    weights = xr.zeros_like(explanation.log_expected)
    with pytest.raises(InputError, match="at least one explained unit"):
        type(explanation)(**{**vars(explanation), "weights": weights})


def test_same_seed_gives_the_same_explanation():
    one = learner(lambda: RandomForestRegressor(5, min_samples_leaf=20, random_state=0))
    spec = Explain(sample=5, background=5, refits=2)
    first, second = (spec.run(one, WEEK) for _ in range(2))
    xr.testing.assert_equal(first.attributions, second.attributions)
    pd.testing.assert_frame_equal(first.robustness.refits, second.robustness.refits)


@pytest.mark.slow
def test_whole_city_is_explained_in_seconds():
    fake = fitted(cells=6000, count=35, trees=300)
    start = time.process_time()
    assert Explain().run(fake, WEEK).additivity_error <= 1e-6
    assert time.process_time() - start < 60


def test_forecaster_without_training_data_is_explained():
    assert isinstance(fitted(), FakeForecaster)
    assert Explain().run(fitted(), WEEK).robustness is None
