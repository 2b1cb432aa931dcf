"""Suggest the settings of records: columns, formats, CRS, time zone and crime types."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from ilp_models.data.schema import ColumnMapping
from ilp_models.data.suggestions.labels import (
    LabelSuggestion,
    suggest_areas,
    suggest_crime_type,
    suggest_record_columns,
    suggest_types,
)
from ilp_models.data.suggestions.places import Points, find_points, suggest_crs, suggest_time_zone, to_degrees
from ilp_models.data.suggestions.preview import Preview
from ilp_models.data.suggestions.times import DateColumn, find_dates, suggest_formats, suggest_times
from ilp_models.domain.suggestion import SuggestedSettings, Suggestion

_GIVEN: Final = "given in the command"
_OLD: Final = pd.Timedelta(weeks=11)
_TIMES: Final = ("columns.occurred_at", "columns.occurred_date", "columns.occurred_month")
_ROLES: Final = (
    *("crime_type", "occurred_at", "occurred_date", "occurred_hour", "occurred_time", "occurred_month"),
    *("reported_at", "reported_date", "lat", "lon", "x", "y", "area"),
)


def suggest_settings(
    preview: Preview,
    path: str | Sequence[str],
    given: Mapping[str, Any],
    kind: Callable[[str], str],
    near: tuple[float, float] | None = None,
) -> SuggestedSettings:
    """Return the settings of the records; what is given is kept, and ``kind`` names police activity in a label."""
    table, columns = preview.table, dict(given.get("columns") or {})
    ColumnMapping.check_roles(columns)
    dates = find_dates(table, given.get("time_formats") or ())
    roles = list(_columns(table, dates, columns))
    if given.get("crime_type") is not None:  # of every record: no column is needed
        roles = [one for one in roles if one.setting != "columns.crime_type"]
    points = _points(table, columns) or find_points(table)
    if points is not None and not {"lat", "lon", "x", "y"} & set(columns):
        roles += points.suggestions
    elif points is None:
        reason = "no two columns have names and values of coordinates; export latitude and longitude"
        roles.append(Suggestion("columns.lat", None, "open", reason))
    taken = [str(one.value) for one in roles]
    named = [*_given_columns(columns), *roles]
    area = [] if "area" in columns else suggest_areas(table, [*taken, *columns.values()])[:1]
    named += area
    taken = [str(one.value) for one in named]
    used = [one for one in dates if one.name in taken]
    settings = [
        *sorted(named, key=lambda one: _ROLES.index(one.setting.removeprefix("columns."))),
        *([] if "record_columns" in given else suggest_record_columns(table, taken)),
        *_format(used, given),
        *_place(points, given, near),
        *_old_records(used, given),
    ]
    labels = _labels(table, named, used, kind, given)
    rest = {key: value for key, value in given.items() if key != "columns" and key != "crime_types"}
    made = [
        Suggestion("path", path if isinstance(path, str) else list(path), "certain", _GIVEN),
        *(one for one in settings if one.setting not in rest),
        *(Suggestion(key, value, "certain", _GIVEN) for key, value in rest.items()),
        *labels.suggestions,
    ]
    return SuggestedSettings(
        path=str(path),
        rows=len(table),
        suggestions=tuple(made),
        label_counts=labels.counts,
        person_columns=preview.person_columns,
        columns_left=tuple(name for name in preview.header if name not in taken),
    )


def _columns(table: pd.DataFrame, dates: Sequence[DateColumn], given: Mapping[str, str]) -> Iterator[Suggestion]:
    """Yield the columns of times and crime types that are not given."""
    taken = list(given.values())
    if not any(role.startswith("occurred_") for role in given):
        free = [one for one in dates if one.name not in taken]
        times = suggest_times(table, free)
        taken += [str(one.value) for one in times]
        yield from (
            one for one in times if not ({"reported_at", "reported_date"} & set(given) and "report" in one.setting)
        )
        if not times:
            reason = "no column holds dates that a usual format reads; give columns.occurred_at and time_formats"
            yield Suggestion("columns.occurred_at", None, "open", reason)
    if "crime_type" not in given:
        yield suggest_crime_type(table, [*taken, *(one.name for one in dates)])


def _given_columns(columns: Mapping[str, str]) -> list[Suggestion]:
    return [Suggestion(f"columns.{role}", name, "certain", _GIVEN) for role, name in columns.items()]


def _points(table: pd.DataFrame, columns: Mapping[str, str]) -> Points | None:
    """Return the given columns of coordinates, or None."""
    pair = ("lon", "lat") if "lat" in columns else ("x", "y")
    names = [columns.get(role) for role in pair]
    if None in names or not set(names) <= set(table.columns):
        return None
    return find_points(table[names].set_axis(list(pair), axis=1))


def _format(used: Sequence[DateColumn], given: Mapping[str, Any]) -> list[Suggestion]:
    found = None if given.get("time_formats") else suggest_formats(used)
    return [] if found is None else [found]


def _place(points: Points | None, given: Mapping[str, Any], near: tuple[float, float] | None) -> Iterator[Suggestion]:
    """Yield decimal mark, CRS, time zone and country."""
    zone = given.get("time_zone")
    crs = given.get("input_crs")
    if points is not None:
        if points.decimal == ",":
            yield Suggestion("decimal", ",", "certain", "the coordinates are text with a decimal comma")
        found = None if crs else suggest_crs(points, zone, near)
        if found is not None:
            crs = found.value
            yield found
        lon, lat = to_degrees(points, crs)
        if len(lon):
            yield from suggest_time_zone(lon, lat)
            return
    reason = "it follows from the place, which is not known yet; set an IANA name such as Europe/London"
    yield Suggestion("time_zone", None, "open", reason)


def _old_records(used: Sequence[DateColumn], given: Mapping[str, Any]) -> Iterator[Suggestion]:
    now = pd.Timestamp.now()
    past = max((one.times[one.times <= now].max() for one in used if (one.times <= now).any()), default=None)
    if past is not None and "as_of" not in given and now - past > _OLD:
        reason = f"the records end on {past:%Y-%m-%d}; forecasts of old records are for research only"
        yield Suggestion("as_of", "end", "certain", reason)


def _labels(
    table: pd.DataFrame,
    named: Sequence[Suggestion],
    used: Sequence[DateColumn],
    kind: Callable[[str], str],
    given: Mapping[str, Any],
) -> LabelSuggestion:
    column = next((one.value for one in named if one.setting == "columns.crime_type"), None)
    if column not in table.columns and "crime_types" not in given:
        return LabelSuggestion((), {})
    times = next(
        (one.times.dropna() for one in used if any(one.name == s.value for s in named if s.setting in _TIMES)), None
    )
    days = 365.0 if times is None or times.empty else (times.max() - times.min()) / pd.Timedelta(days=1)
    labels = table[column] if column in table.columns else pd.Series([], dtype="str")
    return suggest_types(labels, float(days), kind, given.get("crime_types"))
