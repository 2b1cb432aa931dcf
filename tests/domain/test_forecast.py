import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import COLUMNS, QUANTILE_COLUMNS, RiskForecast
from ilp_models.domain.panel import DIMS
from ilp_models.stats.distributions import LEVELS, quantiles
from tests.builders import TYPES, forecast_on, square_grid

GRID = square_grid(2, 3)


@pytest.fixture
def forecast():
    return forecast_on(GRID, periods=2)


def test_the_table_has_the_documented_columns_and_one_row_a_unit(forecast):
    table = forecast.to_table()
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 2 * 6 * 2
    assert not table.duplicated(["crime_type", "cell", "period"]).any()
    assert table["observed"].isna().all()
    assert set(table["forecaster"]) == {"ewma"}
    assert set(table["cutoff"]) == {pd.Timestamp("2022-01-03")}


def test_every_row_of_the_table_says_what_the_cube_says(forecast):
    observed = np.arange(24).reshape(forecast.expected.shape)
    table = forecast.to_table(observed).set_index(["crime_type", "cell", "period"])
    for k, kind in enumerate(TYPES):
        for c, cell in enumerate(GRID.cells):
            for p, period in enumerate(forecast.periods):
                row = table.loc[(kind, cell, period.start_time)]
                assert row["expected"] == forecast.expected.values[k, c, p]
                assert row["observed"] == observed[k, c, p]
                assert row["lead"] == p + 1
                assert row[list(QUANTILE_COLUMNS)].tolist() == forecast.quantiles.values[:, k, c, p].tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e-9])
def test_what_is_no_count_is_refused_and_its_unit_named(value):
    expected = np.full((2, 6, 1), 0.5)
    expected[1, 4, 0] = value
    with pytest.raises(InputError, match=r"1 times; first at Break and Enter / r1c1 / 2022-01-03"):
        forecast_on(GRID, expected=expected)


def test_other_dimensions_are_refused(forecast):
    turned = forecast.expected.transpose("cell", "crime_type", "period")
    with pytest.raises(InputError, match="A forecast has the dimensions"):
        RiskForecast(turned, forecast.quantiles, forecast.dispersion, forecast.cutoff)


@settings(max_examples=30)
@given(st.floats(0.0, 40.0), st.one_of(st.just(0.0), st.floats(0.01, 5.0)))
def test_quantiles_follow_from_mean_and_dispersion_and_never_cross(mean, spread):
    coords = {"crime_type": ["a"], "cell": ["c"], "period": pd.period_range("2022-01-03", periods=1, freq="W-SUN")}
    expected = xr.DataArray(np.full((1, 1, 1), mean), dims=DIMS, coords=coords)
    dispersion = xr.DataArray([spread], dims="crime_type", coords={"crime_type": ["a"]})
    forecast = RiskForecast.negative_binomial(expected, dispersion, pd.Timestamp("2022-01-03"))
    assert (np.diff(forecast.quantiles.values, axis=0) >= 0).all()
    assert forecast.quantiles.values.ravel().tolist() == quantiles(mean, spread).ravel().tolist()
    assert forecast.quantiles.indexes["quantile"].tolist() == list(LEVELS)


def test_the_digest_knows_values_names_and_the_moment(forecast):
    same = forecast_on(GRID, periods=2)
    assert same.digest() == forecast.digest()
    others = [
        forecast_on(GRID, periods=2, seed=1),
        forecast.named("lightgbm", forecast.recipe),
        forecast.named("ewma", "fedcba9876543210"),
        RiskForecast(forecast.expected, forecast.quantiles, forecast.dispersion, pd.Timestamp("2022-01-02")),
        RiskForecast(forecast.expected, forecast.quantiles + 1, forecast.dispersion, forecast.cutoff, "ewma", "0"),
    ]
    assert len({forecast.digest(), *(other.digest() for other in others)}) == 6


def test_a_name_is_put_on_a_copy(forecast):
    named = forecast.named("other", "f" * 16)
    assert (named.forecaster, forecast.forecaster) == ("other", "ewma")
    assert named.expected is forecast.expected
