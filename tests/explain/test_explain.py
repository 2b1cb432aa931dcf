import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.ensemble import RandomForestRegressor

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import Design
from ilp_models.domain.forecast import RiskForecast
from ilp_models.explain.explain import Explain
from tests.builders import forecast_on, square_grid
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


class Plain:
    """A forecaster without a design matrix."""

    def predict(self, _):
        return forecast_on(square_grid(), periods=2)


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


@pytest.mark.slow
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
