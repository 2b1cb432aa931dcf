"""Stored forecasts with the recorded counts: what scores and audits are computed from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.domain.cost import Cost
from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS
from ilp_models.domain.terms import ReplayTerms


@dataclass(frozen=True, eq=False)
class Replay:
    """Forecasts of one forecaster at one lead over consecutive test periods, with the recorded counts.

    Parameters
    ----------
    forecaster : str
        Name under which the forecaster was configured.
    recipe : str
        Fingerprint of the recipe of the forecasts.
    lead : int
        Periods ahead of the cutoff, 1 for the next period.
    expected : DataArray
        Expected events per (crime_type, cell, period).
    quantiles : DataArray
        Quantiles of the counts, dims (quantile, crime_type, cell, period).
    dispersion : DataArray
        Extra variance as a multiple of the squared mean, dims (crime_type, period) or those of ``expected``.
    observed : DataArray
        Recorded events, dims of ``expected``.
    cost : Cost, optional
        Seconds and memory of the forecasts of all leads together; None if unknown.
    terms : ReplayTerms, optional
        Reporting delay and refit interval; None if unknown.

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
    cost: Cost | None = None
    terms: ReplayTerms | None = None

    def __post_init__(self) -> None:
        """Refuse forecasts and counts of different units."""
        if self.expected.dims != DIMS or self.observed.dims != DIMS:
            msg = f"A replay has the dimensions {DIMS}."
            raise InputError(msg)
        for name in DIMS:
            if not self.expected.indexes[name].equals(self.observed.indexes[name]):
                msg = f"Forecasts of {self.forecaster} and observations differ in their {name}."
                raise InputError(msg)

    @property
    def delay(self) -> int:
        """The unknown periods before each cutoff; 0 if not stored."""
        return 0 if self.terms is None else self.terms.delay

    @property
    def periods(self) -> pd.PeriodIndex:
        """The test periods, in order."""
        return pd.PeriodIndex(self.expected.indexes["period"])

    @property
    def crime_types(self) -> tuple[str, ...]:
        """The crime types, in order."""
        return tuple(str(name) for name in self.expected.indexes["crime_type"])

    def difference(self, other: "Replay") -> str:
        """Describe how the crime types, cells, periods or counts of two replays of one lead differ.

        Parameters
        ----------
        other : Replay
            The replay to compare with.

        Returns
        -------
        str
            Such as ``differ in their cells: 12 and 13, 12 of them in both; first c12 of ewma alone``; empty if
            units and counts are equal.
        """
        for dim in DIMS:
            mine, theirs = self.expected.indexes[dim], other.expected.indexes[dim]
            if not mine.equals(theirs):
                return f"differ in their {dim.replace('_', ' ')}s: {self._unlike(other, mine, theirs)}"
        unlike = np.argwhere(self.observed.values != other.observed.values)
        if len(unlike) == 0:
            return ""
        place = tuple(unlike[0])
        unit = " / ".join(str(self.expected.indexes[dim][at]) for dim, at in zip(DIMS, place, strict=True))
        counts = [int(one.observed.values[place]) for one in (self, other)]
        return f"differ in their counts of {len(unlike):,} units: first {counts[0]} and {counts[1]} at {unit}"

    def _unlike(self, other: "Replay", mine: pd.Index, theirs: pd.Index) -> str:
        """Describe how two lists of labels differ: lengths, common labels, and the first one that is missing."""
        sizes = f"{len(mine):,} and {len(theirs):,}, {len(mine.intersection(theirs)):,} of them in both"
        for one, own, others in ((self, mine, theirs), (other, theirs, mine)):
            alone = own[~own.isin(others)]
            if len(alone):
                return f"{sizes}; first {alone[0]} of {one.forecaster} alone"
        place = int(np.flatnonzero(mine != theirs)[0])
        return f"{sizes}, in another order; first {mine[place]} of {self.forecaster} and {theirs[place]}"
