"""Explaining a forecast that is a city level times the share of each cell, without any regression."""

from typing import Final

import numpy as np
import xarray as xr

from ilp_models.domain.design import Column
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.panel import DIMS

COLUMNS: Final = (
    Column("city_level", "city_level", "{value:.1f} events expected in the whole city"),
    Column("cell_share", "own_past", "{value:.2%} of them here, by what was counted here and around"),
)


def level_and_share(forecast: RiskForecast, name: str) -> Explanation:
    """Return the attributions of level and share: exact, since their logarithms add up.

    Parameters
    ----------
    forecast : RiskForecast
        Of a method that forecasts the city's level and shares it out over the cells.
    name : str
        Name under which the forecaster was configured.

    Returns
    -------
    Explanation
        What starts the sums is the mean of the logarithms of each crime type.
    """
    expected = forecast.expected.values
    level = expected.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = expected / level
        logs = np.stack(np.broadcast_arrays(np.log(level), np.log(share)), axis=3)
        log_expected = forecast.expected.copy(data=np.log(expected))
    means = logs.mean(axis=(1, 2), keepdims=True)
    coords = {dim: forecast.expected.indexes[dim] for dim in DIMS}
    labels = {**coords, "feature": [column.name for column in COLUMNS]}
    shown = np.stack(np.broadcast_arrays(level, share), axis=3)
    return Explanation(
        attributions=xr.DataArray(logs - means, dims=(*DIMS, "feature"), coords=labels),
        values=xr.DataArray(shown, dims=(*DIMS, "feature"), coords=labels),
        base=xr.DataArray(means.sum(axis=3).ravel(), dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
        log_expected=log_expected,
        columns=COLUMNS,
        forecaster=name,
        cutoff=forecast.cutoff,
        method="level and share",
    )
