"""Events: recorded incidents with place, crime type, time of occurrence and time of report."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, Self

import numpy as np
import pandas as pd
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.notebook_html import html_summary
from ilp_models.stats.aoristic import draw_times

REQUIRED: Final = ("occurred_at", "reported_at", "crime_type", "x", "y")
UNTIL: Final = "occurred_until"
OPTIONAL: Final = ("area", UNTIL)
SPAN: Final = ("span_from", "span_until")  # the span of an event whose time is drawn, in tables of `counted`

AS_OF_END: Final = "end"
_NO_DELAY: Final = pd.Timedelta(0)


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """Recorded incidents of a study area over a span of time.

    The table holds the columns below and no others, so it cannot hold personal data.

    Parameters
    ----------
    table : DataFrame
        ``occurred_at`` and ``reported_at`` (datetime64, wall clock of ``time_zone``, no zone attached),
        ``crime_type`` (categorical), ``x`` and ``y`` (float64, metres in ``crs``), and optionally
        ``area`` (categorical: the publisher's own area label). An incident in a span of time has its earliest time in
        ``occurred_at`` and its latest in the optional ``occurred_until`` (datetime64; NaT where it is not known).
    crs : str
        A projected coordinate reference system in metres, such as ``EPSG:32617``.
    time_zone : str
        IANA name of the time zone of all times.
    start, end : Timestamp
        The half-open span [start, end) of ``occurred_at`` that the records cover.
    settles_after : Timedelta, default 0
        Reporting delay: time after the end of a period until its counts are complete.
    declared_types : tuple of str, optional
        Crime types that the settings name. They stay in every forecast, with or without events.
    country, subdivision : str, optional
        ISO 3166 codes of the country and state whose public holidays count, such as ``CA`` and ``ON``.
    city : str, optional
        Name of the study area.
    as_of : str, optional
        Day as of which the records are used, an ISO date, or ``end`` for the end of the records. Forecasts are then for
        research. By default the records are those of the present.
    simulated : bool, default False
        Whether the records were simulated. Only simulators of this package set it.
    intake : IntakeReport, optional
        Report of how the records were read.

    Raises
    ------
    InputError
        If a column is missing, unknown or of the wrong type, a value is missing, a report precedes its
        incident, or the CRS is not projected in metres.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> ilp.load_toronto("2021-01-01", "2021-02-01")
    <Events: 2,178 events, 5 crime types, 2021-01-01 to 2021-02-01, Toronto, EPSG:32617>
    """

    table: pd.DataFrame
    crs: str
    time_zone: str
    start: pd.Timestamp
    end: pd.Timestamp
    settles_after: pd.Timedelta = _NO_DELAY
    declared_types: tuple[str, ...] = ()
    country: str | None = None
    subdivision: str | None = None
    city: str = ""
    as_of: str | None = None
    simulated: bool = False
    intake: IntakeReport | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a table with missing, unknown or unusable columns."""
        columns = list(self.table.columns)
        missing = [name for name in REQUIRED if name not in columns]
        allowed = REQUIRED + OPTIONAL + (SPAN if set(SPAN) <= set(columns) else ())
        unknown = [name for name in columns if name not in allowed]
        if missing or unknown:
            msg = (
                f"The events table has missing columns {missing} and columns that are not allowed {unknown}. "
                f"It takes {', '.join(REQUIRED + OPTIONAL)} only; add, rename or drop columns."
            )
            raise InputError(msg)
        incomplete = [name for name in REQUIRED if self.table[name].isna().any()]
        if incomplete:
            msg = f"The events table has missing values in {', '.join(incomplete)}; drop incomplete records."
            raise InputError(msg)
        if self.as_of not in (None, AS_OF_END) and pd.isna(pd.to_datetime(self.as_of, errors="coerce")):
            msg = f"data.as_of={self.as_of!r} is not a date. Write it as 2021-12-27, or {AS_OF_END}."
            raise InputError(msg)
        _refuse_types(self.table)
        if UNTIL in columns:
            _refuse_spans(self.table)
        if (self.table["reported_at"] < self.table["occurred_at"]).any():
            msg = "Some events are reported before they occurred; set reported_at to occurred_at for these."
            raise InputError(msg)
        _refuse_crs(self.crs)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.table)

    def __deepcopy__(self, memo: object) -> Self:
        """Return the events themselves: they do not change, so that clones of a forecaster share them."""
        return self

    def __repr__(self) -> str:
        """Return number, crime types, span, place and CRS in one line."""
        facts = (f"{len(self):,} events", f"{len(self.crime_types)} crime types", self._span, self.city, self.crs)
        return f"<Events: {', '.join(filter(None, facts))}>"

    def _repr_html_(self) -> str:
        counts = self.table["crime_type"].value_counts()
        facts: dict[str, object] = {
            "study area": self.city or "not named",
            "events": f"{len(self):,}",
            "span": f"{self._span} ({self.time_zone}; last day not included)",
            "CRS": self.crs,
            "reporting delay": str(self.settles_after),
        }
        facts |= {f"events of {name}": f"{counts[name]:,}" for name in self.crime_types}
        return html_summary("Events", facts)

    @property
    def _span(self) -> str:
        return f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"

    @property
    def crime_types(self) -> tuple[str, ...]:
        """All crime types, also those without an event."""
        return tuple(str(name) for name in self.table["crime_type"].cat.categories)

    @property
    def as_of_day(self) -> pd.Timestamp | None:
        """The day as of which the records are used; None for the present, and for the end of the records."""
        return None if self.as_of in (None, AS_OF_END) else pd.Timestamp(self.as_of).normalize()

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table: one row per event."""
        return self.table.copy()

    def known_at(self, cutoff: pd.Timestamp) -> Self:
        """Return the events reported before a cutoff; ``end`` is at most the cutoff."""
        known = self.table.loc[self.table["reported_at"] < cutoff]
        return replace(self, table=known, end=min(self.end, cutoff))

    def counted(self) -> Self:
        """Return the events with one time each: one in a span of time has a time drawn from its span.

        Counts of periods are whole numbers, so that an event cannot be shared between two. The time is drawn with equal
        chance for each minute, and is the same in every run. The columns of `SPAN` keep the span itself.
        """
        if UNTIL not in self.table:
            return self
        start, until = (self.table[name].to_numpy(dtype="datetime64[us]") for name in ("occurred_at", UNTIL))
        times = draw_times(start, until, self.table[["x", "y"]].to_numpy())
        spans = dict(zip(SPAN, (self.table["occurred_at"], self.table[UNTIL]), strict=True))
        return replace(self, table=self.table.drop(columns=UNTIL).assign(**spans, occurred_at=times))

    def within_hours(self, first: int, end: int) -> Self:
        """Return the events of a shift, from hour ``first`` to before hour ``end``, which may be on the next day.

        Each event has one time, as for `counted`. One after midnight has a time on the day on which its shift began, so
        that a night counts in one period. InputError if the records have no times of day.
        """
        if self.intake is not None and self.intake.resolution != "moment":
            msg = (
                f"These records have no times of day: they are exact to the {self.intake.resolution} only. Give "
                "records with times, or leave out the shifts."
            )
            raise InputError(msg)
        events = self.counted()
        times = shift_times(events.table["occurred_at"], first, end)
        return replace(events, table=events.table.assign(occurred_at=times).loc[times >= events.start])

    def types_at(self, cutoff: pd.Timestamp) -> tuple[str, ...]:
        """Return the declared crime types and those with an event reported before a cutoff."""
        known = {*self.declared_types, *self.known_at(cutoff).table["crime_type"].unique()}
        return tuple(name for name in self.crime_types if name in known)

    def select_types(self, crime_types: Sequence[str]) -> Self:
        """Return the events of some crime types, in the order given; the span stays the same."""
        unknown = sorted(set(crime_types) - set(self.crime_types))
        if unknown:
            msg = f"There is no crime type {unknown[0]!r}; the events hold {', '.join(self.crime_types)}."
            raise InputError(msg)
        selected = self.table.loc[self.table["crime_type"].isin(list(crime_types))]
        types = selected["crime_type"].cat.set_categories(list(crime_types))
        return replace(self, table=selected.assign(crime_type=types))

    def converted(self, *, crs: str, time_zone: str) -> Self:
        """Return the same events with coordinates in another CRS and times on the wall clock of another zone.

        A time that the zone's clock shows twice in autumn counts as the first, and one that it leaves out in spring as
        the next that it shows.

        Parameters
        ----------
        crs : str
            A projected coordinate reference system in metres.
        time_zone : str
            IANA name of a time zone.

        Returns
        -------
        Events
            In the same order.

        Raises
        ------
        InputError
            If the CRS is not projected in metres, or an event has no place in it.
        """
        table, start, end = self.table, self.start, self.end
        if crs != self.crs:
            _refuse_crs(crs)
            move = Transformer.from_crs(self.crs, crs, always_xy=True)
            x, y = move.transform(table["x"].to_numpy(), table["y"].to_numpy())
            table = table.assign(x=x, y=y)
        if time_zone != self.time_zone:
            occurred, reported = (
                _wall_clock(table[name], self.time_zone, time_zone) for name in ("occurred_at", "reported_at")
            )
            table = table.assign(occurred_at=occurred, reported_at=np.maximum(occurred, reported))
            if UNTIL in table:
                until = _wall_clock(table[UNTIL], self.time_zone, time_zone)
                until = until.where(until >= occurred, occurred.where(until.notna()))
                reported = table["reported_at"].where(~(until > table["reported_at"]), until)
                table = table.assign(**{UNTIL: until, "reported_at": reported})
            spans = {name: _wall_clock(table[name], self.time_zone, time_zone) for name in SPAN if name in table}
            table = table.assign(**spans)
            start, end = _wall_clock(pd.Series([start, end]), self.time_zone, time_zone)
        return replace(self, table=table, crs=crs, time_zone=time_zone, start=start, end=end, intake=None)

    def digest(self) -> str:
        """Return a SHA-256 of table, CRS, time zone, span and reporting delay as 64 hexadecimal digits.

        The order of rows changes it. City, country and intake report do not.
        """
        span = [str(part) for part in (self.crs, self.time_zone, self.start, self.end, self.settles_after)]
        columns: list[object] = []
        for name in sorted(self.table.columns):
            column = self.table[name]
            labels = None
            if isinstance(column.dtype, pd.CategoricalDtype):
                labels, column = list(map(str, column.cat.categories)), column.cat.codes
            elif pd.api.types.is_datetime64_dtype(column):
                column = column.astype("datetime64[us]").astype("int64")
            columns.append([name, labels, column.to_numpy()])
        return digest_of(span, columns)


def shift_times(times: pd.Series, first: int, end: int) -> pd.Series:
    """Return times on the day on which their shift began, NaT outside the shift; see `Events.within_hours`."""
    hour, overnight = times.dt.hour, end <= first
    late = (hour < end) & overnight
    inside = late | ((hour >= first) & ((hour < end) | overnight))
    return times.mask(late, times - pd.Timedelta(hours=end)).where(inside)


def check_events(events: object) -> None:
    """Refuse what is no `Events`, such as a DataFrame."""
    if not isinstance(events, Events):
        msg = (
            f"events is a {type(events).__name__}, not Events. Read records with ilp.read_events, or make "
            "ilp.Events(table, crs=..., time_zone=..., start=..., end=...)."
        )
        raise InputError(msg)


class EventSource(Protocol):
    """Where events come from. Building a source is cheap; only `read` opens files."""

    def read(self) -> Events:
        """Return the events; `Events.intake` reports how the records were read."""
        ...


def _wall_clock(times: pd.Series, zone: str, other: str) -> pd.Series:
    """Return times on the wall clock of another zone."""
    first = np.ones(len(times), dtype=bool)  # of the two times that the clock shows in autumn
    known = times.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return pd.Series(known.dt.tz_convert(other).dt.tz_localize(None))


def _refuse_spans(table: pd.DataFrame) -> None:
    """Refuse spans of time that end before they start, or after the report."""
    if (table[UNTIL] < table["occurred_at"]).any():
        msg = "Some events end before they occurred; set occurred_until to NaT for these."
        raise InputError(msg)
    if (table["reported_at"] < table[UNTIL] - pd.Timedelta(1, "us")).any():  # the end is not part of the span
        msg = "Some events are reported before occurred_until; set reported_at to occurred_until for these."
        raise InputError(msg)


def _refuse_types(table: pd.DataFrame) -> None:
    """Refuse times with a zone, labels that are not categorical and coordinates that are not finite numbers."""
    for name in ("occurred_at", "reported_at", *(name for name in (UNTIL, *SPAN) if name in table)):
        if not pd.api.types.is_datetime64_dtype(table[name]):
            msg = f"Events need {name} as wall-clock times without a zone, not {table[name].dtype}; convert the column."
            raise InputError(msg)
    for name in ("crime_type", *(["area"] if "area" in table else [])):
        if not isinstance(table[name].dtype, pd.CategoricalDtype):
            msg = f"Events need {name} as a categorical column, not {table[name].dtype}; use astype('category')."
            raise InputError(msg)
    for name in ("x", "y"):
        if table[name].dtype != np.float64 or not np.isfinite(table[name]).all():
            msg = f"Events need {name} as finite float64 metres; drop records with bad coordinates."
            raise InputError(msg)


def _refuse_crs(crs: str) -> None:
    """Refuse a CRS that is unknown or not projected in metres."""
    try:
        known = CRS.from_user_input(crs)
    except CRSError as error:
        msg = f"{crs} is not a coordinate reference system; use a UTM zone such as EPSG:32617."
        raise InputError(msg) from error
    unit = known.axis_info[0].unit_name
    if not known.is_projected or unit != "metre":
        msg = f"Events need a projected CRS in metres; the unit of {crs} is {unit}. Use a UTM zone."
        raise InputError(msg)
