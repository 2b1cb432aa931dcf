"""Simulate feedback: fit a forecaster, patrol its map, record events that depend on the patrols, and fit again.

The city has constant true rates. Its past is recorded completely. Afterwards an event is recorded in patrolled areas,
and elsewhere with the probability that residents report it. Each fit uses the recorded events, and its map decides
on patrols.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.spatial import cKDTree
from sklearn.base import clone

from ilp_models.audit.feedback.feedback import (
    COLUMNS,
    COMPLETE,
    FOLLOWED,
    WEIGHTED,
    Feedback,
    FeedbackOutcome,
    PatrolRule,
    Planner,
)
from ilp_models.audit.flagging import FlaggingRule
from ilp_models.domain.aggregate import AreaLevel, area_levels
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.finding import ALL
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.stats.rank_statistics import rank_correlation, total_variation

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_MIN_AREAS: Final = 10  # a level of parent areas with fewer is too coarse: blocks of cells are used
_MAX_AREAS: Final = 300  # areas that are forecast in reasonable time, with some events each
_BLOCKS: Final = 150
_NEAR_M: Final = 1.0
_TINY: Final = 1e-12  # so that cells without any event share an area equally


@dataclass(frozen=True, eq=False)
class NearestPoint:
    """Locator that gives each event the area of its nearest point."""

    points: Floats  # shape (points, 2), metres
    codes: npt.NDArray[np.int64]  # position of each point's area

    def locate(self, events: Events) -> npt.NDArray[np.int64]:
        """Return the position of each event's area; -1 if no point is near."""
        if len(events) == 0:
            return np.zeros(0, dtype=np.int64)
        far, nearest = cKDTree(self.points).query(events.table[["x", "y"]].to_numpy(dtype=float))
        return np.where(far <= _NEAR_M, self.codes[nearest], -1).astype(np.int64)

    def widened(self, grid: Grid, events: Events) -> Grid:
        """Return the same cells: the simulated city has no neighbours."""
        del events
        return grid


@dataclass(frozen=True, eq=False)
class FeedbackCity:
    """The simulated city: real areas with constant true rates, and records written period by period."""

    area_level: AreaLevel  # the areas as sums of the real cells
    grid: Grid  # the areas as cells
    rates: Floats  # true events per period, shape (crime types, areas)
    cell_rates: Floats  # true events per period of each real cell, shape (crime types, cells)
    history: History  # calendar, crime types, layers and the start of the simulation
    points: Floats  # one inside each real cell, shape (cells, 2), metres

    @classmethod
    def from_history(cls, history: History, rates: Floats | None = None) -> Self:
        """Return the city of a history; true rates are its mean counts unless given."""
        mean = history.panel.values.mean(axis=2) if rates is None else np.asarray(rates, dtype=float)
        if mean.shape != history.panel.values.shape[:2] or not (np.isfinite(mean) & (mean >= 0)).all():
            msg = (
                f"True rates have shape {mean.shape}. Give finite rates >= 0, one per crime type and "
                f"cell: {history.panel.values.shape[:2]}."
            )
            raise InputError(msg)
        level = simulation_areas(history.grid)
        points = shapely.get_coordinates(shapely.point_on_surface(history.grid.geometry))
        grid = replace(level.grid(history.grid), locator=NearestPoint(points, level.codes))
        return cls(level, grid, level.sums(mean[:, :, None])[:, :, 0], mean, history, points)

    def write_records(self, counts: Counts, first: int, random: np.random.Generator) -> pd.DataFrame:
        """Return counts as a table of single records."""
        periods = self.periods(first, counts.shape[2] + 1).start_time
        kind, area, period = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
        cell = np.empty(len(kind), dtype=np.int64)
        for code in range(len(counts)):
            own = kind == code
            cell[own] = self._sample_cells(code, area[own], random)
        begins = periods.to_numpy()[period]
        when = begins + (random.random(len(kind)) * (periods.to_numpy()[period + 1] - begins)).astype("timedelta64[s]")
        types = pd.Categorical.from_codes(kind.tolist(), categories=pd.Index(self.history.events.crime_types))
        table = pd.DataFrame({"occurred_at": when, "reported_at": when, "crime_type": types})
        return table.assign(x=self.points[cell, 0], y=self.points[cell, 1])

    def history_at(self, tables: Sequence[pd.DataFrame], training_periods: int, now: int) -> History:
        """Return the history of the last training periods before a period of the simulation."""
        start, end = (self.periods(at, 1)[0].start_time for at in (now - training_periods, now))
        table, real = pd.concat(list(tables), ignore_index=True), self.history.events
        table = table[(table["occurred_at"] >= start) & (table["occurred_at"] < end)].reset_index(drop=True)
        events = Events(
            table, self.grid.crs, real.time_zone, start, end, country=real.country, subdivision=real.subdivision
        )
        return History.from_events(end, events, self.grid, self.history.calendar, self.history.layers)

    @property
    def cell_shares(self) -> Floats:
        """Share of each real cell in the true rate of its area, shape (crime types, cells)."""
        rates = self.cell_rates + _TINY
        return np.asarray(rates / self.area_level.sums(rates[:, :, None])[:, self.area_level.codes, 0])

    def periods(self, first: int, count: int) -> pd.PeriodIndex:
        """Return periods, counted from the start of the simulation."""
        start = self.history.calendar.next_periods(self.history.cutoff, 1)[0]
        return pd.period_range(start + first, periods=count, freq=self.history.calendar.freq)

    def _sample_cells(
        self, kind: int, area: npt.NDArray[np.int64], random: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Return a random cell of each area, in proportion to its rate."""
        order = np.argsort(self.area_level.codes, kind="stable")
        code, rate = self.area_level.codes[order], self.cell_rates[kind, order] + _TINY
        whole = np.bincount(code, weights=rate, minlength=len(self.area_level.areas))
        before = np.concatenate(([0.0], np.cumsum(whole)[:-1]))
        edges = code + (np.cumsum(rate) - before[code]) / whole[code]
        found = np.searchsorted(edges, area + random.random(len(area)), side="right")
        return np.asarray(order[np.minimum(found, np.searchsorted(code, area, side="right") - 1)])


def simulation_areas(grid: Grid) -> AreaLevel:
    """Return the areas of a simulation: parent areas, cells or blocks, coarse enough to have events each."""
    levels = [level for level in area_levels(grid)[1:] if _MIN_AREAS <= len(level.areas) <= _MAX_AREAS]
    if levels:
        return max(levels, key=lambda level: len(level.areas))
    if len(grid) <= _MAX_AREAS:
        return AreaLevel("cell", grid.cells, np.arange(len(grid)))
    points = shapely.get_coordinates(shapely.point_on_surface(grid.geometry))
    side = np.sqrt(grid.area_m2.sum() / _BLOCKS)
    corner = np.floor((points - points.min(axis=0)) / side).astype(int)
    names = pd.Index([f"block {column} {row}" for column, row in corner])
    codes, areas = names.factorize()
    return AreaLevel("block", pd.Index(areas, dtype=object), codes.astype(np.int64))


def simulate_feedback(
    forecaster: Forecaster, history: History, patrols: PatrolRule, settings: Feedback, rates: Floats | None = None
) -> FeedbackOutcome:
    """Return the outcome of the feedback simulation of one forecaster.

    Areas are parent areas of the grid if a level has 10 to 300 of them, because single cells have too few events. True
    rates are the mean counts of the history unless ``rates`` are given. Bias in the records is then part of the truth:
    the simulation measures what the forecaster adds, not what happened before.
    """
    reported = settings.reporting_rates(history.events.crime_types)
    city = FeedbackCity.from_history(history, rates)
    people = None if patrols.residents is None else city.area_level.matrix @ patrols.residents
    simulation = _Simulation(forecaster, city, replace(patrols, residents=people), settings, reported)
    rows: list[tuple[object, ...]] = []
    visited = [simulation.run_replicate(number, rows) for number in range(settings.replicates)]
    patrolled = np.mean(visited, axis=0)
    observed = np.where(reported > 0, 1.0, patrolled)
    known = np.array([settings.reporting_rate(name) for name in history.events.crime_types], dtype=float)
    table = pd.DataFrame({"crime_type": list(history.events.crime_types), "areas": len(city.grid)})
    table = table.assign(patrolled=patrolled, observed=observed, reporting=known)
    if len(table) > 1:
        table.loc[len(table)] = [ALL, len(city.grid), patrolled.mean(), observed.mean(), known.mean()]
    return FeedbackOutcome(settings, city.area_level.name, pd.DataFrame(rows, columns=list(COLUMNS)), table)


@dataclass(frozen=True, eq=False)
class _Simulation:
    forecaster: Forecaster
    city: FeedbackCity
    patrols: PatrolRule
    settings: Feedback
    reported: Floats

    def run_replicate(self, number: int, rows: list[tuple[object, ...]]) -> Floats:
        """Append the distances of one replicate to the rows; return the share of patrolled areas by crime type."""
        random = np.random.default_rng([self.settings.seed, number])
        shape = (*self.city.rates.shape, self.settings.training_periods + self.settings.periods)
        happened = random.poisson(np.broadcast_to(self.city.rates[:, :, None], shape))
        past, coming = np.split(happened, [self.settings.training_periods], axis=2)
        start = self.city.write_records(past, -self.settings.training_periods, random)
        expected = self._fit_and_forecast([start], 0)
        visited = np.zeros(len(self.reported))
        complete = self._fit_and_forecast([start, self.city.write_records(coming, 0, random)], self.settings.periods)
        rows.extend((number, COMPLETE, 0, *row) for row in self._distances(expected))
        rows.extend((number, COMPLETE, self.settings.periods, *row) for row in self._distances(complete))
        for records in (FOLLOWED, *([WEIGHTED] if self._can_weight else [])):
            patrolled = self._simulate_records(records, (start, coming), expected, (rows, number))
            visited = patrolled if records == FOLLOWED else visited
        return visited

    @property
    def _can_weight(self) -> bool:
        return bool((self.reported > 0).all()) or self.settings.exploration > 0

    def _simulate_records(
        self,
        records: str,
        events: tuple[pd.DataFrame, Counts],
        expected: Floats,
        output: tuple[list[tuple[object, ...]], int],
    ) -> Floats:
        """Simulate all periods with one kind of records; all kinds have the same events."""
        start, coming = events
        rows, number = output
        random = np.random.default_rng([self.settings.seed, number, 1])
        tables, patrolled = [start], np.zeros(self.city.rates.shape, dtype=bool)
        for now in range(0, self.settings.periods, self.settings.refit_every):
            rows.extend((number, records, now, *row) for row in self._distances(expected))
            count = min(self.settings.refit_every, self.settings.periods - now)
            recorded, visited = self._patrol(expected, coming[:, :, now : now + count], random, now)
            patrolled |= (visited > 0).any(axis=2)
            tables.append(self.city.write_records(recorded[records], now, random))
            expected = self._fit_and_forecast(tables, now + count)
        rows.extend((number, records, self.settings.periods, *row) for row in self._distances(expected))
        return np.asarray(patrolled.mean(axis=1))

    def _fit_and_forecast(self, tables: list[pd.DataFrame], now: int) -> Floats:
        history = self.city.history_at(tables, self.settings.training_periods, now)
        fitted = clone(self.forecaster).fit(history)
        return np.asarray(fitted.predict(self.city.periods(now, 1)).expected.values, dtype=float)

    def _planned(self, planner: Planner, expected: Floats, draw: int) -> Floats:
        """Return the share of each area's events that happen in covered cells, by crime type, for one period.

        The rule plans on the real cells: the forecast of an area is divided among its cells by their true rates.
        """
        split = self.city.cell_shares
        covered = planner.covered(expected[:, self.city.area_level.codes, 0] * split, draw)
        return np.clip(self.city.area_level.sums((split * covered)[:, :, None]), 0.0, 1.0)

    def _patrol(
        self, expected: Floats, happened: Counts, random: np.random.Generator, draw: int
    ) -> tuple[dict[str, Counts], Floats]:
        """Return the recorded events, unweighted and weighted, and the patrolled fraction of each area."""
        share, explored = self.patrols.land_share, self.settings.exploration
        land = self.city.grid.area_m2
        patrols = self.patrols
        rule = FlaggingRule(land, patrols.rank_by, patrols.share_of, patrols.residents, patrols.harm)
        if patrols.planner is None:
            first = rule.flagged(expected, share * (1 - explored))[0]
        else:
            first = self._planned(patrols.planner, expected, draw)
        # the other areas are drawn with equal probability, so that the drawn land is the explored share on average
        left = np.einsum("kct,c->kt", 1 - first, land)
        chance = np.clip(explored * share * land.sum() / left, 0, 1)[:, None, :]
        visited = first + (1 - first) * (random.random(happened.shape) < chance)
        reported = self.reported[:, None, None]
        found = random.binomial(happened, np.minimum(visited + (1 - visited) * reported, 1.0))  # rounding may exceed 1
        planned = first + (1 - first) * chance
        weights = 1 / np.maximum(planned + (1 - planned) * reported, 1e-12)
        weighted = np.floor(found * weights + random.random(found.shape)) if self._can_weight else found
        return {FOLLOWED: found, WEIGHTED: weighted.astype(np.int64)}, visited

    def _distances(self, expected: Floats) -> list[tuple[str, float, float]]:
        forecast, truth = expected.sum(axis=2), self.city.rates
        names = list(self.city.history.events.crime_types)
        if len(names) > 1:
            names.append(ALL)
            forecast, truth = (np.vstack([one, one.sum(axis=0)]) for one in (forecast, truth))
        pairs = zip(names, total_variation(forecast, truth), rank_correlation(forecast, truth), strict=True)
        return [(name, float(distance), float(correlation)) for name, distance, correlation in pairs]
