"""Stored forecasts beside what then happened: the only thing that is ever scored or audited."""

from dataclasses import dataclass

import pandas as pd
import xarray as xr

from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS


@dataclass(frozen=True, eq=False)
class Replay:
    """One forecaster's forecasts at one lead over consecutive test periods, and the counts observed.

    Parameters
    ----------
    forecaster : str
        Name under which the forecaster was configured.
    recipe : str
        Fingerprint of the recipe that made the forecasts.
    lead : int
        Periods ahead of the cutoff, 1 for the next period.
    expected : DataArray
        Expected events per (crime_type, cell, period).
    quantiles : DataArray
        Quantiles of the counts, dims (quantile, crime_type, cell, period).
    dispersion : DataArray
        Extra variance as a multiple of the squared mean, dims (crime_type, period) or those of ``expected``.
    observed : DataArray
        Events that happened, dims of ``expected``.

    Raises
    ------
    InputError
        If forecasts and observations do not cover the same units.
    """

    forecaster: str
    recipe: str
    lead: int
    expected: xr.DataArray
    quantiles: xr.DataArray
    dispersion: xr.DataArray
    observed: xr.DataArray

    def __post_init__(self) -> None:
        """Refuse to pair forecasts with counts of other units."""
        if self.expected.dims != DIMS or self.observed.dims != DIMS:
            msg = f"A replay has the dimensions {DIMS}."
            raise InputError(msg)
        for name in DIMS:
            if not self.expected.indexes[name].equals(self.observed.indexes[name]):
                msg = f"Forecasts of {self.forecaster} and observations differ in their {name}."
                raise InputError(msg)

    @property
    def periods(self) -> pd.PeriodIndex:
        """The test periods, in order."""
        return pd.PeriodIndex(self.expected.indexes["period"])

    @property
    def crime_types(self) -> tuple[str, ...]:
        """The crime types, in order."""
        return tuple(str(name) for name in self.expected.indexes["crime_type"])
