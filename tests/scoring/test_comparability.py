from dataclasses import replace

import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from tests.scoring.score_tables import SCORING, area, city


def spoiled(name, value):
    replay = city()
    cube = getattr(replay, name).astype(float).copy()
    cube.values.flat[1] = value
    return replace(replay, **{name: cube})


@pytest.mark.parametrize(
    ("replays", "message"),
    [
        ([], "Run a backtest first"),
        ([city(), city(1)], "listed twice at lead 1"),
        ([city(forecaster="oracle")], "name 'oracle' is reserved"),
        ([city(), city(forecaster="kde", cells=7)], "differ in their cells"),
        ([city(), city(forecaster="kde", kinds=1)], "differ in their crime types"),
        ([city(), city(forecaster="kde", start="2021-01-11")], "differ in their periods"),
        ([city(), city(forecaster="kde", counts_seed=1)], "differ in their counts of"),
        ([city(), city(lead=2), city(forecaster="kde")], r"kde has leads \[1\] and ewma has \[1, 2\]"),
        ([spoiled("expected", np.nan)], "expected values of ewma"),
        ([spoiled("observed", np.nan)], "observed values of ewma"),
        ([spoiled("quantiles", -1.0)], "quantiles values of ewma"),
        ([spoiled("expected", np.inf)], "infinite"),
        ([spoiled("dispersion", -0.1)], "dispersion values of ewma"),
    ],
)
def test_incomparable_forecasts_are_refused(replays, message):
    with pytest.raises(InputError, match=message):
        SCORING.run(replays, area())


def test_quantiles_dispersions_and_areas_of_other_units_are_refused():
    replay = city()
    with pytest.raises(InputError, match="8 cells and the grid 7 areas"):
        SCORING.run([replay], area(7))
    with pytest.raises(InputError, match="Forecast the quantiles"):
        SCORING.run([replace(replay, quantiles=replay.quantiles.isel(quantile=[0, 2, 4]))], area())
    with pytest.raises(InputError, match="quantiles of ewma do not cover"):
        SCORING.run([replace(replay, quantiles=replay.quantiles.isel(cell=[0, 1]))], area())
    with pytest.raises(InputError, match="dispersion of ewma does not cover"):
        SCORING.run([replace(replay, dispersion=replay.dispersion.isel(crime_type=[0]))], area())
