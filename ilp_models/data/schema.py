"""Column mapping: which column of a publisher's file holds the crime type, time, report time, place and area."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Final, Self

from ilp_models.data.personal_data import is_personal_value, looks_personal
from ilp_models.domain.errors import InputError

_TIMES: Final = ("occurred_at", "occurred_date", "occurred_month")
_TIMES_OF_DAY: Final = ("occurred_hour", "occurred_time")
_UNTIL: Final = ("occurred_until", "occurred_until_date")
UNTIL_ROLES: Final = (*_UNTIL, "occurred_until_time")
_REPORTS: Final = ("reported_at", "reported_date")


@dataclass(frozen=True)
class ColumnMapping:
    """The publisher's column names, by role.

    Parameters
    ----------
    crime_type : str
        The publisher's offence label.
    occurred_at : str, optional
        Date and time of the incident. Give this, or ``occurred_date``, or ``occurred_month``.
    occurred_date : str, optional
        Date of the incident. Only the date as written is used; a time or offset after it is ignored.
    occurred_hour : str, optional
        Hour of the day, 0 to 23, in addition to ``occurred_date``.
    occurred_time : str, optional
        Time of the day such as ``23:10``, ``23:10:00`` or ``2310``, in addition to ``occurred_date``.
    occurred_month : str, optional
        Month of the incident, if nothing finer is published. Events are dated to its first day.
    occurred_until : str, optional
        Latest date and time at which the incident may have happened, where ``occurred_at`` or ``occurred_date`` is the
        earliest: the return of the owner, for a burglary.
    occurred_until_date : str, optional
        Its date instead; without ``occurred_until_time`` the end of that day.
    occurred_until_time : str, optional
        Its time of the day, in addition to ``occurred_until_date``.
    reported_at : str, optional
        Date and time of the report to the police.
    reported_date : str, optional
        Date of the report; an event counts as known from the end of that day.
    lat, lon : str, optional
        Degrees. Give both, or ``x`` and ``y``.
    x, y : str, optional
        Coordinates in ``input_crs``.
    area : str, optional
        The publisher's area label.
    crime_type_detail : str, optional
        A second, finer label of the offence, such as its description. Only ``data.crime_scheme`` uses it.

    Raises
    ------
    InputError
        If a required column is missing, or two columns have the same role.
    """

    crime_type: str
    occurred_at: str | None = None
    occurred_date: str | None = None
    occurred_hour: str | None = None
    occurred_time: str | None = None
    occurred_month: str | None = None
    occurred_until: str | None = None
    occurred_until_date: str | None = None
    occurred_until_time: str | None = None
    reported_at: str | None = None
    reported_date: str | None = None
    lat: str | None = None
    lon: str | None = None
    x: str | None = None
    y: str | None = None
    area: str | None = None
    crime_type_detail: str | None = None

    def __post_init__(self) -> None:
        """Refuse a mapping without one time and one pair of coordinates."""
        if len(self._given(_TIMES)) != 1:
            msg = f"data.columns needs exactly one of {', '.join(_TIMES)}; given: {self._given(_TIMES) or 'none'}."
            raise InputError(msg)
        if self._given(_TIMES_OF_DAY) and (self.occurred_date is None or len(self._given(_TIMES_OF_DAY)) > 1):
            msg = "data.columns takes one of occurred_hour and occurred_time, and only together with occurred_date."
            raise InputError(msg)
        if len(self._given(_UNTIL)) > 1 or (self.occurred_until_time and self.occurred_until_date is None):
            msg = (
                "data.columns takes one of occurred_until and occurred_until_date, and occurred_until_time only with "
                "occurred_until_date; remove the others."
            )
            raise InputError(msg)
        if self._given(_UNTIL) and self.occurred_month is not None:
            msg = "data.columns.occurred_month has no span; remove occurred_until, or set occurred_at."
            raise InputError(msg)
        if len(self._given(_REPORTS)) > 1:
            msg = "data.columns has both reported_at and reported_date; remove one."
            raise InputError(msg)
        if self._given(("lat", "lon", "x", "y")) not in (["lat", "lon"], ["x", "y"]):
            msg = "data.columns needs lat and lon (degrees), or x and y (in data.input_crs); set both of one pair."
            raise InputError(msg)

    @classmethod
    def from_settings(cls, mapping: Mapping[str, str | None]) -> Self:
        """Return the column mapping of a settings mapping (role to column); unknown roles are refused."""
        cls.check_roles(mapping)
        given = {role: str(column) for role, column in mapping.items() if column is not None}
        if "crime_type" not in given:
            msg = "data.columns.crime_type is missing; set it to the column that holds the publisher's offence label."
            raise InputError(msg)
        return cls(**given)

    @classmethod
    def check_roles(cls, mapping: Iterable[str]) -> None:
        """Raise InputError for an unknown role."""
        roles = [field.name for field in fields(cls)]
        for role in mapping:
            if role not in roles:
                msg = f"data.columns.{role} is unknown{closest(role, roles)}; choose among {', '.join(roles)}."
                raise InputError(msg)

    @property
    def coordinates(self) -> tuple[str, str]:
        """The two roles that hold the coordinates: ``lon, lat`` or ``x, y``."""
        return ("x", "y") if self.lat is None else ("lon", "lat")

    @property
    def with_dates(self) -> tuple[str, ...]:
        """The columns with dates of occurrence and report."""
        return tuple(column for role, column in self.declared().items() if role in (*_TIMES, *_UNTIL, *_REPORTS))

    def declared(self) -> dict[str, str]:
        """Return the columns that are set, by role."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {role: column for role, column in named.items() if column is not None}

    def _given(self, roles: Iterable[str]) -> list[str]:
        return [role for role in roles if getattr(self, role) is not None]


def refuse_person_column(column: str, setting: str) -> None:
    """Raise if the name of a column suggests personal data."""
    if looks_personal(column):
        msg = (
            f"{setting}={column!r} looks like personal data and cannot be used: only places, times and crime types may "
            "be read. Set another column or remove it."
        )
        raise InputError(msg)


def refuse_person_values(values: object, setting: str) -> None:
    """Raise if a wanted value of a filter looks like a name, an address or an identifier of a person."""
    wanted = values if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    if any(is_personal_value(str(value)) for value in wanted):
        msg = f"{setting} selects records by what looks like personal data; filter by place, time or offence instead."
        raise InputError(msg)


def closest(word: str, known: Iterable[str]) -> str:
    """Return a hint with the known word closest to a misspelled one, or empty text."""
    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[found[0]]!r}?)" if found else ""
