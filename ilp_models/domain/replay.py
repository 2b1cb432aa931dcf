"""Stored forecasts beside what then happened: the only thing that is ever scored or audited."""

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
    cost : Cost, optional
        What the forecasts of all leads together cost to make; None where it was not kept.
    terms : Terms, optional
        What the forecaster could learn from; None where it was not kept.

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
        """Refuse to pair forecasts with counts of other units."""
        if self.expected.dims != DIMS or self.observed.dims != DIMS:
            msg = f"A replay has the dimensions {DIMS}."
            raise InputError(msg)
        for name in DIMS:
            if not self.expected.indexes[name].equals(self.observed.indexes[name]):
                msg = f"Forecasts of {self.forecaster} and observations differ in their {name}."
                raise InputError(msg)

    @property
    def delay(self) -> int:
        """The periods before each cutoff that were not known; 0 where that was not kept."""
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
        """Return in which crime types, cells, periods or counts two replays of one lead differ, and how.

        Parameters
        ----------
        other : Replay
            What to compare it with.

        Returns
        -------
        str
            Such as ``differ in their cells: 12 and 13, 12 of them in both; first c12 of ewma alone``; empty where
            they are of the same units and counts.
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
        """Return how two lists of labels differ: their lengths, what is common, and the first that one lacks."""
        sizes = f"{len(mine):,} and {len(theirs):,}, {len(mine.intersection(theirs)):,} of them in both"
        for one, own, others in ((self, mine, theirs), (other, theirs, mine)):
            alone = own[~own.isin(others)]
            if len(alone):
                return f"{sizes}; first {alone[0]} of {one.forecaster} alone"
        place = int(np.flatnonzero(mine != theirs)[0])
        return f"{sizes}, in another order; first {mine[place]} of {self.forecaster} and {theirs[place]}"
