"""Compare counts of recorded crime with earlier periods: intervals, tests, and a verdict for each change."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.description import DescribedPart, DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.scores import ALL
from ilp_models.stats.count_change import block_dispersion, change_interval, change_p_values

Floats = npt.NDArray[np.floating[Any]]

PREVIOUS: Final = "previous period"
YEAR_AGO: Final = "same period last year"
FOUR: Final = "four periods before"
FOUR_YEAR_AGO: Final = "same four periods last year"
TO_DATE: Final = "year to date"
MORE: Final = "more"
FEWER: Final = "fewer"
UNCLEAR: Final = "no clear change"
NONE: Final = "none recorded"
CLEAR: Final = (MORE, FEWER)
_BLOCK: Final = 4
_WEEKS: Final = pd.Timedelta(days=364)  # the same days of the week, a year before
_ONE_YEAR: Final = pd.DateOffset(years=1)
_CITY: Final = ""
_KEYS: Final = ("level", "area", "crime_type")  # of a row; the whole study area has neither level nor area


@dataclass(frozen=True)
class _Window:
    """Two spans to compare, and the number of periods in a block for the dispersion."""

    name: str
    start: pd.Timestamp
    end: pd.Timestamp
    earlier_start: pd.Timestamp
    earlier_end: pd.Timestamp
    block: int = 1

    @property
    def exposure(self) -> float:
        """The length of the later span over that of the earlier one."""
        return float((self.end - self.start) / (self.earlier_end - self.earlier_start))


@dataclass(frozen=True)
class ChangeTable:
    """Compare recorded crimes of the last whole period with earlier ones, by crime type and area.

    The last period is compared with the period before and with the same period last year. The last four periods are
    compared with the four before and with the same four last year, and the year to date with last year's. Each count
    includes only records that were reported within the same time after its span, so that late reports do not look
    like a fall.

    Parameters
    ----------
    calendar : Calendar, optional
        Length of the periods; weeks from Monday by default.
    confidence : float, default 0.95
        Confidence of the intervals.
    false_discovery_rate : float, default 0.05
        Largest expected share of chance results among the changes called more or fewer (Benjamini and Hochberg 1995).
        It applies to the whole study area and to the areas separately.
    series_periods : int, default 52
        Number of periods in the table ``periods``.

    Raises
    ------
    InputError
        If a share is not between 0 and 1, or ``series_periods`` is less than 2.

    Notes
    -----
    The p-values are those of the E-test [1]_. The intervals of the difference combine exact limits [2]_. Counts of
    crimes vary more than Poisson counts. Neighbouring periods of the past year show how much more; this widens the
    intervals and raises the p-values.

    References
    ----------
    .. [1] Krishnamoorthy, Thomson (2004). A more powerful test for comparing two Poisson means. Journal of Statistical
       Planning and Inference 119, 23-35.
    .. [2] Zou, Donner (2008). Construction of confidence limits about effect measures: a general approach. Statistics
       in Medicine 27, 1693-1702.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=60, size_km=3, districts=3).read()
    >>> description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.ChangeTable()])
    >>> table = description.part("change").tables["change"]
    >>> table.loc[table["crime_type"] == "all", ["comparison", "count", "earlier"]].head(1).to_dict("records")
    [{'comparison': 'previous period', 'count': 311, 'earlier': 307}]
    """

    calendar: Calendar = field(default_factory=Calendar)
    confidence: float = 0.95
    false_discovery_rate: float = 0.05
    series_periods: int = 52

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        for name in ("confidence", "false_discovery_rate"):
            value: Any = getattr(self, name)
            if not (isinstance(value, float | int) and 0 < value < 1):
                usual = type(self).__dataclass_fields__[name].default
                msg = f"description.change.{name}={value!r} is not between 0 and 1. Set it to a number such as {usual}."
                raise InputError(msg)
        if not (isinstance(self.series_periods, int | np.integer) and self.series_periods >= 2):
            msg = f"description.change.series_periods={self.series_periods!r} must be a whole number of at least 2."
            raise InputError(msg)
        if not isinstance(self.calendar, Calendar):
            msg = f"calendar={self.calendar!r} is not a Calendar. Give one, such as ilp.Calendar('week')."
            raise InputError(msg)

    @property
    def name(self) -> str:
        """The name of the part."""
        return "change"

    def describe(self, data: DescriptionData) -> DescribedPart:
        """Return the table ``change`` of comparisons and the table ``periods`` of recent counts.

        Raises
        ------
        InputError
            If the records cover no whole period, or if only their months are known and the period is not a month.
        """
        events = data.events
        if data.months_only and self.calendar.period_unit != "month":
            msg = (
                f"Only the months of these records are known, but calendar.period_unit={self.calendar.period_unit} is "
                "finer. Set calendar.period_unit=month."
            )
            raise InputError(msg)
        periods = self.calendar.whole_periods(events.start, events.end - events.settles_after)
        if not len(periods):
            unit, first, last = self.calendar.period_unit, events.start.date(), events.end.date()
            msg = (
                f"The records from {first} to {last} cover no whole {unit} that is completely reported. "
                "Give more records, or set calendar.period_unit=day."
            )
            raise InputError(msg)
        rows = _CountedSeries(data)
        end = (periods[-1] + 1).start_time
        age = events.end - end
        counts = rows.count_periods(self.calendar, periods[-(self.series_periods + 1) :])
        found, short = [], []
        for window in self._windows(periods):
            if window.earlier_start < events.start:
                short.append(window.name)
                continue
            now, before = (
                rows.count(first, last, age)
                for first, last in ((window.start, window.end), (window.earlier_start, window.earlier_end))
            )
            earlier = counts[:, :-1]  # not the period that is judged
            dispersion = np.maximum(block_dispersion(earlier), block_dispersion(earlier, window.block))
            found.append(self._compare(rows, window, now, before, dispersion))
        table = self._in_words(pd.concat(found, ignore_index=True)) if found else pd.DataFrame(columns=_COLUMNS)
        return DescribedPart(
            self.name,
            {"change": table, "periods": rows.long(counts, periods[-self.series_periods :])},
            {
                "period": f"{periods[-1].start_time:%Y-%m-%d} to {periods[-1].end_time:%Y-%m-%d}",
                "period_unit": self.calendar.period_unit,
                "confidence": self.confidence,
                "false_discovery_rate": self.false_discovery_rate,
                "areas": rows.area_count,
                "levels": len(rows.areas),
                "tests": int(table["p"].notna().sum()) if len(table) else 0,
            },
            (*data.span_notes, *_notes(rows, short, data.counted, end)),
        )

    def _windows(self, periods: pd.PeriodIndex) -> Iterator[_Window]:
        """Yield the comparisons; spans of a year ago start on the same day of the week, or of the month."""
        last = periods[-1]
        start, end = last.start_time, (last + 1).start_time
        before, four, eight = ((last - steps).start_time for steps in (1, _BLOCK - 1, 2 * _BLOCK - 1))
        year: Any = _ONE_YEAR if self.calendar.period_unit == "month" else _WEEKS
        yield _Window(PREVIOUS, start, end, before, start)
        yield _Window(YEAR_AGO, start, end, start - year, end - year)
        yield _Window(FOUR, four, end, eight, four, _BLOCK)
        yield _Window(FOUR_YEAR_AGO, four, end, four - year, end - year, _BLOCK)
        first = pd.Timestamp(year=last.end_time.year, month=1, day=1)
        yield _Window(TO_DATE, first, end, first - _ONE_YEAR, end - _ONE_YEAR, _BLOCK)

    def _compare(
        self, rows: "_CountedSeries", window: _Window, now: Floats, before: Floats, dispersion: Floats
    ) -> pd.DataFrame:
        exposure = np.full(len(now), window.exposure)
        low, high = change_interval(now, before, exposure, dispersion, self.confidence)
        expected = exposure * before
        return rows.labels().assign(
            comparison=window.name,
            first=window.start.date(),
            last=(window.end - pd.Timedelta(days=1)).date(),
            earlier_first=window.earlier_start.date(),
            earlier_last=(window.earlier_end - pd.Timedelta(days=1)).date(),
            count=now.astype(np.int64),
            earlier=before.astype(np.int64),
            change=now - expected,
            low=low,
            high=high,
            change_share=np.divide(now - expected, expected, out=np.full(len(now), np.nan), where=expected > 0),
            dispersion=dispersion,
            p=change_p_values(now, before, exposure, dispersion),
        )

    def _in_words(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add the adjusted p-values and the verdicts."""
        q = np.full(len(table), np.nan)
        for family in (table["area"] == _CITY, table["area"] != _CITY):
            tested = np.flatnonzero(family & table["p"].notna())
            if len(tested):
                q[tested] = false_discovery_control(table["p"].to_numpy()[tested])
        clear = q <= self.false_discovery_rate
        words = np.select(
            [np.isnan(q), clear & (table["change"] > 0), clear & (table["change"] < 0)], [NONE, MORE, FEWER], UNCLEAR
        )
        return table.assign(q=q, verdict=words)[list(_COLUMNS)]


_COLUMNS: Final = (
    *("area", "crime_type", "comparison", "first", "last", "earlier_first", "earlier_last", "count", "earlier"),
    *("change", "low", "high", "change_share", "dispersion", "p", "q", "verdict", "level"),
)


class _CountedSeries:
    """Counts events by area and crime type; the whole study area and the sum of types are rows too."""

    def __init__(self, data: DescriptionData) -> None:
        events = data.events
        self.types = list(events.crime_types)
        self.areas = {level: one.areas for level, one in data.by_level.items() if one.areas}
        self.area_count = sum(map(len, self.areas.values()))
        self._area = {
            level: pd.Index(areas).get_indexer(pd.Index(data.by_level[level].event_areas))
            for level, areas in self.areas.items()
        }
        self.without_area = {level: int((place < 0).sum()) for level, place in self._area.items()}
        self._type = events.table["crime_type"].cat.codes.to_numpy().astype(np.int64)
        counted = data.counted.table
        self._occurred, self._reported = counted["occurred_at"], counted["reported_at"]

    def labels(self) -> pd.DataFrame:
        """Return level, area and crime type of each row: the study area first, the sum of types first."""
        kinds = [*([ALL] if len(self.types) > 1 else []), *self.types]
        places = [("", _CITY), *((level, area) for level, areas in self.areas.items() for area in areas)]
        rows = [(*place, kind) for place in places for kind in kinds]
        return pd.DataFrame(rows, columns=list(_KEYS))

    def count(self, start: pd.Timestamp, end: pd.Timestamp, age: pd.Timedelta) -> Floats:
        """Return the events of [start, end) that were reported before ``age`` had passed since the end."""
        inside = (self._occurred >= start) & (self._occurred < end) & (self._reported < end + age)
        return self._sums(inside.to_numpy(), np.zeros(int(inside.sum()), dtype=np.int64), 1)[:, 0]

    def count_periods(self, calendar: Calendar, periods: pd.PeriodIndex) -> Floats:
        """Return the events of each period as known now, shape (rows, periods)."""
        position = calendar.ordinals(self._occurred) - periods.asi8[0]
        inside = (position >= 0) & (position < len(periods))
        return self._sums(inside, position[inside], len(periods))

    def _sums(self, inside: npt.NDArray[np.bool_], column: npt.NDArray[np.int64], columns: int) -> Floats:
        whole = np.zeros(len(inside), dtype=np.int64)
        places = [(whole, 1), *((self._area[level], len(areas)) for level, areas in self.areas.items())]
        cube = np.concatenate([self._cube(area[inside], size, inside, column, columns) for area, size in places])
        if len(self.types) > 1:
            cube = np.concatenate([cube.sum(axis=1, keepdims=True), cube], axis=1)
        return cube.reshape(-1, columns)

    def _cube(
        self,
        area: npt.NDArray[np.int64],
        size: int,
        inside: npt.NDArray[np.bool_],
        column: npt.NDArray[np.int64],
        columns: int,
    ) -> Floats:
        """Return the counts (areas, types, columns); events without an area, -1, are left out."""
        shape, found = (size, len(self.types), columns), area >= 0
        flat = ((area * shape[1] + self._type[inside]) * columns + column)[found]
        return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)

    def long(self, counts: Floats, periods: pd.PeriodIndex) -> pd.DataFrame:
        """Return the counts of the last periods as one row for each level, area, crime type and period."""
        starts = [str(period.start_time.date()) for period in periods]
        recent = counts[:, counts.shape[1] - len(periods) :].astype(np.int64)
        wide = pd.concat([self.labels(), pd.DataFrame(recent, columns=starts)], axis=1)
        long = wide.melt(list(_KEYS), var_name="period", value_name="count")
        return long[["area", "crime_type", "period", "count", "level"]]


def _notes(rows: _CountedSeries, short: list[str], events: Events, end: pd.Timestamp) -> Iterator[str]:
    if short:
        yield f"Comparisons not possible, because the records start on {events.start.date()}: {', '.join(short)}."
    for level, without in rows.without_area.items():
        if without:
            named = f" of the level {level}" if len(rows.areas) > 1 else ""
            yield f"Records without an area{named}, which count in the whole study area only: {without:,}."
    table = events.table
    if after := int(((table["reported_at"] >= events.end) & (table["occurred_at"] < end)).sum()):
        yield (
            f"Records that were reported from {events.end.date()} on, after the end of the records: {after:,}. The "
            "small lines and change_periods.csv include them. The comparisons do not."
        )
    if events.end > end:
        late = int((table["occurred_at"] >= end).sum())
        yield (
            f"Records from {end.date()} on, left out because their period is not complete, or not completely reported: "
            f"{late:,}."
        )
