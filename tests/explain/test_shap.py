import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from lightgbm import LGBMRegressor

from ilp_models.domain.design import Column, Design
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.panel import DIMS
from ilp_models.explain.shap import TreeShap

WEEK = pd.period_range("2022-01-03", periods=1, freq="W-SUN")
TYPES = ["Assault", "Robbery"]


@dataclass
class Fake:
    """A fitted regression of rates against an offset, in the row order of a design."""

    estimator_: Any
    matrix: Design
    cells: int
    history_: Any = None

    def design(self, _):
        return self.matrix

    def predict(self, _):
        rate = self.estimator_.predict(self.matrix.values)
        cube = (np.exp(self.matrix.log_offset) * rate).reshape(1, len(TYPES), self.cells).transpose(1, 2, 0)
        coords = {"crime_type": TYPES, "cell": [f"c{i}" for i in range(self.cells)], "period": WEEK}
        expected = xr.DataArray(cube, dims=DIMS, coords=coords)
        spread = xr.DataArray(np.zeros(2), dims="crime_type", coords={"crime_type": TYPES})
        return RiskForecast.negative_binomial(expected, spread, pd.Timestamp("2022-01-03"))


def fitted(cells=60, columns=4, trees=20, *, with_offset=True):
    rng = np.random.default_rng(3)
    rows = 2 * cells
    x = rng.gamma(1.0, 1.0, (rows, columns)).astype(np.float32)
    log_offset = rng.normal(-1, 0.7, rows) + np.repeat([0.0, 1.0], cells) if with_offset else np.zeros(rows)
    offset = np.exp(log_offset)
    y = rng.poisson(offset * (0.5 + x[:, 0]))
    model = LGBMRegressor(
        objective="poisson", n_estimators=trees, num_leaves=15, verbose=-1, n_jobs=1, min_child_samples=5
    ).fit(x, y / offset, sample_weight=offset)
    names = tuple(Column(f"f{i}", "means", "{value:.1f} of late") for i in range(columns))
    return Fake(model, Design(x, names, log_offset, WEEK), cells)


@pytest.mark.parametrize("with_offset", [True, False])
def test_attributions_add_up_to_the_log_of_the_forecast(with_offset):
    explanation = TreeShap().run(fitted(with_offset=with_offset), WEEK, "lightgbm")
    assert explanation.additivity_error <= 1e-6
    assert explanation.forecaster == "lightgbm"
    assert ("offset" in [column.name for column in explanation.columns]) is with_offset


def test_attributions_are_those_of_lightgbm_itself_in_the_right_cells():
    fake = fitted()
    explanation = TreeShap().run(fake, WEEK)
    own = fake.estimator_.predict(fake.matrix.values, pred_contrib=True)
    row = 60 + 7  # rows run over periods, then crime types, then cells
    got = explanation.attributions.sel(crime_type="Robbery", cell="c7").values[0]
    assert got[:4] == pytest.approx(own[row, :4])
    mean = fake.matrix.log_offset[60:].mean()
    assert got[4] == pytest.approx(fake.matrix.log_offset[row] - mean)
    assert explanation.base.sel(crime_type="Robbery").item() == pytest.approx(own[row, 4] + mean)


def test_a_forecast_that_was_scaled_afterwards_shows_as_an_error():
    fake = fitted()
    fake.predict = lambda periods, whole=fake.predict: _scaled(whole(periods), 1.01)
    assert TreeShap().run(fake, WEEK).additivity_error == pytest.approx(np.log(1.01))


def _scaled(forecast, factor):
    return RiskForecast(
        forecast.expected * factor, forecast.quantiles, forecast.dispersion, forecast.cutoff, forecast.forecaster
    )


def test_top_cells_get_their_reasons_with_values_before_logarithms():
    fake = fitted()
    shown = fake.matrix.values + 100
    fake.matrix = Design(fake.matrix.values, fake.matrix.columns, fake.matrix.log_offset, WEEK, shown)
    spec = TreeShap(top_share=0.05, reasons=5)
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


def test_a_regression_without_trees_is_refused_in_one_line():
    fake = fitted()
    fake.estimator_ = SimpleNamespace(predict=fake.estimator_.predict)
    with pytest.raises(InputError, match="SHAP cannot explain SimpleNamespace"):
        TreeShap().run(fake, WEEK)


def test_settings_that_explain_nothing_are_refused():
    with pytest.raises(InputError, match="top_share"):
        TreeShap(top_share=0)
    with pytest.raises(InputError, match="reasons"):
        TreeShap(reasons=0)


@pytest.mark.slow
def test_a_whole_city_is_explained_in_seconds():
    fake = fitted(cells=6000, columns=35, trees=300)
    start = time.process_time()
    assert TreeShap().run(fake, WEEK).additivity_error <= 1e-6
    assert time.process_time() - start < 60
