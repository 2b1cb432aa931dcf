"""Event source for delimited text (CSV), spreadsheets and Parquet files, described by column names and formats."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ilp_models.data import validation as settings
from ilp_models.data.coordinates import CoordinateReader
from ilp_models.data.crime_schemes.publisher_types import PublisherTypes, load_publisher_types
from ilp_models.data.crime_types import UNMAPPED
from ilp_models.data.exclusions import Exclusion
from ilp_models.data.file_format import AUTO, find_files
from ilp_models.data.gaps import KnownGap
from ilp_models.data.intake import IntakeRules, read_events
from ilp_models.data.label_screening import AreaList, refuse_personal_types
from ilp_models.data.reader import RawRecords, read_records
from ilp_models.data.row_blocks import RowSelection
from ilp_models.data.schema import UNTIL_ROLES, ColumnMapping, refuse_person_column, refuse_person_values
from ilp_models.data.time_formats import EPOCHS
from ilp_models.data.timestamps import ISO, TimestampParser
from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.recipe import describe, file_digests

DUPLICATES: Final = ("flag", "drop")

_OF_THE_FILES: Final = ("path", "pattern", "sheet", "end", "as_of", "rejects", "source", "city", "attribution")
_DETAIL: Final = "crime_type_detail"
_OF_SCHEMES: Final = ("crime_scheme", "publisher_types")
_WGS84: Final = "EPSG:4326"
_SIDES: Final = 4
_ONE_TYPE: Final = "the only crime type"  # column of files without one


@dataclass(frozen=True)
class DelimitedFiles:
    """Incident records in delimited text (any encoding and separator, gzipped or not), spreadsheets, Parquet or points.

    Parameters
    ----------
    path : str or sequence of str
        A file, a folder with its sub-folders, a glob, ``bundled:<name>``, or several of these.
    columns : mapping of str to str
        Column of each role; the roles are the parameters of `ilp_models.data.schema.ColumnMapping`. Points of GeoJSON,
        GeoPackage and Shapefiles have the further columns ``geometry_lon`` and ``geometry_lat``, in degrees.
    time_zone : str
        IANA name of the time zone of the events.
    source : str, optional
        Publisher and data set; by default the path.
    attribution : str, optional
        The text that the publisher's licence requires.
    city : str, optional
        Name of the study area in reports; by default ``source``.
    country, subdivision : str, optional
        ISO 3166 codes of the country and state whose public holidays count, such as ``CA`` and ``ON``.
    pattern : str, optional
        Which files of a folder to read, such as ``*-street.csv``.
    sheet : str, optional
        Sheet of spreadsheets (.xlsx, .xlsm, .xls, .ods) to read; by default the only visible one that is not empty.
        Also the layer of a GeoPackage.
    encoding, separator : str, default "auto"
        Encoding and separator of delimited text; ``auto`` detects them.
    decimal : {".", ","}, default "."
        Decimal mark of coordinates that are text.
    time_formats : sequence of str, default ("ISO8601",)
        ``strptime`` formats of dates and times, tried in order. With ``%z`` the offset in the text is used.
        ``epoch_s`` and ``epoch_ms`` are seconds and milliseconds since 1970 in UTC.
    input_time_zone : str, optional
        Time zone of times without an offset, such as ``UTC``; by default ``time_zone``.
    input_crs : str, optional
        CRS of the coordinates in the files; by default EPSG:4326 for lat and lon, and ``crs`` for x and y.
    crs : str, default "auto"
        CRS of the events, projected in metres; ``auto`` takes the UTM zone of the median point.
    bounds : sequence of four numbers, optional
        West, south, east and north of the study area in ``input_crs``. Records outside are set aside.
    crime_types : mapping of str to str or None, optional
        Publisher's label to crime type; case is ignored. None excludes a label. Without a mapping each label is a
        crime type.
    unmapped : str, default "refuse"
        What to do with labels that ``crime_types`` does not name: ``refuse``, ``set_aside`` or ``keep``.
    filters : mapping of str to sequence, optional
        Column to wanted values; all other rows are excluded.
    record_columns : sequence of str, optional
        Further columns that distinguish records, such as a case number. They are read to find duplicates and dropped.
    start, end : str, optional
        Keep records in [start, end); by default from the first day to the day after the last.
    reporting_delay : str, default "0 days"
        Time after a period until its counts are complete. Without a report column, an event counts as known this long
        after it occurred.
    duplicates : str, default "flag"
        Exact duplicates of a record: ``flag`` keeps them, ``drop`` keeps the first.
    max_rejected_share : float, default 0.05
        Largest share of rows, 0 to 1, that may be set aside.
    rejects : str, optional
        CSV file for the rows that are not kept, with the rule that removed them. Only this file shows their values.
    area_list : str, optional
        File with the labels of the official areas: one a line, or the first column of a table. Needed only where area
        labels are refused because they look like personal data. Labels that are not in the file stop the run.
    known_gaps : sequence of mapping, optional
        Spans without records that are known, each with ``from``, ``to`` (first and last day) and ``reason``. Their
        periods count as periods without events, and the decision names them. Other improbable gaps stop the run.
    exclude : sequence of mapping, optional
        Places whose records are artefacts, each with a ``reason``: ``lon``, ``lat`` and ``radius_m`` of a circle, or
        the ``path`` of a file of polygons. Together at most 5 % of the records. The decision and the attribution name
        them.
    as_of : str, optional
        Use the records as on this day, an ISO date, or as at their ``end``. The next period after it is forecast, for
        research only. By default the next period that has not begun is forecast.
    crime_type : str, optional
        The crime type of every record, for files of one offence, which need no column for it.
    crime_scheme : {"iccs", "nibrs", "home_office"}, optional
        Use the crime types of a scheme that publishers share. ``crime_types`` then only excludes labels (null).
    publisher_types : str, optional
        The table that maps labels to the scheme: ``chicago``, ``nyc``, ``police_uk``, ``portland``, ``toronto``, or a
        CSV file with the columns ``label`` (or ``label_1`` and ``label_2``) and ``code``.
    max_span : str, optional
        Longest span from ``occurred_at`` to ``occurred_until``, such as ``7 days``. Records with a longer one are set
        aside, because they say almost nothing about the time. By default none are.

    Raises
    ------
    InputError
        If a setting is misspelled, impossible or names a column of personal data.

    Examples
    --------
    >>> columns = {"occurred_at": "occurred_at", "crime_type": "crime_type", "lat": "lat", "lon": "lon"}
    >>> source = DelimitedFiles("bundled:toronto_mci_2014_2021.parquet", columns, "America/Toronto")
    >>> source.read()
    <Events: 239,935 events, 5 crime types, 2014-01-01 to 2022-01-01, bundled:toronto_mci_2014_2021.parquet, EPSG:32617>
    """

    path: str | Sequence[str]
    columns: Mapping[str, str | None]
    time_zone: str
    source: str = ""
    attribution: str = ""
    city: str = ""
    country: str | None = None
    subdivision: str | None = None
    pattern: str | None = None
    sheet: str | None = None
    encoding: str = AUTO
    separator: str = AUTO
    decimal: str = "."
    time_formats: Sequence[str] = (ISO,)
    input_time_zone: str | None = None
    input_crs: str | None = None
    crs: str = AUTO
    bounds: Sequence[float] | None = None
    crime_types: Mapping[str, str | None] | None = None
    unmapped: str = "refuse"
    filters: Mapping[str, Sequence[object]] | None = None
    record_columns: Sequence[str] = field(default_factory=tuple)
    start: str | None = None
    end: str | None = None
    reporting_delay: str = "0 days"
    duplicates: str = "flag"
    max_rejected_share: float = 0.05
    rejects: str | None = None
    area_list: str | None = None
    known_gaps: Sequence[Mapping[str, str]] = ()
    exclude: Sequence[Mapping[str, Any]] = ()
    as_of: str | None = None
    crime_type: str | None = None
    crime_scheme: str | None = None
    publisher_types: str | None = None
    max_span: str | None = None

    def __post_init__(self) -> None:
        """Refuse settings that are wrong on their own; `read` checks how they fit together."""
        for role, column in self.columns.items():
            refuse_person_column(str(column or ""), f"data.columns.{role}")
        for column in (*self.record_columns, *(self.filters or {})):
            refuse_person_column(column, "data.record_columns or data.filters")
        for column, values in (self.filters or {}).items():
            refuse_person_values(values, f"data.filters.{column}")
        settings.one_of("data.unmapped", self.unmapped, UNMAPPED)
        settings.one_of("data.duplicates", self.duplicates, DUPLICATES)
        settings.one_of("data.decimal", self.decimal, (".", ","))
        settings.encoding("data.encoding", self.encoding)
        settings.delay("data.reporting_delay", self.reporting_delay)
        if self.max_span is not None:
            settings.delay("data.max_span", self.max_span)
        self._check_lists()
        self._check_numbers()

    def read(self) -> Events:
        """Return the events of the files; `Events.intake` reports how they were read."""
        columns = ColumnMapping.from_settings(self._columns())
        rules = self._rules(columns)
        source = self.source or str(self.path)
        rejects = None if self.rejects is None else Path(self.rejects)
        # no name holds the records here, so that they can leave memory before the events are examined
        events = read_events(self._records(rules), rules, source, self.attribution, rejects)
        intake = None if events.intake is None else replace(events.intake, reading=self._reading())
        return replace(
            events,
            intake=intake,
            country=self.country,
            subdivision=self.subdivision,
            city=self.city or source,
            as_of=None if self.as_of is None else str(self.as_of),
        )

    def _records(self, rules: IntakeRules) -> RawRecords:
        """Return the records of the files; rows that do not match the filters stay only if they are listed."""
        columns = rules.columns
        declared = [column for column in columns.declared().values() if column != _ONE_TYPE]
        wanted = tuple(dict.fromkeys((*declared, *self.record_columns, *rules.filters)))
        selection = None
        if self.rejects is None:
            selection = RowSelection.from_settings(rules.filters, columns, self.time_formats)
        files = find_files(self.path, self.pattern)
        records = read_records(files, wanted, self.encoding, self.separator, self.sheet, selection)
        if self.crime_type is not None:
            records = replace(records, table=records.table.assign(**{_ONE_TYPE: self.crime_type}))
        return records

    def _columns(self) -> dict[str, str | None]:
        """Return the columns by role; files of one crime type need none for it."""
        if self.crime_type is None:
            return dict(self.columns)
        if self.columns.get("crime_type") is not None or self.crime_types:
            msg = (
                f"data.crime_type={self.crime_type} is the type of every record, so data.columns.crime_type and "
                "data.crime_types cannot be set too. Set them to null, or leave data.crime_type out."
            )
            raise InputError(msg)
        refuse_personal_types({self.crime_type: self.crime_type})
        return {**self.columns, "crime_type": _ONE_TYPE}

    def _reading(self) -> str:
        """Return the digest of all settings except for those that choose the files, their span and their name."""
        unused = () if self.crime_scheme else _OF_SCHEMES
        settings = {name: one for name, one in describe(self).items() if name not in (*_OF_THE_FILES, *unused)}
        for role in (_DETAIL, *UNTIL_ROLES):
            if settings["columns"].get(role) is None:  # so that files read without it keep their digest
                settings["columns"].pop(role, None)
        if self.max_span is None:
            settings.pop("max_span")
        return digest_of(json.dumps([settings, dict(file_digests(settings))], sort_keys=True))

    def _rules(self, columns: ColumnMapping) -> IntakeRules:
        settings.time_zone("data.time_zone", self.time_zone)
        settings.time_zone("data.input_time_zone", self.input_time_zone)
        self._check_crs(columns)
        input_crs = self._input_crs(columns)
        return IntakeRules(
            columns=columns,
            timestamps=TimestampParser(self.time_zone, self.input_time_zone, tuple(self.time_formats)),
            coordinates=CoordinateReader(
                columns.coordinates, input_crs, self.crs, self._bounds(), self.time_zone, self.decimal
            ),
            crime_types=self.crime_types or ({} if self.crime_type is None else {self.crime_type: self.crime_type}),
            unmapped=self.unmapped,
            filters=self.filters or {},
            start=settings.moment("data.start", self.start),
            end=settings.moment("data.end", self.end),
            reporting_delay=settings.delay("data.reporting_delay", self.reporting_delay),
            drop_duplicates=self.duplicates == "drop",
            max_rejected_share=self.max_rejected_share,
            known_gaps=KnownGap.from_settings(self.known_gaps),
            exclude=Exclusion.from_settings(self.exclude),
            area_list=None if self.area_list is None else AreaList.from_file(self.area_list),
            publisher_types=self._publisher_types(columns),
            max_span=None if self.max_span is None else settings.delay("data.max_span", self.max_span),
        )

    def _publisher_types(self, columns: ColumnMapping) -> PublisherTypes | None:
        """Return the table of the chosen scheme; the settings around it must fit."""
        if self.crime_scheme is None:
            if columns.crime_type_detail is not None:
                msg = (
                    f"data.columns.crime_type_detail={columns.crime_type_detail} is used with a scheme only. Set "
                    "data.crime_scheme=iccs, or the column to null."
                )
                raise InputError(msg)
            return None
        chosen = f"data.crime_scheme={self.crime_scheme}"
        if self.publisher_types is None:
            msg = f"{chosen} needs a table for your labels. Set data.publisher_types; see docs/crime_types.md."
            raise InputError(msg)
        if self.unmapped == "keep":
            msg = f"{chosen} cannot keep labels without a category. Set data.unmapped=set_aside or refuse."
            raise InputError(msg)
        types = load_publisher_types(self.publisher_types, self.crime_scheme)
        if columns.crime_type_detail is not None and not types.has_second:
            msg = (
                f"data.publisher_types={self.publisher_types} has one column of labels. Set "
                "data.columns.crime_type_detail to null."
            )
            raise InputError(msg)
        return types

    def _bounds(self) -> tuple[float, float, float, float] | None:
        if self.bounds is None:
            return None
        west, south, east, north = map(float, self.bounds)
        return west, south, east, north

    def _input_crs(self, columns: ColumnMapping) -> str:
        if self.input_crs is not None:
            return self.input_crs
        return _WGS84 if columns.lat is not None else self.crs

    def _check_lists(self) -> None:
        """Refuse separators, lists and time formats of the wrong form; a single word is not a list."""
        if self.separator != AUTO and len(self.separator) != 1:
            msg = f'data.separator={self.separator!r} must be one character or auto; write a tabulator as "\\t".'
            raise InputError(msg)
        lists = {name: getattr(self, name) for name in ("time_formats", "record_columns")}
        lists |= {f"filters.{column}": values for column, values in (self.filters or {}).items()}
        for name, values in lists.items():
            if isinstance(values, str) or not isinstance(values, Sequence):
                msg = f"data.{name}={values!r} must be a list; write it [{values}]."
                raise InputError(msg)
        for time_format in self.time_formats:
            if time_format not in (ISO, *EPOCHS) and "%" not in time_format:
                words = ", ".join((ISO, *EPOCHS))
                msg = f"data.time_formats={time_format!r} is not a format; write it as '%m/%d/%Y %H:%M', or {words}."
                raise InputError(msg)

    def _check_crs(self, columns: ColumnMapping) -> None:
        if self.crs != AUTO:
            unit = settings.crs("data.crs", self.crs).axis_info[0].unit_name
            if unit != "metre":
                msg = f"data.crs={self.crs} has the unit {unit}; set auto or a projected CRS in metres."
                raise InputError(msg)
        input_crs = self._input_crs(columns)
        if input_crs == AUTO:
            msg = "data.input_crs is missing: x and y need a CRS; set the CRS that the publisher states."
            raise InputError(msg)
        if columns.lat is not None and not settings.crs("data.input_crs", input_crs).is_geographic:
            msg = f"data.input_crs={input_crs} is projected; set data.columns.x and y instead of lat and lon."
            raise InputError(msg)

    def _check_numbers(self) -> None:
        start, end = settings.moment("data.start", self.start), settings.moment("data.end", self.end)
        if start is not None and end is not None and start >= end:
            msg = f"data.start={self.start} must lie before data.end={self.end}; exchange or widen them."
            raise InputError(msg)
        if not 0 <= self.max_rejected_share <= 1:
            msg = f"data.max_rejected_share={self.max_rejected_share} must lie between 0 and 1, such as 0.05."
            raise InputError(msg)
        sides = self.bounds
        if sides is not None and not (len(sides) == _SIDES and sides[0] < sides[2] and sides[1] < sides[3]):
            msg = f"data.bounds={list(sides)} must be west, south, east, north with west < east and south < north."
            raise InputError(msg)
