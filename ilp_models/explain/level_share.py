"""Explain forecasters without a regression: expected events in the city times the share of the cell."""

from typing import Final

import numpy as np
import xarray as xr

from ilp_models.domain.explanation import LEVEL_AND_SHARE, Explanation
from ilp_models.domain.features import Column
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.panel import DIMS

LEVEL: Final = Column("city_level", "city_level", "{value:.1f} events expected in the whole city")


def level_and_share(forecast: RiskForecast, share_column: Column, name: str) -> Explanation:
    """Return attributions to city level and cell share; exact, since log count = log level + log share."""
    expected, columns = forecast.expected.values, (LEVEL, share_column)
    level = expected.sum(axis=1, keepdims=True)
    positive = expected > 0  # log(0) cannot be explained
    with np.errstate(divide="ignore", invalid="ignore"):
        share = expected / level
        logs = np.stack(np.broadcast_arrays(np.log(level), np.log(share)), axis=3)
        log_expected = forecast.expected.copy(data=np.log(expected))
    means = logs.mean(axis=(1, 2), keepdims=True, where=positive[..., None])
    coords = {dim: forecast.expected.indexes[dim] for dim in DIMS}
    labels = {**coords, "feature": [column.name for column in columns]}
    shown = np.stack(np.broadcast_arrays(level, share), axis=3)
    return Explanation(
        attributions=xr.DataArray(logs - means, dims=(*DIMS, "feature"), coords=labels),
        values=xr.DataArray(shown, dims=(*DIMS, "feature"), coords=labels),
        base=xr.DataArray(means.sum(axis=3).ravel(), dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
        log_expected=log_expected,
        columns=columns,
        forecaster=name,
        cutoff=forecast.cutoff,
        method=LEVEL_AND_SHARE,
        weights=None if positive.all() else forecast.expected.copy(data=positive.astype(float)),
    )
