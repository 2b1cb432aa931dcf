"""Forecast a city and its areas months and days ahead, coherently, from any origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import clone

from ilp_models.domain.aggregate import WHOLE_CITY
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.model.long_horizons.breaks import Break, BreakEffect, adjust_for_breaks, break_effects
from ilp_models.model.long_horizons.hierarchy import Hierarchy, find_areas, make_coherent
from ilp_models.model.long_horizons.series import SEASONS, Floats, SeriesForecaster, dispersion_of
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import quantiles

MONTH, DAY = "month", "day"
YEAR: Final = 12  # months
_BOOTSTRAP: Final = Bootstrap()
_CHUNK: Final = 25  # series of one task
_LARGEST: Final = {"city_months": 36, "area_months": 36, "city_days": 90}


@dataclass(frozen=True)
class LongHorizons:
    """How far ahead a city and its areas are forecast, and from how many past origins the forecast is tested.

    Parameters
    ----------
    city_months : int, default 36
        Months ahead for the city and its crime types, 1 to 36.
    area_months : int, default 12
        Months ahead for the areas, at most ``city_months``; 0 leaves the areas out.
    city_days : int, default 90
        Days ahead for the city and its crime types, at most 90; 0 leaves days out.
    train_days : int, default 1095
        Latest days to learn from. Months are those of the method (``train_periods``).
    origins : int, default 8
        Past origins from which the city is forecast again, spread evenly over the records.
    area_origins : int, default 3
        The same for the areas, whose many series take longer.
    merge : mapping, optional
        Areas that are counted as one: ``{new name: [names]}``, for areas that were merged or divided.
    breaks : sequence of mapping, optional
        ``start``, ``end`` and ``why`` of lasting changes of the recorded level; see :class:`Break`.
    bootstrap : Bootstrap, optional
        Draws, confidence and seed of the intervals of relative errors.

    Raises
    ------
    InputError
        If a number is out of range, or breaks overlap.

    Examples
    --------
    >>> LongHorizons(city_months=12, city_days=0).area_months
    12
    """

    city_months: int = 36
    area_months: int = 12
    city_days: int = 90
    train_days: int = 1095
    origins: int = 8
    area_origins: int = 3
    merge: Mapping[str, Sequence[str]] | None = None
    breaks: Sequence[Mapping[str, Any]] = ()
    bootstrap: Bootstrap = _BOOTSTRAP

    def __post_init__(self) -> None:
        """Refuse numbers out of range and breaks that overlap."""
        for name, most in _LARGEST.items():
            least = 1 if name == "city_months" else 0
            if not least <= getattr(self, name) <= most:
                msg = f"long_horizons.{name}={getattr(self, name)} must be from {least} to {most}."
                raise InputError(msg)
        if self.area_months > self.city_months:
            msg = f"long_horizons.area_months={self.area_months} must not exceed city_months={self.city_months}."
            raise InputError(msg)
        if self.origins < 0 or self.area_origins < 0 or self.train_days < 2 * SEASONS[DAY][0]:
            msg = (
                f"long_horizons.origins={self.origins} and area_origins={self.area_origins} must be 0 or more, and "
                f"train_days={self.train_days} at least {2 * SEASONS[DAY][0]}."
            )
            raise InputError(msg)
        _refuse_overlap(self.declared)

    @property
    def declared(self) -> tuple[Break, ...]:
        """The declared breaks, oldest first."""
        known = {"start", "end", "why"}
        for one in self.breaks:
            if not isinstance(one, Mapping) or not {"start", "why"} <= set(one) <= known:
                msg = f"long_horizons.breaks has {one!r}. Give start, why and, if it has ended, end of each break."
                raise InputError(msg)
        return tuple(sorted((Break(**one) for one in self.breaks), key=lambda one: one.months[0]))

    def horizon(self, unit: str) -> int:
        """Return the longest lead of a unit of periods."""
        return self.city_months if unit == MONTH else self.city_days


def _refuse_overlap(breaks: Sequence[Break]) -> None:
    for earlier, later in pairwise(breaks):
        last = earlier.months[1]
        if last is None or last >= later.months[0]:
            msg = (
                f"long_horizons.breaks: the break of {earlier.start} has not ended when that of {later.start} begins. "
                "Give each month at most one break."
            )
            raise InputError(msg)


@dataclass(frozen=True, eq=False)
class OriginForecast:
    """What is forecast from one origin: means and variances of all series of a hierarchy."""

    unit: str
    hierarchy: Hierarchy
    known: pd.PeriodIndex  # the training periods
    counts: Floats  # of all series in the training periods, as recorded
    periods: pd.PeriodIndex  # that are forecast
    expected: Floats  # shape (series, periods); sums are exact
    variance: Floats
    effects: tuple[BreakEffect, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each series and period, with quantiles."""
        labels = self.hierarchy.labels
        size, horizon = self.expected.shape
        table = labels.loc[labels.index.repeat(horizon)].reset_index(drop=True)
        table.insert(0, "period_unit", self.unit)
        table["period"] = np.tile(np.asarray(self.periods.astype(str)), size)
        table["lead"] = np.tile(np.arange(1, horizon + 1), size)
        table["expected"] = self.expected.ravel()
        return table.assign(**self.quantiles(self.expected.ravel(), self.variance.ravel()))

    @staticmethod
    def quantiles(expected: Floats, variance: Floats) -> dict[str, Floats]:
        """Return the quantiles of negative binomial counts with these means and variances."""
        levels = quantiles(expected, dispersion_of(expected, variance))
        return dict(zip(QUANTILE_COLUMNS, levels, strict=True))

    def year_moments(self) -> tuple[Floats, Floats]:
        """Return mean and variance of the sum of the next 12 months of each series.

        Errors of months are correlated as those of a local level whose variances grow as the forecast ones do. There,
        an innovation moves its own month, and all later ones by a share of itself (Hyndman et al. 2008).
        """
        first, last = self.variance[:, 0], self.variance[:, YEAR - 1]
        share = np.sqrt(np.maximum(last / first - 1, 0) / (YEAR - 1))
        variance = first * ((1 + np.arange(YEAR) * share[:, None]) ** 2).sum(axis=1)
        return self.expected[:, :YEAR].sum(axis=1), variance

    def next_year(self) -> pd.DataFrame:
        """Return the expected count of the next 12 months of each series, and the recorded one of the last 12."""
        expected, variance = self.year_moments()
        limits = self.quantiles(expected, variance)
        recorded = self.counts[:, -YEAR:].sum(axis=1)
        table = self.hierarchy.labels.assign(last_12_months=recorded, next_12_months=expected)
        return table.assign(low=limits["q05"], high=limits["q95"])


def whole_months(events: Events) -> pd.PeriodIndex:
    """Return the months of which the records are complete, the reporting delay included."""
    return Calendar(MONTH).whole_periods(events.start, events.end - events.settles_after)


def hierarchies(events: Events, settings: LongHorizons) -> dict[str, Hierarchy]:
    """Return the hierarchy of months, which has areas if they are recorded and asked for, and that of days."""
    merge = settings.merge or {}
    areas: tuple[str, ...] = (WHOLE_CITY,)
    if settings.area_months and ("area" in events.table or merge):
        areas = find_areas(events, whole_months(events), merge)
    return {MONTH: Hierarchy(areas, events.crime_types), DAY: Hierarchy((WHOLE_CITY,), events.crime_types)}


def forecast_origin(
    events: Events,
    first: pd.Period,
    hierarchy: Hierarchy,
    method: SeriesForecaster,
    settings: LongHorizons,
    compute: Compute,
) -> OriginForecast:
    """Return the forecast of the periods from ``first`` on, by what was known when they began.

    With a reporting delay, this is when the counts of the period before are complete.
    """
    unit = MONTH if first.freqstr == "M" else DAY
    fitted = clone(method)
    if unit == DAY:
        fitted.set_params(train_periods=settings.train_days)
    known = events.known_at(first.start_time + events.settles_after)
    periods = Calendar(unit).whole_periods(events.start, first.start_time)
    seasons = fitted.seasons(unit, len(periods))
    merge = settings.merge or {}
    lowest = hierarchy.count(known, periods, merge)
    effects = _effects(known, first, settings)
    kinds = [kind for _ in hierarchy.areas for kind in hierarchy.crime_types]
    train = periods[-fitted.train_periods :]
    recorded = lowest[:, -fitted.train_periods :]
    adjusted = hierarchy.with_sums(adjust_for_breaks(recorded, train, kinds, effects))
    horizon = settings.horizon(unit)
    tasks = [(fitted, adjusted[start : start + _CHUNK], horizon, seasons) for start in range(0, len(adjusted), _CHUNK)]
    parts = (
        compute.map(_moments, tasks, f"{unit}s from {first}") if len(tasks) > 1 else [_moments(one) for one in tasks]
    )
    means = np.concatenate([mean for mean, _ in parts])
    variances = np.concatenate([variance for _, variance in parts])
    # Poisson at least: a series of zeros still has doubt, so that its weight in the reconciliation is finite
    floor = np.maximum(means, 1 / fitted.train_periods)
    expected = make_coherent(hierarchy, means, np.maximum(variances, floor))
    variances = np.maximum(variances + fitted.drift_variance(adjusted, horizon, unit), floor)
    ahead = pd.period_range(first, periods=horizon, freq=first.freqstr)
    return OriginForecast(unit, hierarchy, train, hierarchy.with_sums(recorded), ahead, expected, variances, effects)


def _moments(task: tuple[SeriesForecaster, Floats, int, tuple[int, ...]]) -> tuple[Floats, Floats]:
    """Return means and variances of some series, shape (series, horizon) each."""
    method, counts, horizon, seasons = task
    found = [method.moments(series, horizon, seasons) for series in counts]
    return np.stack([mean for mean, _ in found]), np.stack([variance for _, variance in found])


def _effects(known: Events, first: pd.Period, settings: LongHorizons) -> tuple[BreakEffect, ...]:
    """Return the effects of the breaks that had begun, on the months before the first forecast period."""
    months = Calendar(MONTH).whole_periods(known.start, first.start_time)
    begun = [one for one in settings.declared if len(months) and one.months[0] <= months[-1]]
    if not begun:
        return ()
    city = Hierarchy((WHOLE_CITY,), known.crime_types)
    counts = dict(zip(known.crime_types, city.count(known, months, {}), strict=True))
    return break_effects(begun, months, counts)


def with_horizon(settings: LongHorizons, *, areas: bool) -> LongHorizons:
    """Return the settings for tests of the city alone, or of the areas, whose leads are fewer."""
    return replace(settings, city_months=settings.area_months) if areas else replace(settings, area_months=0)
