"""Parse published dates and times to wall-clock times of one time zone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from ilp_models.data.schema import ColumnMapping
from ilp_models.data.time_formats import EPOCHS, read_epoch

ISO: Final = "ISO8601"

# A colon must precede the offset; otherwise the year of 02-03-2021 would match.
_OFFSET: Final = r"(:[0-9.]+) ?(Z|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})$"
_TIME_OF_DAY: Final = r"^([01]?[0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9](\.[0-9]+)?)?$"
_HOURS: Final = 24
_PIECE: Final = 1 << 17  # rows
_MICROSECONDS: Final = "datetime64[us]"


@dataclass(frozen=True)
class TimestampParser:
    """Parses the time columns of the files."""

    time_zone: str  # IANA name, of the result
    input_time_zone: str | None  # of times without an offset; None for time_zone
    formats: tuple[str, ...]  # strptime formats, tried in order; or ISO8601, epoch_s, epoch_ms

    def occurred(self, table: pd.DataFrame, columns: ColumnMapping) -> pd.Series:
        """Return the time at which each incident occurred, missing where it cannot be read."""
        if columns.occurred_at is not None:
            return self.parse(table[columns.occurred_at])
        if columns.occurred_month is not None:
            month = self._parse_local(table[columns.occurred_month])
            times: pd.Series = month.dt.normalize() - pd.to_timedelta(month.dt.day - 1, unit="D")
            return times
        day: pd.Series = self._parse_local(table[str(columns.occurred_date)]).dt.normalize()
        if columns.occurred_hour is not None:
            day = day + _hours(table[columns.occurred_hour])
        if columns.occurred_time is not None:
            day = day + _times_of_day(table[columns.occurred_time])
        return day

    def until(self, table: pd.DataFrame, columns: ColumnMapping) -> pd.Series | None:
        """Return the latest time at which each incident may have happened, or None if no column is declared."""
        if columns.occurred_until is not None:
            return self.parse(table[columns.occurred_until])
        if columns.occurred_until_date is None:
            return None
        day: pd.Series = self._parse_local(table[columns.occurred_until_date]).dt.normalize()
        if columns.occurred_until_time is None:
            return day + pd.Timedelta(days=1)
        return day + _times_of_day(table[columns.occurred_until_time])

    def reported(self, table: pd.DataFrame, columns: ColumnMapping) -> pd.Series | None:
        """Return the time at which each incident was reported, or None if no report column is declared."""
        if columns.reported_at is not None:
            return self.parse(table[columns.reported_at])
        if columns.reported_date is not None:
            times: pd.Series = self._parse_local(table[columns.reported_date]).dt.normalize() + pd.Timedelta(days=1)
            return times
        return None

    def parse(self, values: pd.Series) -> pd.Series:
        """Return times converted to the time zone: from their own offset, or from the input time zone."""
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            return self._convert(values)
        if pd.api.types.is_datetime64_dtype(values.dtype):
            return self._from_input_zone(values.astype(_MICROSECONDS))
        return _in_pieces(values, lambda piece: _parse_first_match(piece, self.formats, self._read))

    def _parse_local(self, values: pd.Series) -> pd.Series:
        """Return dates and times as written in the file; a time zone offset is ignored."""
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            times: pd.Series = values.dt.tz_localize(None).astype(_MICROSECONDS)
            return times
        if pd.api.types.is_datetime64_dtype(values.dtype):
            return values.astype(_MICROSECONDS)
        return _in_pieces(values, self._parse_written)

    def _parse_written(self, values: pd.Series) -> pd.Series:
        bare = values.astype("str").str.strip().str.replace(_OFFSET, r"\1", regex=True)
        formats = [time_format.removesuffix("%z") for time_format in self.formats]
        return _parse_first_match(bare, formats, self._read_local)

    def _read_local(self, text: pd.Series, time_format: str) -> pd.Series:
        return self._read(text, time_format) if time_format in EPOCHS else _parse(text, time_format)

    def _read(self, text: pd.Series, time_format: str) -> pd.Series:
        if time_format in EPOCHS:
            return self._convert(read_epoch(text, time_format))
        if "%z" in time_format:
            return self._convert(pd.to_datetime(text, format=time_format, errors="coerce", utc=True))
        if time_format != ISO:
            return self._from_input_zone(_parse(text, time_format))
        zoned = text.str.contains(_OFFSET.replace("(", "(?:"), regex=True).to_numpy(dtype=bool)
        converted = self._convert(pd.to_datetime(text[zoned], format=ISO, errors="coerce", utc=True))
        times: pd.Series = pd.concat([converted, self._from_input_zone(_parse(text[~zoned], ISO))]).reindex(text.index)
        return times

    def _from_input_zone(self, times: pd.Series) -> pd.Series:
        if self.input_time_zone is None or self.input_time_zone == self.time_zone:
            return times
        return self._convert(times.dt.tz_localize(self.input_time_zone, ambiguous="NaT", nonexistent="NaT"))

    def _convert(self, times: pd.Series) -> pd.Series:
        converted: pd.Series = times.dt.tz_convert(self.time_zone).dt.tz_localize(None).astype(_MICROSECONDS)
        return converted


def _in_pieces(values: pd.Series, parse: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Return the parsed values. Parsing needs many times the memory of its result, so it takes one piece at a time."""
    starts = range(0, max(len(values), 1), _PIECE)
    times: pd.Series = pd.concat([parse(values.iloc[start : start + _PIECE]) for start in starts])
    return times


def _parse_first_match(
    values: pd.Series, formats: Sequence[str], read: Callable[[pd.Series, str], pd.Series]
) -> pd.Series:
    """Return each value parsed by the first format that matches it, NaT where none does."""
    text = values.astype("str").str.strip()
    result = pd.Series(pd.NaT, index=values.index, dtype=_MICROSECONDS)
    for time_format in formats:
        unread = (result.isna() & text.notna()).to_numpy(dtype=bool)
        if unread.any():
            result.loc[unread] = read(text[unread], time_format)
    return result


def _parse(text: pd.Series, time_format: str) -> pd.Series:
    return pd.to_datetime(text, format=time_format, errors="coerce").astype(_MICROSECONDS)


def _hours(values: pd.Series) -> pd.Series:
    hour = pd.to_numeric(values, errors="coerce").astype("float64")
    valid = hour.where((hour >= 0) & (hour < _HOURS) & (hour % 1 == 0))
    return pd.to_timedelta(valid, unit="h").astype("timedelta64[us]")


def _times_of_day(values: pd.Series) -> pd.Series:
    text = values.astype("str").str.strip()
    without_colon = text.str.fullmatch(r"[0-9]{1,4}", na=False)
    padded = text.str.zfill(4)
    text = text.where(~without_colon, padded.str.slice(0, 2) + ":" + padded.str.slice(2, 4))
    text = text.where(text.str.match(_TIME_OF_DAY, na=False))
    text = text.where(text.str.count(":") != 1, text + ":00")
    return pd.to_timedelta(text, errors="coerce").astype("timedelta64[us]")
