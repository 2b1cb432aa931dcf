"""Forecasters based on point processes: shared fitting, counts and dispersions."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.errors import InputError
from ilp_models.domain.family_reasons import NEIGHBOURS, RECENT, TREND, USUAL
from ilp_models.domain.features import OWN_PAST
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.hindcast import recent_periods
from ilp_models.model.point_processes.branching import ForecastBins
from ilp_models.model.point_processes.incidents import DAY, Incidents, incidents_by_type
from ilp_models.model.reason_parts import city_levels, split_level_and_shares, split_shares, stack_periods
from ilp_models.stats.distributions import fit_dispersion
from ilp_models.stats.filters import exponential_means

Floats = npt.NDArray[np.float64]

ANYWHERE: Final = 0.5  # incidents of a type added over all cells, so that no forecast is 0


class PointProcess(Forecaster):
    """A forecaster that learns from incidents with their times and places.

    Dispersions are fitted out of sample on the latest ``holdout`` periods. The process is then refitted with them. An
    update keeps the parameters and reads the newer incidents. A subclass writes ``_learn`` and ``_expected``.
    """

    holdout: int
    train_periods: int | None = None
    level_half_life: float | None = None

    share_column = OWN_PAST
    repeated_records_: dict[str, int]  # by crime type: records with the time and place of another one
    records_per_incident_: Floats  # mean by crime type, the factor from incidents to counts
    dispersion_: Floats

    @abstractmethod
    def _learn(self, history: History, incidents: list[Incidents], days: float) -> None:
        """Learn from the incidents of each type, which were observed over some days."""

    @abstractmethod
    def _expected(self, history: History, incidents: list[Incidents], now: float, bins: ForecastBins) -> Floats:
        """Return expected incidents (types, cells, periods), given those before the day `now`."""

    def _incidents(self, history: History) -> list[Incidents]:
        """Return the incidents of each crime type."""
        return incidents_by_type(history)

    def _fit(self, history: History) -> None:
        self._check()
        incidents = self._incidents(history)
        repeated = (some.repeated_records for some in incidents)
        self.repeated_records_ = dict(zip(history.events.crime_types, repeated, strict=True))
        targets = recent_periods(history)[-self.holdout :]
        usable = history.usable_periods(targets, history.first_step)
        self._learn_until(history, incidents, int(usable[0]))
        past = [self._counts(history, incidents, targets[[i]], int(known))[..., 0] for i, known in enumerate(usable)]
        observed, expected = history.panel.by_period[-len(targets) :], np.stack(past)
        kinds = range(expected.shape[1])
        self.dispersion_ = np.array([fit_dispersion(observed[:, k], expected[:, k]) for k in kinds])
        self._learn_until(history, incidents, len(history.panel.periods))

    def _update(self, history: History) -> None:
        """Do nothing: forecasts read the newer incidents from the history."""

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        del steps
        known = self._incidents(self.history_)
        return self._counts(self.history_, known, periods, len(self.history_.panel.periods)), self.dispersion_

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[Floats, Mapping[str, Cube]]:
        """Return the trend of the level, and background, repeats of known incidents and their spread of the shares."""
        del steps
        history = self.history_
        known, count = self._incidents(history), len(history.panel.periods)
        none = [some.between(np.inf, np.inf) for some in known]
        bins = ForecastBins.from_periods((history.panel.periods[-1] + 1).start_time, periods, history.calendar)
        now = _day_of(history, count)
        all_together, background = (self._expected(history, some, now, bins) for some in (known, none))
        parts = []
        for index in range(len(periods)):
            level = expected.values[..., index].sum(axis=1)
            total = np.maximum(all_together[..., index].sum(axis=1, keepdims=True), np.finfo(float).tiny)
            usual, whole = background[..., index] / total, all_together[..., index] / total
            repeats = enumerate(zip(known, whole - usual, strict=True))
            recent = np.stack([self._own_repeats(kind, one, some, now, bins) for kind, (some, one) in repeats])
            shares = {USUAL: usual, RECENT: recent, NEIGHBOURS: whole - usual - recent}
            levels = {TREND: (level, city_levels(history))}
            parts.append(split_level_and_shares(levels, {family: split_shares(one) for family, one in shares.items()}))
        return stack_periods(parts)

    def _own_repeats(self, kind: int, repeats: Floats, incidents: Incidents, now: float, bins: ForecastBins) -> Floats:
        """Return the repeats (cells,) of known incidents as if they stayed in their cells; by default they do."""
        del kind, incidents, now, bins
        return repeats

    def _check(self) -> None:
        """Raise InputError if a setting is not positive."""
        for name in ("train_periods", "level_half_life", "holdout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                msg = f"{name}={value:g} must be above 0."
                raise InputError(msg)

    def _learn_until(self, history: History, incidents: list[Incidents], periods: int) -> None:
        """Learn from the first `periods` periods, or the latest `train_periods` of them."""
        stop, start, earliest = _day_of(history, periods), 0.0, -np.inf
        if self.train_periods is not None:
            start = earliest = _day_of(history, max(0, periods - self.train_periods))
        known = [some.between(earliest, stop).shifted(start) for some in incidents]
        self.records_per_incident_ = np.array([some.records_per_incident for some in known])
        self._learn(history, known, stop - start)

    def _counts(self, history: History, incidents: list[Incidents], periods: pd.PeriodIndex, known: int) -> Floats:
        """Return expected counts (types, cells, periods), given the first `known` periods."""
        bins = ForecastBins.from_periods((history.panel.periods[known - 1] + 1).start_time, periods, history.calendar)
        expected = self._expected(history, incidents, _day_of(history, known), bins)
        out = self.records_per_incident_[:, None, None] * expected
        if self.level_half_life is not None:
            counts = history.panel.by_period.sum(axis=2, dtype=np.float64)
            level = exponential_means(counts, float(self.level_half_life), np.array([known]))[0]
            out *= (np.maximum(level, ANYWHERE / len(counts))[:, None] / out.sum(axis=1))[:, None, :]
        return out


def in_own_cells(incidents: Incidents, weights: Floats, repeats: Floats) -> Floats:
    """Return all repeats (cells,) in the cells of the known incidents, in proportion to a weight of each incident."""
    inside = incidents.cell >= 0
    share = weights / max(float(weights.sum()), np.finfo(float).tiny)
    own = np.bincount(incidents.cell[inside], share[inside], len(repeats))
    return np.asarray(own * repeats.sum())


def _day_of(history: History, period: int) -> float:
    """Return the days from the start of the first settled period to that of another."""
    first = history.panel.periods[0]
    return float(((first + period).start_time - first.start_time) / DAY)
