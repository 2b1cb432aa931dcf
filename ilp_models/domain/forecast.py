"""Risk forecasts: expected counts and quantiles for every crime type, cell and period."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS
from ilp_models.stats.distributions import LEVELS, quantiles

QUANTILE_COLUMNS: Final = tuple(f"q{round(100 * level):02d}" for level in LEVELS)
COLUMNS: Final = (
    "forecaster",
    "cutoff",
    "period",
    "lead",
    "crime_type",
    "cell",
    "expected",
    *QUANTILE_COLUMNS,
    "observed",
)


@dataclass(frozen=True, eq=False)
class RiskForecast:
    """Expected counts and quantiles, forecast at a cutoff.

    Parameters
    ----------
    expected : DataArray
        Expected events per (crime_type, cell, period), finite and >= 0.
    quantiles : DataArray
        Quantiles of the counts, dims (quantile, crime_type, cell, period), levels 0.05, 0.25, 0.5, 0.75, 0.95.
    dispersion : DataArray
        Extra variance of the counts as a multiple of the squared mean, with any of the dimensions of ``expected``.
    cutoff : Timestamp
        Moment of the forecast; later events and reports were unknown.
    forecaster : str, default ""
        Name under which the forecaster was configured.
    recipe : str, default ""
        Fingerprint of its recipe.

    Raises
    ------
    InputError
        If an expected count is NaN, infinite or negative; the message names the first unit.
    """

    expected: xr.DataArray
    quantiles: xr.DataArray
    dispersion: xr.DataArray
    cutoff: pd.Timestamp
    forecaster: str = ""
    recipe: str = ""

    def __post_init__(self) -> None:
        """Refuse values that are not expected counts."""
        if self.expected.dims != DIMS or self.quantiles.dims != ("quantile", *DIMS):
            msg = f"A forecast has the dimensions {DIMS}, not {self.expected.dims}."
            raise InputError(msg)
        bad = ~(np.isfinite(self.expected.values) & (self.expected.values >= 0))
        if bad.any():
            kind, cell, period = (int(index[0]) for index in np.nonzero(bad))
            unit = [self.expected.indexes[d][i] for d, i in zip(DIMS, (kind, cell, period), strict=True)]
            msg = (
                f"{self.forecaster or 'The forecaster'} gave {self.expected.values[kind, cell, period]} as an "
                f"expected count, {int(bad.sum())} times; first at {' / '.join(map(str, unit))}."
            )
            raise InputError(msg)

    @property
    def periods(self) -> pd.PeriodIndex:
        """The forecast periods, in order."""
        return pd.PeriodIndex(self.expected.indexes["period"])

    @classmethod
    def negative_binomial(cls, expected: xr.DataArray, dispersion: xr.DataArray, cutoff: pd.Timestamp) -> Self:
        """Return a forecast with negative-binomial quantiles from means and dispersions.

        Parameters
        ----------
        expected : DataArray
            Expected counts, dims (crime_type, cell, period).
        dispersion : DataArray
            One value per crime type, or with more of the dimensions.
        cutoff : Timestamp
            The moment of the forecast.

        Returns
        -------
        RiskForecast
            With negative-binomial quantiles; Poisson if the dispersion is 0.
        """
        spread = dispersion.broadcast_like(expected).transpose(*DIMS)
        finite = np.nan_to_num(expected.values, nan=0.0, posinf=0.0).clip(0)
        values = quantiles(finite, spread.values)
        coords = {"quantile": list(LEVELS), **{d: expected.indexes[d] for d in DIMS}}
        return cls(expected, xr.DataArray(values, dims=("quantile", *DIMS), coords=coords), dispersion, cutoff)

    def named(self, forecaster: str, recipe: str) -> Self:
        """Return a copy with the forecaster's name and the recipe's fingerprint.

        Parameters
        ----------
        forecaster : str
            Name under which the forecaster was configured.
        recipe : str
            Fingerprint of the recipe.

        Returns
        -------
        RiskForecast
            A labelled copy.
        """
        return replace(self, forecaster=forecaster, recipe=recipe)

    def to_table(self, observed: npt.NDArray[np.generic] | None = None) -> pd.DataFrame:
        """Return the long table in which forecasts are stored.

        Parameters
        ----------
        observed : ndarray, optional
            Recorded counts with the shape of ``expected``; by default unknown, stored as null.

        Returns
        -------
        DataFrame
            One row per unit with the columns of ``COLUMNS``; counts in events per cell and period.
        """
        types, cells, periods = self.expected.shape
        size = self.expected.size
        starts = self.periods.start_time
        leads = np.arange(1, periods + 1, dtype=np.int16)
        names = pd.Categorical.from_codes(
            np.repeat(np.arange(types), cells * periods), categories=pd.Index(self.expected.indexes["crime_type"])
        )
        places = pd.Categorical.from_codes(
            np.tile(np.repeat(np.arange(cells), periods), types), categories=pd.Index(self.expected.indexes["cell"])
        )
        columns: dict[str, object] = {
            "forecaster": pd.Categorical.from_codes(np.zeros(size, dtype=int), categories=pd.Index([self.forecaster])),
            "cutoff": self.cutoff,
            "period": np.tile(starts.to_numpy(), types * cells),
            "lead": np.tile(leads, types * cells),
            "crime_type": names,
            "cell": places,
            "expected": self.expected.values.ravel(),
        }
        for level, name in enumerate(QUANTILE_COLUMNS):
            columns[name] = self.quantiles.values[level].ravel().astype(np.float32)
        unknown = np.full(size, observed is None)
        counts = np.zeros(size, dtype=np.int32) if observed is None else observed.ravel().astype(np.int32)
        columns["observed"] = pd.arrays.IntegerArray(counts, unknown)
        return pd.DataFrame(columns)

    def digest(self) -> str:
        """Return a SHA-256 of units, values and cutoff; equal forecasts have equal digests.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        labels = [list(map(str, self.expected.indexes[dim])) for dim in DIMS]
        cubes = [np.asarray(cube, np.float64) for cube in (self.expected, self.quantiles, self.dispersion)]
        return digest_of(str(self.cutoff), self.forecaster, self.recipe, labels, cubes)
