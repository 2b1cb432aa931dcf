"""From records as published to events, every step of it on the account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.coordinates import CoordinateReader, Coordinates
from ilp_models.data.crime_types import CrimeTypeLabels, clean_labels, crime_types_of, rows_selected
from ilp_models.data.missing_coordinates import count_missing_coordinates
from ilp_models.data.personal_data import looks_personal, personal_contents
from ilp_models.data.quality import events_by_type, quality_findings
from ilp_models.data.reader import RawRecords
from ilp_models.data.row_filter import RowFilter
from ilp_models.data.schema import ColumnMapping
from ilp_models.data.timestamps import TimestampParser
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.intake import IntakeError, IntakeReport


@dataclass(frozen=True, eq=False)
class IntakeRules:
    """What is asked of records.

    Parameters
    ----------
    clock : Clock
        How times are written.
    survey : Survey
        How coordinates are written and where they must lie.
    crime_types : mapping of str to str or None
        Publisher's label to crime type.
    unmapped : str
        Policy for other labels.
    filters : mapping of str to sequence
        Column to wanted values.
    start, end : Timestamp or None
        The declared span [start, end).
    reporting_delay : Timedelta
        When an event counts as known if no report date says so.
    drop_repeats : bool
        Whether exact repeats are left out.
    max_rejected_share : float
        Largest share of rows that may be set aside, 0 to 1.
    """

    clock: TimestampParser
    survey: CoordinateReader
    crime_types: Mapping[str, str | None]
    unmapped: str
    filters: Mapping[str, Sequence[object]]
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    reporting_delay: pd.Timedelta
    drop_repeats: bool
    max_rejected_share: float


class Intake:
    """Records being sifted into events.

    Parameters
    ----------
    records : Records
        As published.
    columns : Columns
        What their columns hold.
    rules : Rules
        What is asked of them.

    Raises
    ------
    InputError
        If a column of labels holds personal data, most coordinates cannot be right, or a label is unknown.
    """

    def __init__(self, records: RawRecords, columns: ColumnMapping, rules: IntakeRules) -> None:
        self._records, self._columns, self._rules = records, columns, rules
        self._refuse_personal_contents()
        self._sieve = RowFilter(records)
        self._types = self._sift_types()
        self._occurred = self._sift_times()
        self._places = self._sift_places()
        self._sift_repeats()

    def finish(self, source: str, attribution: str, rejects: Path | None) -> Events:
        """Return the events with the report of their intake."""
        if rejects is not None:
            self._sieve.write_rejects(rejects)
        account = self._account(source, attribution, None)
        self._refuse_too_few(account)
        events = self._events()
        return replace(events, intake=self._account(source, attribution, events))

    def _refuse_personal_contents(self) -> None:
        for role in ("crime_type", "area"):
            column = getattr(self._columns, role)
            found = personal_contents(self._records.table[column]) if column is not None else None
            if found:
                msg = (
                    f"data.columns.{role}={column!r} holds what looks like {found} and is refused: only places, times "
                    "and crime types may enter; name another column."
                )
                raise InputError(msg)

    def _sift_types(self) -> CrimeTypeLabels:
        column = self._columns.crime_type
        wanted = rows_selected(self._records.table, self._rules.filters)
        self._sieve.take_out("does not match data.filters", "left out", ~wanted, list(self._rules.filters))
        values = self._records.table[column].astype("str").where(wanted)
        types = crime_types_of(values, self._rules.crime_types, self._rules.unmapped)
        self._sieve.take_out("crime type not asked for", "left out", types.unwanted, [column])
        self._sieve.take_out("crime type missing", "set aside", types.missing, [column])
        if self._rules.unmapped == "set_aside":
            note = "add these labels to data.crime_types."
            self._sieve.take_out("crime type not in data.crime_types", "set aside", types.unmapped, [column], note)
        self._sieve.flag("crime type kept under its own label", types.unmapped, [column])
        self._sieve.flag("crime type counted under another spelling", types.respelt, [column])
        return types

    def _sift_times(self) -> pd.Series:
        declared, rules = self._columns.declared(), self._rules
        shown = [column for role, column in declared.items() if role.startswith("occurred_")]
        occurred = rules.clock.occurred(self._records.table, self._columns)
        note = f"data.time_formats={list(rules.clock.formats)} reads none of these."
        self._sieve.take_out("time missing or unreadable", "set aside", _mask(occurred.isna()), shown, note)
        now = pd.Timestamp.now(tz=rules.clock.time_zone).tz_localize(None)
        self._sieve.take_out("time in the future", "set aside", _mask(occurred > now), shown)
        if rules.start is not None:
            before = _mask(occurred < rules.start)
            self._sieve.take_out(f"before the start {rules.start:%Y-%m-%d}", "left out", before, shown)
        if rules.end is not None:
            after = _mask(occurred >= rules.end)
            self._sieve.take_out(f"at or after the end {rules.end:%Y-%m-%d}", "left out", after, shown)
        return occurred

    def _sift_places(self) -> Coordinates:
        shown = [self._columns.declared()[role] for role in self._columns.place]
        first, second = (self._records.table[column].where(self._sieve.kept) for column in shown)
        places = self._rules.survey.locate(first, second)
        self._unplaced = np.flatnonzero(self._sieve.kept & (places.missing | places.zero))
        self._sieve.take_out("coordinates missing or no numbers", "set aside", places.missing, shown)
        self._sieve.take_out("coordinates are zero", "set aside", places.zero, shown)
        self._sieve.take_out("coordinates look swapped", "set aside", places.swapped, shown)
        note = "outside data.bounds, the area of use of a CRS, or far from all others."
        self._sieve.take_out("coordinates outside the area", "set aside", places.outside, shown, note)
        if (areas := self._areas) is not None:
            self._sieve.flag("area missing", _mask(areas.isna()))
        return places

    @cached_property
    def _areas(self) -> pd.Series | None:
        column = self._columns.area
        return None if column is None else clean_labels(self._records.table[column])

    def _sift_repeats(self) -> None:
        kept = np.flatnonzero(self._sieve.kept)
        repeated = np.zeros(len(self._records.table), dtype=bool)
        repeated[kept] = self._records.table.iloc[kept].duplicated().to_numpy()
        shown, compared = [self._columns.crime_type], ", ".join(self._records.table.columns)
        if self._rules.drop_repeats:
            self._sieve.take_out("exact repeats", "left out", repeated, shown, f"alike in {compared}.")
        else:
            note = f"alike in {compared}; kept, since one incident can have several records."
            self._sieve.flag("exact repeats", repeated, shown, note)

    def _events(self) -> Events:
        """Return the events, ordered by time; the sort is stable, so that the same files give the same digest."""
        kept = self._sieve.kept
        occurred = self._occurred[kept].reset_index(drop=True)
        table = pd.DataFrame(
            {
                "occurred_at": occurred,
                "reported_at": self._reported(kept, occurred),
                "crime_type": pd.Categorical(self._types.names[kept], categories=self._types.categories(kept)),
                "x": self._places.x[kept],
                "y": self._places.y[kept],
            }
        )
        if (areas := self._areas) is not None:
            table["area"] = areas[kept].astype("category").array
        start, end = self._span(occurred)
        return Events(
            table=table.sort_values("occurred_at", kind="stable", ignore_index=True),
            crs=self._places.crs,
            time_zone=self._rules.clock.time_zone,
            start=start,
            end=end,
            settles_after=self._rules.reporting_delay,
            declared=self._types.declared,
        )

    def _reported(self, kept: npt.NDArray[np.bool_], occurred: pd.Series) -> pd.Series:
        latest = occurred if self._columns.occurred_month is None else occurred + pd.offsets.MonthEnd(1)
        assumed: pd.Series = (latest + self._rules.reporting_delay).astype("datetime64[us]")
        told = self._rules.clock.reported(self._records.table, self._columns)
        if told is None:
            return assumed
        column = self._columns.reported_at or self._columns.reported_date
        note = "counted as known data.reporting_delay after they occurred."
        self._sieve.flag("report time missing or unreadable", _mask(told.isna()), [str(column)], note)
        early = _mask(told < self._occurred)
        self._sieve.flag("reported before it occurred", early, [str(column)], "counted as known when they occurred.")
        told = told[kept].reset_index(drop=True).fillna(assumed)
        return told.where(told >= occurred, occurred)

    def _span(self, occurred: pd.Series) -> tuple[pd.Timestamp, pd.Timestamp]:
        after_last = occurred.max().normalize() + pd.Timedelta(days=1)
        if self._columns.occurred_month is not None:
            after_last = occurred.max() + pd.offsets.MonthBegin(1)
        return self._rules.start or occurred.min().normalize(), self._rules.end or after_last

    def _account(self, source: str, attribution: str, events: Events | None) -> IntakeReport:
        left = self._records.columns_left
        resolution = self._resolution()
        return IntakeReport(
            source=source,
            files=tuple(file.name for file in self._records.files),
            rows_read=self._sieve.rows_read,
            rows_kept=int(self._sieve.kept.sum()),
            start=None if events is None else events.start,
            end=None if events is None else events.end,
            time_zone=self._rules.clock.time_zone,
            crs=self._places.crs,
            resolution=resolution,
            findings=(*self._sieve.findings, *(() if events is None else quality_findings(events, resolution))),
            crime_types={} if events is None else events_by_type(events),
            columns_left=left,
            person_columns_left=tuple(column for column in left if looks_personal(column)),
            notes=self._notes(resolution),
            attribution=attribution,
            digest="" if events is None else events.digest(),
            unplaced=count_missing_coordinates(self._unplaced, self._occurred, self._types.names, self._areas),
        )

    def _resolution(self) -> str:
        if self._columns.occurred_month is not None:
            return "month"
        known = self._occurred[self._sieve.kept]
        return "day" if len(known) and bool((known == known.dt.normalize()).all()) else "moment"

    def _notes(self, resolution: str) -> tuple[str, ...]:
        notes = list(self._records.notes)
        if resolution == "month":
            notes.append(
                "Only months are known: events stand at the start of their month; set calendar.period_unit=month."
            )
        if self._columns.reported_at is None and self._columns.reported_date is None:
            delay = str(self._rules.reporting_delay).removesuffix(" 00:00:00")
            since = "the last day of its month" if resolution == "month" else "it occurred"
            notes.append(f"No report times: an event counts as known {delay} after {since}.")
        return tuple(notes)

    def _refuse_too_few(self, account: IntakeReport) -> None:
        read, limit = account.rows_read, self._rules.max_rejected_share
        if account.rows_kept == 0:
            causes = _causes(account, ("set aside", "left out"))
            msg = f"{account.source}: none of {read:,} rows can be kept: {causes}. Mend these data settings."
            raise IntakeError(msg, account)
        if account.rejected_share > limit:
            causes = _causes(account, ("set aside",))
            msg = (
                f"{account.source}: {account.rejected_share:.1%} of the rows were set aside, more than "
                f"data.max_rejected_share={limit:g}: {causes}. Mend the settings or raise it; "
                "data.rejects=FILE writes these rows out."
            )
            raise IntakeError(msg, account)


def _causes(account: IntakeReport, actions: tuple[str, ...]) -> str:
    """Return the three rules that took most rows, in words."""
    lost = sorted((one for one in account.findings if one.action in actions), key=lambda one: -one.count)
    return ", ".join(f"{one.rule} ({one.count:,})" for one in lost[:3])


def _mask(values: pd.Series) -> npt.NDArray[np.bool_]:
    return values.to_numpy(dtype=bool)
