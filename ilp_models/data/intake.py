"""Intake: turn raw records into events, step by step, and report every row that is rejected or flagged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.coordinates import CoordinateReader, Coordinates, have_decimal_comma
from ilp_models.data.crime_schemes.publisher_types import PublisherTypes
from ilp_models.data.crime_schemes.record_types import select_scheme_types
from ilp_models.data.crime_types import CrimeTypeLabels, clean_labels, map_crime_types, matching_rows
from ilp_models.data.exclusions import Exclusion, exclude_places
from ilp_models.data.gaps import KnownGap, find_gaps, gaps_text, undeclared
from ilp_models.data.label_screening import (
    AreaList,
    refuse_identifiers,
    refuse_labels_of_persons,
    refuse_personal_labels,
    refuse_personal_types,
    refuse_personal_values,
)
from ilp_models.data.personal_data import looks_personal
from ilp_models.data.quality import count_by_type, quality_findings
from ilp_models.data.reader import RawRecords
from ilp_models.data.repeats import find_repeats, flag_duplicates
from ilp_models.data.row_filter import Mask, RowFilter
from ilp_models.data.schema import ColumnMapping
from ilp_models.data.spans import last_moment, moment_words, read_spans
from ilp_models.data.time_formats import describe_unreadable, refuse_contradicting_formats
from ilp_models.data.timestamps import TimestampParser
from ilp_models.domain.events import UNTIL, Events
from ilp_models.domain.intake import UNMAPPED, UNMAPPED_KEPT, IntakeError, IntakeReport


@dataclass(frozen=True, eq=False)
class IntakeRules:
    """What the columns hold, how to read them, and which records to keep."""

    columns: ColumnMapping
    timestamps: TimestampParser
    coordinates: CoordinateReader
    crime_types: Mapping[str, str | None]  # publisher's label to crime type; None excludes the label
    unmapped: str  # what to do with other labels: refuse, set_aside or keep
    filters: Mapping[str, Sequence[object]]  # column to wanted values
    start: pd.Timestamp | None  # keep [start, end)
    end: pd.Timestamp | None
    reporting_delay: pd.Timedelta  # from occurrence to report, where no report time is given
    drop_duplicates: bool
    max_rejected_share: float  # 0 to 1
    known_gaps: tuple[KnownGap, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    area_list: AreaList | None = None  # labels that the user declares as official areas
    publisher_types: PublisherTypes | None = None  # categories of the labels in a shared scheme
    max_span: pd.Timedelta | None = None  # longest span in which an incident may have happened


@dataclass(frozen=True, eq=False)
class ParsedRecords:
    """The records after parsing; each series has one value per row of the files."""

    rows: RowFilter
    crime_types: CrimeTypeLabels
    occurred: pd.Series
    coordinates: Coordinates
    areas: pd.Series | None
    without_coordinates: npt.NDArray[np.int64]  # rows rejected only for missing or zero coordinates
    excluded: tuple[str, ...] = ()  # number, place and reason of each exclusion
    until: pd.Series | None = None  # latest time of each incident; NaT where only one time is known


def read_events(records: RawRecords, rules: IntakeRules, source: str, attribution: str, rejects: Path | None) -> Events:
    """Return the events of the records with their intake report; raise `IntakeError` if too many are rejected."""
    parsed = parse_records(records, rules)
    del records  # so that the raw records leave memory with the parsed ones, below
    if rejects is not None:
        parsed.rows.write_rejects(rejects)
    report = build_report(parsed, rules, source, attribution)
    _refuse_too_few(report, rules)
    _refuse_repeats(parsed, rules, report)
    parsed, reported = parse_reports(parsed, rules)
    events = build_events(parsed, reported, rules)
    _refuse_gaps(events, rules, report)
    report = build_report(parsed, rules, source, attribution)
    del parsed, reported
    return replace(events, intake=add_events(report, events))


def parse_records(records: RawRecords, rules: IntakeRules) -> ParsedRecords:
    """Return crime types, times and coordinates, with the rows that each rule removes or flags."""
    refuse_personal_labels(records, rules.columns, rules.area_list)
    refuse_personal_types(rules.crime_types)
    rows = RowFilter.from_records(records)
    rows, crime_types = select_crime_types(rows, rules)
    rows, occurred = parse_times(rows, rules)
    rows, until = read_spans(rows, rules.timestamps, rules.columns, occurred, rules.max_span)
    rows, coordinates, without_coordinates = locate(rows, rules)
    shown = [rules.columns.declared()[role] for role in rules.columns.coordinates]
    rows, excluded = exclude_places(rows, coordinates, rules.exclude, shown)
    rows, areas = read_areas(rows, rules, coordinates)
    parsed = (occurred.to_numpy(), coordinates.x, coordinates.y)
    rows = flag_duplicates(rows, rules.columns.crime_type, parsed, drop=rules.drop_duplicates)
    return ParsedRecords(rows, crime_types, occurred, coordinates, areas, without_coordinates, excluded, until)


def select_crime_types(rows: RowFilter, rules: IntakeRules) -> tuple[RowFilter, CrimeTypeLabels]:
    """Apply ``data.filters``, then map the publisher's labels to crime types, or to those of a shared scheme."""
    table, column = rows.records.table, rules.columns.crime_type
    wanted = matching_rows(table, rules.filters)
    rows = rows.remove_unmatched(~wanted, list(rules.filters))
    values = table[column].astype("str").where(wanted)
    if rules.publisher_types is not None:
        second = rules.columns.crime_type_detail
        details = None if second is None else table[second].astype("str")
        return select_scheme_types(rows, values, details, rules.publisher_types, rules.crime_types, rules.unmapped)
    types = map_crime_types(values, rules.crime_types, rules.unmapped)
    rows = rows.remove("crime type excluded by data.crime_types", "left out", types.excluded, [column])
    rows = rows.remove("crime type missing", "set aside", types.missing, [column])
    if rules.unmapped == "set_aside":
        note = "add these labels to data.crime_types."
        rows = rows.remove(UNMAPPED, "set aside", types.unmapped, [column], note)
    rows = rows.flag(UNMAPPED_KEPT, types.unmapped, [column])
    rows = rows.flag_spelling("crime type in another spelling", types.respelled, column)
    refuse_personal_values(column, types.names[rows.remaining], types.declared)
    refuse_identifiers(column, types.names[rows.remaining].nunique(), int(rows.remaining.sum()))
    return rows, types


def parse_times(rows: RowFilter, rules: IntakeRules) -> tuple[RowFilter, pd.Series]:
    """Parse the times of occurrence; remove unreadable and future times and those outside the declared span."""
    parser, table = rules.timestamps, rows.records.table
    shown = [column for role, column in rules.columns.declared().items() if role.startswith("occurred_")]
    for column in rules.columns.with_dates:
        dates = rows.records.all_values(column)
        refuse_contradicting_formats(column, dates.values, parser.formats, dates.rows)
    occurred = parser.occurred(table, rules.columns)
    unreadable = _mask(occurred.isna()) & rows.remaining
    note = describe_unreadable(table.loc[unreadable, shown[0]], parser.formats) if unreadable.any() else ""
    rows = rows.remove("time missing or unreadable", "set aside", unreadable, shown, note)
    now = pd.Timestamp.now(tz=parser.time_zone).tz_localize(None)
    rows = rows.remove("time in the future", "set aside", _mask(occurred > now), shown)
    if rules.start is not None:
        before = _mask(occurred < rules.start)
        rows = rows.remove(f"before the start {rules.start:%Y-%m-%d}", "left out", before, shown)
    if rules.end is not None:
        after = _mask(occurred >= rules.end)
        rows = rows.remove(f"at or after the end {rules.end:%Y-%m-%d}", "left out", after, shown)
    return rows, occurred


def locate(rows: RowFilter, rules: IntakeRules) -> tuple[RowFilter, Coordinates, npt.NDArray[np.int64]]:
    """Project the coordinates; remove missing, zero, swapped and distant ones, and return the rows without any."""
    shown = [rules.columns.declared()[role] for role in rules.columns.coordinates]
    first, second = (rows.records.table[column].where(rows.remaining) for column in shown)
    found = rules.coordinates.locate(first, second)
    without_coordinates = np.flatnonzero(rows.remaining & (found.missing | found.zero))
    commas = rules.coordinates.decimal != "," and (have_decimal_comma(first) or have_decimal_comma(second))
    note = "the numbers have a decimal comma: set data.decimal=','." if commas else ""
    rows = rows.remove("coordinates missing or not numeric", "set aside", found.missing, shown, note)
    rows = rows.remove("coordinates are zero", "set aside", found.zero, shown)
    rows = rows.remove("coordinates look swapped", "set aside", found.swapped, shown)
    note = "outside data.bounds, outside the area of use of a CRS, or far from all other records."
    rows = rows.remove("coordinates outside the study area", "set aside", found.outside, shown, note)
    return rows, found, without_coordinates


def read_areas(rows: RowFilter, rules: IntakeRules, located: Coordinates) -> tuple[RowFilter, pd.Series | None]:
    """Return the publisher's area labels and flag records without one; refuse labels that are not areas."""
    column = rules.columns.area
    if column is None:
        return rows, None
    areas, kept = clean_labels(rows.records.table[column]), rows.remaining
    if rules.area_list is None:
        refuse_labels_of_persons(column, areas[kept], located.x[kept], located.y[kept])
    else:
        rules.area_list.refuse_others(column, rows.records.all_values(column))
    return rows.flag("area missing", _mask(areas.isna())), areas


def parse_reports(parsed: ParsedRecords, rules: IntakeRules) -> tuple[ParsedRecords, pd.Series]:
    """Return the report time of each remaining row; flag missing report times and those before the incident.

    Without a report time, the event counts as reported ``data.reporting_delay`` after it occurred. An incident in a
    span of time is found at its end: the start would be known too early.
    """
    rows, columns = parsed.rows, rules.columns
    occurred = parsed.occurred[rows.remaining].reset_index(drop=True)
    latest = occurred if columns.occurred_month is None else occurred + pd.offsets.MonthEnd(1)
    latest = last_moment(latest, parsed.until, rows.remaining)
    assumed: pd.Series = (latest + rules.reporting_delay).astype("datetime64[us]")
    reported = rules.timestamps.reported(rows.records.table, columns)
    if reported is None:
        return parsed, assumed
    column = str(columns.reported_at or columns.reported_date)
    note = "counted as known data.reporting_delay after they occurred."
    flagged = rows.flag("report time missing or unreadable", _mask(reported.isna()), [column], note)
    early = _mask(reported < parsed.occurred)
    flagged = flagged.flag("reported before it occurred", early, [column], "counted as known when they occurred.")
    if parsed.until is not None:
        note = "counted as known at the end of the span."
        flagged = flagged.flag("reported before the end of the span", _mask(reported < parsed.until), [column], note)
    reported = reported[rows.remaining].reset_index(drop=True).fillna(assumed)
    known = last_moment(occurred, parsed.until, rows.remaining)
    return replace(parsed, rows=flagged), reported.where(reported >= known, known)


def build_events(parsed: ParsedRecords, reported: pd.Series, rules: IntakeRules) -> Events:
    """Return the remaining rows as events in the order of time.

    The sort is stable, so the same files always give the same digest.
    """
    remaining = parsed.rows.remaining
    occurred = parsed.occurred[remaining].reset_index(drop=True)
    crime_types = parsed.crime_types
    table = pd.DataFrame(
        {
            "occurred_at": occurred,
            "reported_at": reported,
            "crime_type": pd.Categorical(crime_types.names[remaining], categories=crime_types.categories(remaining)),
            "x": parsed.coordinates.x[remaining],
            "y": parsed.coordinates.y[remaining],
        }
    )
    if parsed.until is not None:
        table[UNTIL] = parsed.until[remaining].to_numpy()
    if parsed.areas is not None:
        table["area"] = parsed.areas[remaining].astype("category").array
    start, end = _span(occurred, rules)
    return Events(
        table=table.sort_values("occurred_at", kind="stable", ignore_index=True),
        crs=parsed.coordinates.crs,
        time_zone=rules.timestamps.time_zone,
        start=start,
        end=end,
        settles_after=rules.reporting_delay,
        declared_types=crime_types.declared,
    )


def build_report(parsed: ParsedRecords, rules: IntakeRules, source: str, attribution: str) -> IntakeReport:
    """Return the intake report of the parsed records, without the facts about events."""
    rows, unread = parsed.rows, parsed.rows.records.columns_left
    resolution = _resolution(parsed, rules)
    return IntakeReport(
        source=source,
        files=tuple(file.name for file in rows.records.files),
        rows_read=rows.rows_read,
        rows_kept=int(rows.remaining.sum()),
        start=None,
        end=None,
        time_zone=rules.timestamps.time_zone,
        crs=parsed.coordinates.crs,
        resolution=resolution,
        findings=rows.findings,
        columns_left=unread,
        person_columns_left=tuple(column for column in unread if looks_personal(column)),
        notes=(
            *_notes(rows.records, rules, resolution),
            *([rules.area_list.note()] if rules.area_list else []),
            *parsed.crime_types.notes,
        ),
        declared=(*map(str, rules.known_gaps), *parsed.excluded),
        attribution=" ".join(filter(None, [attribution, *(f"{one}." for one in parsed.excluded)])),
        missing_coordinates=count_missing_coordinates(parsed),
    )


def add_events(report: IntakeReport, events: Events) -> IntakeReport:
    """Return the report with the span, the counts, the digest and the quality findings of the events."""
    return replace(
        report,
        start=events.start,
        end=events.end,
        findings=(*report.findings, *quality_findings(events, report.resolution)),
        crime_types=count_by_type(events),
        digest=events.digest(),
    )


def count_missing_coordinates(parsed: ParsedRecords) -> pd.DataFrame:
    """Return the number of records without coordinates by day, crime type and area."""
    rows, areas = parsed.without_coordinates, parsed.areas
    labels = [""] * len(rows) if areas is None else areas.iloc[rows].fillna("").astype(str).tolist()
    table = pd.DataFrame(
        {
            "day": parsed.occurred.iloc[rows].dt.normalize().to_numpy(),
            "crime_type": parsed.crime_types.names.iloc[rows].astype(str).to_numpy(dtype=object),
            "area": np.array(labels, dtype=object),
        }
    )
    return table.value_counts(sort=False).rename("count").reset_index()


def _span(occurred: pd.Series, rules: IntakeRules) -> tuple[pd.Timestamp, pd.Timestamp]:
    after_last = occurred.max().normalize() + pd.Timedelta(days=1)
    if rules.columns.occurred_month is not None:
        after_last = occurred.max() + pd.offsets.MonthBegin(1)
    return rules.start or occurred.min().normalize(), rules.end or after_last


def _resolution(parsed: ParsedRecords, rules: IntakeRules) -> str:
    if rules.columns.occurred_month is not None:
        return "month"
    known = parsed.occurred[parsed.rows.remaining]
    return "day" if len(known) and bool((known == known.dt.normalize()).all()) else "moment"


def _notes(records: RawRecords, rules: IntakeRules, resolution: str) -> tuple[str, ...]:
    notes = list(records.notes)
    if resolution == "month":
        notes.append("Only months are known. Each event is dated to the first day; set calendar.period_unit=month.")
    if rules.columns.reported_at is None and rules.columns.reported_date is None:
        delay = str(rules.reporting_delay).removesuffix(" 00:00:00")
        origin = moment_words(rules.columns, resolution)
        note = f"No report times: an event counts as known {delay} after {origin}."
        notes.append(note if rules.reporting_delay else f"{note} If reports come later, set data.reporting_delay.")
    return tuple(notes)


def _refuse_too_few(report: IntakeReport, rules: IntakeRules) -> None:
    if report.rows_kept == 0:
        causes = _main_causes(report, ("set aside", "left out"))
        msg = f"{report.source}: none of {report.rows_read:,} rows can be kept: {causes}. Correct these data settings."
        raise IntakeError(msg, report)
    if report.rejected_share > rules.max_rejected_share:
        msg = (
            f"{report.source}: {report.rejected_share:.1%} of the rows were set aside, more than "
            f"data.max_rejected_share={rules.max_rejected_share:g}: {_main_causes(report, ('set aside',))}. Correct "
            "the settings or raise the limit; data.rejects=FILE writes these rows to a file."
        )
        raise IntakeError(msg, report)


def _refuse_repeats(parsed: ParsedRecords, rules: IntakeRules, report: IntakeReport) -> None:
    if rules.drop_duplicates:
        return
    places = pd.DataFrame({"x": parsed.coordinates.x, "y": parsed.coordinates.y}).round()
    known = places.assign(time=parsed.occurred.dt.floor("min").to_numpy())[parsed.rows.remaining]
    records, labels = parsed.rows.records, parsed.rows.records.table[rules.columns.crime_type]
    others = [name for name in records.table.columns if name not in rules.columns.declared().values()]
    found = find_repeats(records, known, labels.astype("str"), others)
    if found is not None:
        msg = f"{report.source}: {found}"
        raise IntakeError(msg, report)


def _refuse_gaps(events: Events, rules: IntakeRules, report: IntakeReport) -> None:
    monthly = report.resolution == "month"
    gaps = find_gaps(events.table["occurred_at"], events.start, events.end, monthly=monthly)
    missing = undeclared(gaps, rules.known_gaps)
    if missing:
        msg = f"{report.source}: {gaps_text(missing)}"
        raise IntakeError(msg, report)


def _main_causes(report: IntakeReport, actions: tuple[str, ...]) -> str:
    """Return the three rules that removed most rows, with the note of the first one."""
    found = sorted((one for one in report.findings if one.action in actions), key=lambda one: -one.count)
    note = f". {found[0].note[:1].upper()}{found[0].note[1:].rstrip('.')}" if found and found[0].note else ""
    return ", ".join(f"{one.rule} ({one.count:,})" for one in found[:3]) + note


def _mask(values: pd.Series) -> Mask:
    return values.to_numpy(dtype=bool)
