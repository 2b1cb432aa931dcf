"""Suggest which columns hold the time of occurrence and of the report, and their formats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from ilp_models.data.suggestions.names import name_score
from ilp_models.data.time_formats import EPOCHS, fitting_formats
from ilp_models.data.timestamps import ISO, TimestampParser
from ilp_models.domain.suggestion import Suggestion

_READABLE: Final = 0.8  # share of the values that formats must read
_TRIED: Final = 20_000
_MAX_FORMATS: Final = 3
_MIDNIGHTS: Final = 0.98
_IN_ORDER: Final = 0.95
_TIME_OF_DAY: Final = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?|([01]?[0-9]|2[0-3])[0-5][0-9]|[0-9]"
_HOUR: Final = r"([01]?[0-9]|2[0-3])(\.0)?"
_MONTH: Final = r"\d{4}-\d{2}"
_MONTH_FORMAT: Final = "%Y-%m"


@dataclass(frozen=True, eq=False)
class DateColumn:
    """A column of dates: the formats that read it, and its values by the first way to read it."""

    name: str
    readings: tuple[tuple[str, ...], ...]  # one list of formats, or two where day and month could be exchanged
    times: pd.Series
    monthly: bool = False

    @property
    def has_clock(self) -> bool:
        """Whether the times are more than midnights."""
        known = self.times.dropna()
        return not self.monthly and bool((known == known.dt.normalize()).mean() < _MIDNIGHTS)

    @property
    def holds_midnights_in_utc(self) -> bool:
        """Whether the times are midnights west of Greenwich in UTC: one or two hours of the morning."""
        known = self.times.dropna()
        clock = known - known.dt.normalize()
        return bool(clock.nunique() <= 2 and clock.max() <= pd.Timedelta(hours=12))


def find_dates(table: pd.DataFrame, formats: Sequence[str] = ()) -> list[DateColumn]:
    """Return the columns of dates; given formats replace the search."""
    found = (_date_column(name, table[name], formats) for name in table.columns)
    return [one for one in found if one is not None]


def suggest_times(table: pd.DataFrame, dates: Sequence[DateColumn]) -> list[Suggestion]:
    """Return the columns of occurrence and report; empty if there is no column of dates."""
    ranked = sorted(dates, key=lambda one: -name_score("occurred", one.name))
    if not ranked:
        return []
    best = ranked[0]
    score = name_score("occurred", best.name)
    rivals = [one.name for one in ranked[1:] if name_score("occurred", one.name) > 0]
    sure = score >= 3 and (len(ranked) == 1 or score - name_score("occurred", ranked[1].name) >= 2)
    why = f"{len(dates)} columns hold dates, and this name fits an occurrence best"
    if len(dates) == 1:
        why, sure = "the only column with dates", True
    confidence = "certain" if len(dates) == 1 else "likely" if sure else "check"
    role, more = "occurred_at", []
    if best.monthly:
        role, why = "occurred_month", f"{why}; it holds months only"
    elif not best.has_clock or best.holds_midnights_in_utc:
        role = "occurred_date"
        more = _clock(table, {one.name for one in dates})
        why += "; its values are days" if more else "; its values are days, and no column has a time of day"
    suggestions = [Suggestion(f"columns.{role}", best.name, confidence, why, tuple(rivals)), *more]
    return [*suggestions, *_reported(best, ranked[1:])]


def suggest_formats(used: Sequence[DateColumn]) -> Suggestion | None:
    """Return the formats of the columns that are used; an open question where day and month could be exchanged."""
    settled = [one.readings[0] for one in used if len(one.readings) == 1]
    open_ones = [one for one in used if len(one.readings) > 1]
    formats = tuple(dict.fromkeys(name for reading in settled for name in reading))
    for one in open_ones:
        known = [reading for reading in one.readings if set(reading) & set(formats)]
        if len(known) == 1:
            reason = f"{one.name!r} has no day after the 12th; another column of the file has this order"
            return Suggestion("time_formats", list(dict.fromkeys((*formats, *known[0]))), "check", reason)
        choices = tuple(str(list(reading)) for reading in one.readings)
        examples = "the same text is another day in each"
        reason = f"day first or month first? No value of {one.name!r} decides it: {examples}. Ask the publisher"
        return Suggestion("time_formats", None, "open", reason, choices)
    if not formats:
        return None  # typed dates need no format
    reason = "the only usual format that reads the dates" if len(formats) == 1 else "each reads a part of the dates"
    with_order = [one for one in formats if "%d" in one and "%m" in one and not one.startswith("%Y")]
    if with_order:
        first = "day" if with_order[0].index("%d") < with_order[0].index("%m") else "month"
        reason += f"; the {first} is first, as days after the 12th show"
    return Suggestion("time_formats", list(formats), "certain" if len(formats) == 1 else "check", reason)


def _date_column(name: str, values: pd.Series, given: Sequence[str]) -> DateColumn | None:
    present = values.dropna()
    if present.empty or pd.api.types.is_bool_dtype(values.dtype):
        return None
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return DateColumn(name, ((),), _wall_clock(values, ()))
    text = present.astype("str").str.strip()
    distinct = text.drop_duplicates()
    if len(distinct) > _TRIED:
        distinct = distinct.sample(_TRIED, random_state=0)
    if distinct.str.fullmatch(_MONTH).mean() >= _READABLE:
        return DateColumn(name, ((_MONTH_FORMAT,),), _wall_clock(values, (_MONTH_FORMAT,)), monthly=True)
    readings = (tuple(given),) if given else tuple(_readings(distinct))
    if not readings or not all(map(_has_day, readings)) or _share(distinct, readings[0]) < _READABLE:
        return None
    return DateColumn(name, readings, _wall_clock(values, readings[0]))


def _readings(distinct: pd.Series) -> list[tuple[str, ...]]:
    """Return the lists of formats that read the values: ISO 8601, or the usual formats in turn."""
    if distinct.str.contains(r"^\d{4}-\d{2}-\d{2}").mean() > 0.5 and _share(distinct, (ISO,)) >= _READABLE:
        rest = distinct[_wall_clock(distinct, (ISO,)).isna()]
        return [(ISO, *_formats(rest, _MAX_FORMATS - 1))]
    first = _fitting(distinct)
    if len(first) == 2 and not any(name in EPOCHS for name in first):
        return [(one,) for one in sorted(first, key=lambda name: name.index("%d"))]
    return [_formats(distinct, _MAX_FORMATS)] if first else []


def _formats(values: pd.Series, most: int) -> tuple[str, ...]:
    """Return the formats that read the values in turn; one of two that fit equally well is left out."""
    found: list[str] = []
    while len(values) and len(found) < most:
        fitting = _fitting(values)
        if len(fitting) != 1:
            break
        found.append(fitting[0])
        values = values[_wall_clock(values, (fitting[0],)).isna()]
    return tuple(found)


def _fitting(values: pd.Series) -> list[str]:
    """Return the usual formats of a day that read the values best; a year or a month alone is no day."""
    return [one for one in fitting_formats(values) if _has_day((one,))]


def _has_day(formats: tuple[str, ...]) -> bool:
    return bool(formats) and all("%d" in one or one in (ISO, *EPOCHS) for one in formats)


def _share(values: pd.Series, formats: Iterable[str]) -> float:
    return float(_wall_clock(values, tuple(formats)).notna().mean())


def _wall_clock(values: pd.Series, formats: tuple[str, ...]) -> pd.Series:
    return TimestampParser("UTC", None, formats).parse(values)


def _clock(table: pd.DataFrame, dates: set[str]) -> list[Suggestion]:
    """Return the column with the time of day of an occurrence, or none."""
    scored = {name: name_score("occurred", name) for name in table.columns if name not in dates}
    for name in sorted(scored, key=lambda one: -scored[one]):
        text = table[name].dropna().astype("str").str.strip().drop_duplicates().head(_TRIED)
        if scored[name] <= 0 or text.empty:
            continue
        if text.str.fullmatch(_HOUR).mean() >= _READABLE and len(text) <= 24:
            return [Suggestion("columns.occurred_hour", name, "likely", "hours from 0 to 23, in addition to the date")]
        if text.str.fullmatch(_TIME_OF_DAY).mean() >= _READABLE and len(text) > 1:
            return [Suggestion("columns.occurred_time", name, "likely", "times of day, in addition to the date")]
    return []


def _reported(occurred: DateColumn, others: Sequence[DateColumn]) -> list[Suggestion]:
    """Return the column of the report: by its name, and never earlier than the occurrence."""
    for one in sorted(others, key=lambda other: -name_score("reported", other.name)):
        both = pd.concat([occurred.times, one.times], axis=1).dropna()
        days = both.apply(lambda column: column.dt.normalize())
        if name_score("reported", one.name) < 3 or one.monthly or len(both) == 0:
            continue
        share = float((days.iloc[:, 0] <= days.iloc[:, 1]).mean())
        if share >= _IN_ORDER:
            role = "reported_at" if one.has_clock else "reported_date"
            reason = f"the name fits a report, and {share:.0%} of the values are not before the occurrence"
            return [Suggestion(f"columns.{role}", one.name, "likely", reason)]
    return []
