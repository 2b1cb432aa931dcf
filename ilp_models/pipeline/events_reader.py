"""Read incident records from files, or those that the package bundles."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.domain.events import Events

TORONTO: Final[Mapping[str, Any]] = {
    "path": "bundled:toronto_mci_2014_2021.parquet",
    "source": "Toronto Police Service, Major Crime Indicators 2014-2021",
    "attribution": "Contains information licensed under the Open Government Licence - Ontario.",
    "city": "Toronto",
    "country": "CA",
    "subdivision": "ON",
    "columns": {
        "occurred_at": "occurred_at",
        "crime_type": "crime_type",
        "lat": "lat",
        "lon": "lon",
        "area": "neighbourhood",
    },
    "record_columns": ["premises"],
    "time_zone": "America/Toronto",
    "crs": "EPSG:32617",
    "bounds": [-79.7, 43.5, -79.0, 43.9],
    "crime_types": {name: name for name in ("Assault", "Auto Theft", "Break and Enter", "Robbery", "Theft Over")},
    "start": "2014-01-01",
    "end": "2022-01-01",
    "as_of": "end",
}


def read_events(
    path: str | Path | Sequence[str],
    *,
    columns: Mapping[str, str | None],
    time_zone: str,
    crs: str = "auto",
    **settings: Any,
) -> Events:
    """Read incident records from CSV, TSV or Parquet files, check them, and return the events.

    Columns that are not named are never read, and a column that looks like personal data is refused.

    Parameters
    ----------
    path : str, Path or sequence of str
        A file, a folder, a glob pattern, or a list of these.
    columns : mapping of str to str
        Your column names by role: ``crime_type``; ``occurred_at`` (or ``occurred_date`` with ``occurred_time``);
        ``lat`` and ``lon``, or ``x`` and ``y``; optionally ``reported_at`` and ``area``.
    time_zone : str
        IANA name of the zone of the records, such as ``"Europe/London"``.
    crs : str, default "auto"
        Projected coordinate reference system of the result, in metres; also that of ``x`` and ``y`` unless
        ``input_crs`` names another. By default the UTM zone of the records.
    **settings
        Any other setting of :class:`~ilp_models.data.delimited.DelimitedFiles`, such as ``time_formats``,
        ``crime_types``, ``start``, ``end``, ``reporting_delay`` or ``country``.

    Returns
    -------
    Events
        With ``events.intake``, the report of what was read, flagged and set aside.

    Raises
    ------
    InputError
        If a file or column is missing, or a setting cannot be used.
    IntakeError
        If too many records had to be set aside.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> path = folder / "crimes.csv"
    >>> table = ilp.load_toronto("2021-01-01", "2021-02-01").table
    >>> table.rename(columns={"occurred_at": "Date", "crime_type": "Offence"}).to_csv(path, index=False)
    >>> columns = {"occurred_at": "Date", "crime_type": "Offence", "x": "x", "y": "y"}
    >>> events = ilp.read_events(path, columns=columns, crs="EPSG:32617", time_zone="America/Toronto")
    >>> len(events), events.intake.rows_read
    (2178, 2178)
    """
    where = str(path) if isinstance(path, str | Path) else [str(one) for one in path]
    return DelimitedFiles(where, columns, time_zone, crs=crs, **settings).read()


def load_toronto(start: str = "2014-01-01", end: str = "2022-01-01") -> Events:
    """Return the bundled Major Crime Indicators of Toronto, 239,935 offences of five types.

    Contains information licensed under the Open Government Licence - Ontario.

    Parameters
    ----------
    start, end : str
        First day covered, and first day no longer covered, within 2014 to 2021.

    Returns
    -------
    Events
        In EPSG:32617, with neighbourhoods as areas.

    Examples
    --------
    >>> events = load_toronto("2021-01-01", "2021-02-01")
    >>> len(events), events.crime_types[0]
    (2178, 'Assault')
    """
    return DelimitedFiles(**{**TORONTO, "start": start, "end": end}).read()
