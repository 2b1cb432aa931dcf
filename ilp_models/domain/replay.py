"""Stored forecasts with recorded counts, what their forecaster could know, and what they cost to compute."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Optional, Self

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS

# What is known of the counts around the expected one.
NEGATIVE_BINOMIAL: Final = "negative_binomial"  # dispersion and quantiles
SAMPLES: Final = "samples"  # draws, and their quantiles
QUANTILES: Final = "quantiles"
EXPECTED: Final = "expected"  # nothing
_PARTS: Final = {
    NEGATIVE_BINOMIAL: ("quantiles", "dispersion"),
    SAMPLES: ("quantiles", "samples"),
    QUANTILES: ("quantiles",),
    EXPECTED: (),
}


@dataclass(frozen=True)
class ReplayTerms:
    """Conditions of a backtest; scores under different conditions do not compare methods.

    Parameters
    ----------
    delay : int
        Periods before the cutoff that had not settled by then: the first forecast is ``1 + delay`` periods from the
        last known one.
    refit_every : int or None, default None
        Cutoffs between two fits; None if unknown.
    """

    delay: int
    refit_every: int | None = None

    @classmethod
    def joint(cls, terms: Iterable["ReplayTerms | None"]) -> "ReplayTerms | None":
        """Return the common terms of several forecasts of one recipe; None if any is unknown."""
        parts: Sequence[ReplayTerms | None] = list(terms)
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or not known:
            return None
        return max(known, key=lambda one: one.delay)

    def to_json(self) -> str:
        """Return the terms as JSON, as stored with a forecast."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the terms from the JSON of `to_json`."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Cost:
    """Measured seconds and memory of some fits and forecasts.

    Parameters
    ----------
    fits, forecasts : int
        Number of each.
    fit_seconds, fit_cpu_seconds : float
        Time of the fits: wall-clock, and CPU in all threads of the process.
    forecast_seconds, forecast_cpu_seconds : float
        Time of the forecasts and the updates before them.
    peak_mb : float
        Peak resident memory above that before the fits, megabytes; NaN if it cannot be measured.
    """

    fits: int = 0
    forecasts: int = 0
    fit_seconds: float = 0.0
    fit_cpu_seconds: float = 0.0
    forecast_seconds: float = 0.0
    forecast_cpu_seconds: float = 0.0
    peak_mb: float = 0.0

    @classmethod
    def total(cls, costs: Iterable[Optional["Cost"]]) -> Self | None:
        """Return the summed cost, with the largest peak memory; None if any is unknown."""
        parts: Sequence[Cost | None] = list(costs)
        known = [asdict(part) for part in parts if part is not None]
        if len(known) < len(parts) or not known:
            return None
        sums = {name: sum(part[name] for part in known) for name in known[0]}
        return cls(**{**sums, "peak_mb": float(np.max([part["peak_mb"] for part in known]))})

    def to_dict(self) -> dict[str, float]:
        """Return the cost as a dict of numbers."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the cost as JSON, as stored with a forecast."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the cost from the JSON of `to_json`."""
        return cls(**json.loads(text))


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
    distribution : str, default "negative_binomial"
        ``negative_binomial``, ``samples``, ``quantiles`` or ``expected``. Only forecasts that others handed in have
        another than the first: what they lack is NaN in ``quantiles`` and ``dispersion``.
    samples : DataArray, optional
        Draws of the counts, dims (sample, crime_type, cell, period), with the distribution ``samples``.
    handed_in : bool, default False
        Whether the forecasts are from outside this run: a rival's file, or stored by another run. Whether they knew
        the counts is then not known here, so no ceiling is computed from them.

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
    distribution: str = NEGATIVE_BINOMIAL
    samples: xr.DataArray | None = None
    handed_in: bool = False

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
    def parts(self) -> tuple[str, ...]:
        """The names of the parts of its distribution that are known."""
        return _PARTS[self.distribution]

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

    def digest(self) -> str:
        """Return the SHA-256 of forecasts and recorded counts, with their labels, forecaster, recipe and delay."""
        labels = [list(self.crime_types), list(map(str, self.expected.indexes["cell"])), list(map(str, self.periods))]
        spread = self.dispersion.broadcast_like(self.expected).transpose(*DIMS)
        cubes = [
            np.asarray(one.values, dtype=np.float64) for one in (self.expected, self.quantiles, spread, self.observed)
        ]
        return digest_of(self.forecaster, self.recipe, str(self.lead), str(self.delay), labels, cubes)

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
