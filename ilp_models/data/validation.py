"""Check the settings of an event source before its files are opened."""

import codecs
from collections.abc import Sequence
from zoneinfo import available_timezones

import pandas as pd
from pyproj import CRS
from pyproj.exceptions import CRSError

from ilp_models.data.schema import closest
from ilp_models.domain.errors import InputError


def one_of(setting: str, value: str, choices: Sequence[str]) -> None:
    """Raise unless a value is one of the choices."""
    if value not in choices:
        msg = f"{setting}={value!r} is unknown{closest(str(value), choices)}; choose one of {', '.join(choices)}."
        raise InputError(msg)


def time_zone(setting: str, value: str | None) -> None:
    """Raise unless a name is an IANA time zone or None."""
    if value is not None and value not in available_timezones():
        hint = closest(str(value), available_timezones())
        msg = f"{setting}={value!r} is not a time zone{hint}; set an IANA name such as Europe/London."
        raise InputError(msg)


def crs(setting: str, value: str) -> CRS:
    """Return the coordinate reference system of a name such as ``EPSG:4326``."""
    try:
        return CRS.from_user_input(value)
    except CRSError as error:
        msg = f"{setting}={value!r} is not a coordinate reference system; set a code such as EPSG:4326 or EPSG:32617."
        raise InputError(msg) from error


def moment(setting: str, value: str | None) -> pd.Timestamp | None:
    """Return the local time of a setting, or None."""
    if value is None:
        return None
    try:
        found = pd.to_datetime(str(value), format="ISO8601")
    except ValueError as error:
        msg = f"{setting}={value!r} is not a date; write it as 2021-12-31."
        raise InputError(msg) from error
    if pd.isna(found) or found.tzinfo is not None:
        msg = f"{setting}={value!r} must be a local date or time without an offset; write it as 2021-12-31."
        raise InputError(msg)
    return found


def delay(setting: str, value: str) -> pd.Timedelta:
    """Return the duration of a setting such as ``14 days``."""
    try:
        found = pd.Timedelta(value)
    except ValueError as error:
        msg = f"{setting}={value!r} is not a duration; write it as '14 days'."
        raise InputError(msg) from error
    if not isinstance(value, str) or pd.isna(found) or found < pd.Timedelta(0):
        msg = f"{setting}={value!r} must be a duration with a unit, not negative; write it as '14 days'."
        raise InputError(msg)
    return found


def encoding(setting: str, value: str) -> None:
    """Raise unless Python knows the encoding, or it is ``auto``."""
    try:
        known = value == "auto" or codecs.lookup(value)._is_text_encoding
    except LookupError:
        known = False
    if not known:
        msg = f"{setting}={value!r} is not a text encoding; set auto, utf-8, cp1252, latin-1 or utf-16."
        raise InputError(msg)
