"""Split expected counts into parts of the day, and score the split on weeks that it does not know."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import UNTIL, Events, check_events
from ilp_models.domain.grid import Grid, GridSpec, check_grid, parent_labels
from ilp_models.domain.scores import ALL
from ilp_models.pipeline.forecasting import NextForecast
from ilp_models.stats.aoristic import share_interval, shrunken_shares, week_weights
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]

STARTS: Final = (0, 6, 12, 18)
_CONFIDENCE: Final = 0.95
_YEAR: Final = pd.Timedelta(days=364)  # whole weeks, so that each weekday counts equally
_WEEK: Final = pd.Timedelta(days=7)


def split_by_part_of_day(
    forecast: NextForecast, *, starts: Sequence[int] = STARTS, area_level: str | None = None
) -> pd.DataFrame:
    """Split the expected counts of areas into parts of the day.

    Each count is multiplied by the share of each part among the crimes of its type and area in the year before the
    cutoff. An incident in a span of time is shared between its hours (aoristic weights). Shares of areas with few
    crimes are close to those of all areas. The parts sum to the forecast.

    Parameters
    ----------
    forecast : NextForecast
        The result of ``ilp.make_forecast``.
    starts : sequence of int, default (0, 6, 12, 18)
        Hours at which the parts start, ascending. The last part ends where the first one starts.
    area_level : str, optional
        A level of the parent areas of the grid, by default the first. Without parent areas all cells are one area.

    Returns
    -------
    DataFrame
        One row for each area, crime type, period and part: ``area``, ``crime_type``, ``period``, ``part``, ``share``,
        ``share_low`` and ``share_high`` (95 % interval) and ``expected``. The interval covers chance in the records of
        the year, not new habits, and not the doubt about the expected count.

    Raises
    ------
    InputError
        If the records have no times of day, or ``starts`` or ``area_level`` is not usable.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=60, size_km=3, districts=3).read()
    >>> forecast = ilp.make_forecast(ilp.EWMA(), events, ilp.SquareGrid(1000))
    >>> table = ilp.split_by_part_of_day(forecast)
    >>> bool(np.isclose(table["expected"].sum(), forecast.totals().sum()))
    True
    """
    study, history = forecast.study, forecast.forecaster.history_
    cutoff = history.calendar.earlier(history.cutoff, history.record_lag)
    parts = _Parts.from_events(study.events, forecast.grid, starts, area_level)
    share, variance = parts.shares(parts.sums(parts.known(cutoff)))
    low, high = share_interval(share, variance, _CONFIDENCE)
    expected = forecast.forecast.expected
    counts = np.zeros((len(parts.areas), *expected.shape[::2]))  # areas, crime types, periods
    np.add.at(counts, parts.area_of_cell, expected.transpose("cell", "crime_type", "period").values)
    kinds, periods = (expected.indexes[name] for name in ("crime_type", "period"))
    index = pd.MultiIndex.from_product(
        [parts.areas, map(str, kinds), [str(one.start_time.date()) for one in periods], parts.labels],
        names=["area", "crime_type", "period", "part"],
    )
    order = [list(study.events.crime_types).index(str(kind)) for kind in kinds]
    each = {
        name: np.repeat(values[:, order, None, :], len(periods), axis=2)
        for name, values in (("share", share), ("share_low", low), ("share_high", high))
    }
    columns = {name: values.ravel() for name, values in each.items()}
    return index.to_frame(index=False).assign(**columns, expected=(counts[..., None] * each["share"]).ravel())


def score_part_of_day(
    events: Events,
    grid: GridSpec,
    *,
    starts: Sequence[int] = STARTS,
    area_level: str | None = None,
    test_weeks: int = 52,
    bootstrap: Bootstrap | None = None,
) -> pd.DataFrame:
    """Score the split into parts of the day on the latest weeks, each unknown to the split that is scored.

    The score is the gain in the logarithm of the share of the part in which a crime happened, per crime. A positive
    gain means that the split is better. It is compared with an even spread over the day, and with the shares of all
    areas together.

    Parameters
    ----------
    events : Events
        The records.
    grid : GridSpec
        The cells, with the parent areas for which counts are split.
    starts, area_level
        As for ``ilp.split_by_part_of_day``.
    test_weeks : int, default 52
        Number of weeks to score, at the end of the records.
    bootstrap : Bootstrap, optional
        How to resample weeks for the intervals.

    Returns
    -------
    DataFrame
        One row for each crime type and all of them: ``crimes`` (sum of weights), and for ``even`` and ``all_areas``
        the gain with its interval.

    Raises
    ------
    InputError
        If the records have no times of day, or do not cover a year before the weeks to score.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=80, size_km=3, districts=3).read()
    >>> table = ilp.score_part_of_day(events, ilp.SquareGrid(1000), test_weeks=20)
    >>> table["crime_type"].tolist()
    ['all', 'assault', 'burglary', 'robbery', 'vehicle_theft']
    """
    check_events(events)
    check_grid(grid)
    end = events.end.normalize() - events.settles_after.ceil("D")
    first = end - test_weeks * _WEEK
    if test_weeks < 1 or first - _YEAR < events.start:
        msg = f"test_weeks={test_weeks}: the records from {events.start.date()} must cover a year before these weeks."
        raise InputError(msg)
    parts = _Parts.from_events(events, grid.build(events.known_at(first)), starts, area_level)
    gains: list[Floats] = []
    counts: list[Floats] = []
    for week in range(test_weeks):
        start = first + week * _WEEK
        past = parts.sums(parts.known(start))
        own, common = (np.log(parts.shares(one)[0]) for one in (past, past.sum(axis=0, keepdims=True)))
        seen = parts.sums(parts.between(start, start + _WEEK))
        against = (np.log(parts.lengths), common)
        gains.append(np.stack([(seen * (own - other)).sum(axis=(0, 2)) for other in against]))
        counts.append(seen.sum(axis=(0, 2)))
    return _gain_table(list(events.crime_types), np.stack(gains), np.stack(counts), bootstrap or Bootstrap())


def check_starts(starts: Any, setting: str = "starts") -> list[int]:
    """Return the hours at which parts of the day start; InputError names the setting if they are none."""
    hours = list(starts) if isinstance(starts, Sequence | np.ndarray) and not isinstance(starts, str) else []
    whole = all(isinstance(hour, int | np.integer) and not isinstance(hour, bool) and 0 <= hour < 24 for hour in hours)
    if not (len(hours) > 1 and whole and all(one < other for one, other in pairwise(hours))):
        msg = f"{setting}={starts} must be two or more whole hours from 0 to 23 in ascending order, such as [0,6,12]."
        raise InputError(msg)
    return hours


def _gain_table(kinds: list[str], gains: Floats, counts: Floats, bootstrap: Bootstrap) -> pd.DataFrame:
    """Return gains per crime with intervals; ``gains`` (weeks, 2, crime types), ``counts`` (weeks, crime types)."""
    gains = np.concatenate([gains.sum(axis=2, keepdims=True), gains], axis=2)
    counts = np.concatenate([counts.sum(axis=1, keepdims=True), counts], axis=1)
    table: dict[str, Any] = {"crime_type": [ALL, *kinds], "crimes": counts.sum(axis=0)}
    for position, name in enumerate(("even", "all_areas")):
        found = bootstrap.ratio(gains[:, position], counts)
        table |= {f"gain_{name}": found.value, f"gain_{name}_low": found.low, f"gain_{name}_high": found.high}
    return pd.DataFrame(table)


@dataclass(frozen=True, eq=False)
class _Parts:
    """The weights of the events inside the grid by part of the day, with the area and the crime type of each."""

    areas: list[str]
    area_of_cell: npt.NDArray[np.int64]
    labels: list[str]
    lengths: Floats  # shares of the day
    weights: Floats  # (events, parts)
    group: npt.NDArray[np.int64]  # area and crime type of each event
    kinds: int
    occurred: pd.Series  # the drawn time of a span
    reported: pd.Series

    @classmethod
    def from_events(cls, events: Events, grid: Grid, starts: Sequence[int], level: str | None) -> "_Parts":
        """Return the weights of all events; refuse records without times of day, and hours that do not ascend."""
        hours = check_starts(starts)
        if level is not None and level not in grid.parents.columns:
            msg = f"area_level={level!r} is no level of areas of the grid: {list(grid.parents.columns)}."
            raise InputError(msg)
        if events.intake is not None and events.intake.resolution != "moment":
            msg = f"These records have no times of day: they are exact to the {events.intake.resolution} only."
            raise InputError(msg)
        names = np.asarray(parent_labels(grid, level), dtype=object).astype(str)
        areas, area_of_cell = np.unique(names, return_inverse=True)
        cell = grid.locate(events)
        inside = cell >= 0
        table = events.table[inside]
        start = table["occurred_at"].to_numpy(dtype="datetime64[m]")
        until = table[UNTIL].to_numpy("datetime64[m]") if UNTIL in table else np.full(len(start), np.datetime64("NaT"))
        part = (np.searchsorted(hours, np.arange(168) % 24, side="right") - 1) % len(hours)
        weights = np.asarray(week_weights(start, until) @ np.eye(len(hours))[part])
        ends = [*hours[1:], hours[0]]
        kinds = len(events.crime_types)
        return cls(
            list(map(str, areas)),
            area_of_cell.astype(np.int64),
            [f"{one:02d}:00 to {other:02d}:00" for one, other in zip(hours, ends, strict=True)],
            np.bincount(part, minlength=len(hours)) / 168,
            weights,
            area_of_cell[cell[inside]] * kinds + table["crime_type"].cat.codes.to_numpy(),
            kinds,
            events.counted().table["occurred_at"][inside],
            table["reported_at"],
        )

    def known(self, cutoff: pd.Timestamp) -> npt.NDArray[np.bool_]:
        """Return which events of the year before a cutoff were reported by then."""
        return self.between(cutoff - _YEAR, cutoff) & (self.reported < cutoff).to_numpy()

    def between(self, first: pd.Timestamp, last: pd.Timestamp) -> npt.NDArray[np.bool_]:
        """Return which events happened in a span of time."""
        return np.asarray((self.occurred >= first) & (self.occurred < last))

    def sums(self, used: npt.NDArray[np.bool_]) -> Floats:
        """Return sums of weights, shape (areas, crime types, parts)."""
        out = np.zeros((len(self.areas) * self.kinds, len(self.labels)))
        np.add.at(out, self.group[used], self.weights[used])
        return out.reshape(len(self.areas), self.kinds, -1)

    def shares(self, sums: Floats) -> tuple[Floats, Floats]:
        """Return the shares of the parts, those of each crime type shrunk towards all areas, and their variances."""
        found = [shrunken_shares(sums[:, kind], self.lengths) for kind in range(sums.shape[1])]
        share, variance = (np.stack(values, axis=1) for values in zip(*found, strict=True))
        return share, variance
