"""Incidents: what was recorded, where and when it happened, and when it became known."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, Self

import numpy as np
import pandas as pd
from pyproj import CRS
from pyproj.exceptions import CRSError

from ilp_models.domain.errors import InputError
from ilp_models.domain.intake import IntakeReport

REQUIRED: Final = ("occurred_at", "reported_at", "crime_type", "x", "y")
OPTIONAL: Final = ("area",)

_AT_ONCE: Final = pd.Timedelta(0)


@dataclass(frozen=True, eq=False)
class Events:
    """Incidents of a study area over a stated span of time.

    No person column can exist: the table holds the columns below and no others.

    Parameters
    ----------
    table : DataFrame
        ``occurred_at`` and ``reported_at`` (datetime64, wall clock of ``time_zone``, no zone attached),
        ``crime_type`` (categorical), ``x`` and ``y`` (float64, metres in ``crs``), and optionally
        ``area`` (categorical: the publisher's own area label).
    crs : str
        A projected coordinate reference system with metres as its unit, such as ``EPSG:32617``.
    time_zone : str
        IANA name of the zone whose wall clock the times show.
    start, end : Timestamp
        The half-open span [start, end) of ``occurred_at`` that the records cover.
    settles_after : Timedelta, default 0
        How long after a period has ended its counts may be read as complete.
    declared : tuple of str, optional
        Crime types that were asked for by name: they stand whether or not anything of theirs was recorded yet.
    country, subdivision : str, optional
        ISO 3166 codes of the country and state whose public holidays count, such as ``CA`` and ``ON``.
    city : str, optional
        Name of the study area.
    intake : IntakeReport, optional
        Report of how the records were read.

    Raises
    ------
    InputError
        If a column is missing, unknown or of the wrong type, a value is missing, a report precedes its
        incident, or the CRS is not projected in metres.
    """

    table: pd.DataFrame
    crs: str
    time_zone: str
    start: pd.Timestamp
    end: pd.Timestamp
    settles_after: pd.Timedelta = _AT_ONCE
    declared: tuple[str, ...] = ()
    country: str | None = None
    subdivision: str | None = None
    city: str = ""
    intake: IntakeReport | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse anything but the declared columns, complete and in order of knowing."""
        columns = list(self.table.columns)
        missing = [name for name in REQUIRED if name not in columns]
        unknown = [name for name in columns if name not in REQUIRED + OPTIONAL]
        if missing or unknown:
            msg = f"Events take the columns {REQUIRED + OPTIONAL} only; missing {missing}, not allowed {unknown}."
            raise InputError(msg)
        if self.table[list(REQUIRED)].isna().any(axis=None):
            msg = "Events need every time, place and crime_type; set incomplete records aside at intake."
            raise InputError(msg)
        _refuse_types(self.table)
        if (self.table["reported_at"] < self.table["occurred_at"]).any():
            msg = "Some events are reported before they occurred; set reported_at to occurred_at for these."
            raise InputError(msg)
        _refuse_crs(self.crs)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.table)

    @property
    def crime_types(self) -> tuple[str, ...]:
        """All crime types, those without an event included."""
        return tuple(str(name) for name in self.table["crime_type"].cat.categories)

    def known_at(self, cutoff: pd.Timestamp) -> Self:
        """Return the events that had been reported before a cutoff.

        Parameters
        ----------
        cutoff : Timestamp
            A wall-clock moment; events reported at or after it are unknown.

        Returns
        -------
        Events
            The known events; ``end`` is moved back to the cutoff where it lay after it.
        """
        known = self.table.loc[self.table["reported_at"] < cutoff]
        return replace(self, table=known, end=min(self.end, cutoff))

    def types_at(self, cutoff: pd.Timestamp) -> tuple[str, ...]:
        """Return the crime types that could be forecast at a cutoff.

        Parameters
        ----------
        cutoff : Timestamp
            A wall-clock moment; events reported at or after it are unknown.

        Returns
        -------
        tuple of str
            In the order of ``crime_types``: those declared, and those with an event known by then.
        """
        seen = {*self.declared, *self.known_at(cutoff).table["crime_type"].unique()}
        return tuple(name for name in self.crime_types if name in seen)

    def of_types(self, crime_types: Sequence[str]) -> Self:
        """Return the events of some crime types.

        Parameters
        ----------
        crime_types : sequence of str
            Names among the crime types, in the order wanted.

        Returns
        -------
        Events
            Of the same span; types without events keep their name.

        Raises
        ------
        InputError
            If a name is not among the crime types.
        """
        unknown = sorted(set(crime_types) - set(self.crime_types))
        if unknown:
            msg = f"There is no crime type {unknown[0]!r}; the events hold {', '.join(self.crime_types)}."
            raise InputError(msg)
        kept = self.table.loc[self.table["crime_type"].isin(list(crime_types))]
        types = kept["crime_type"].cat.set_categories(list(crime_types))
        return replace(self, table=kept.assign(crime_type=types))

    def digest(self) -> str:
        """Return a SHA-256 of the content, the same for the same events in the same order.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        known = hashlib.sha256(f"{self.crs}|{self.time_zone}|{self.start}|{self.end}|{self.settles_after}".encode())
        for name in sorted(self.table.columns):
            column = self.table[name]
            if isinstance(column.dtype, pd.CategoricalDtype):
                known.update("|".join(map(str, column.cat.categories)).encode())
                column = column.cat.codes
            elif name.endswith("_at"):
                column = column.astype("datetime64[us]").astype("int64")
            known.update(np.ascontiguousarray(column.to_numpy()).tobytes())
        return known.hexdigest()


class EventSource(Protocol):
    """Where events come from. Building a source is cheap; only `read` opens files."""

    def read(self) -> Events:
        """Return the events; `Events.intake` reports how the records were read."""
        ...


def _refuse_types(table: pd.DataFrame) -> None:
    """Refuse columns of another type than declared: times with a zone, labels as loose text, endless coordinates."""
    for name in ("occurred_at", "reported_at"):
        if not pd.api.types.is_datetime64_dtype(table[name]):
            msg = f"Events need {name} as wall-clock times without a zone, not {table[name].dtype}."
            raise InputError(msg)
    for name in ("crime_type", *(name for name in OPTIONAL if name in table)):
        if not isinstance(table[name].dtype, pd.CategoricalDtype):
            msg = f"Events need {name} as a categorical column, so that a label without events keeps its name."
            raise InputError(msg)
    for name in ("x", "y"):
        if table[name].dtype != np.float64 or not np.isfinite(table[name]).all():
            msg = f"Events need {name} as finite float64 metres; set bad places aside at intake."
            raise InputError(msg)


def _refuse_crs(crs: str) -> None:
    """Refuse a CRS that is unknown or whose unit is not the metre on a plane."""
    try:
        known = CRS.from_user_input(crs)
    except CRSError as error:
        msg = f"{crs} names no coordinate reference system; use a UTM zone such as EPSG:32617."
        raise InputError(msg) from error
    unit = known.axis_info[0].unit_name
    if not known.is_projected or unit != "metre":
        msg = f"Events need a projected CRS in metres; {crs} counts in {unit}. Use a UTM zone."
        raise InputError(msg)
