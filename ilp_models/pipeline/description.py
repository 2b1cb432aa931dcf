"""Describe recorded crime, and write the description as page, workbook and CSV files."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

import ilp_models
from ilp_models.description.change import CLEAR, ChangeTable
from ilp_models.description.concentration import Concentration
from ilp_models.description.hot_spots import HotSpots
from ilp_models.description.hours import HourProfile
from ilp_models.description.near_repeats import NearRepeats
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.description import DescribedPart, Description, DescriptionData, DescriptionPart
from ilp_models.domain.digest import digest_of
from ilp_models.domain.disclaimers import NOT_A_FORECAST
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid, GridSpec
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.repeat_process import RepeatProcess
from ilp_models.domain.text_output import check_decimal, write_table
from ilp_models.export.workbook import is_too_long, write_tables
from ilp_models.model.point_processes.repeat_estimate import estimate_repeats
from ilp_models.pipeline.atomic_files import write_all_or_none
from ilp_models.pipeline.outputs import plain_rows, write_json
from ilp_models.pipeline.study import Study, open_study
from ilp_models.report.description_page import write_description_page

PAGE: Final = "description.html"
WORKBOOK: Final = "description.xlsx"
FACTS: Final = "description.json"
_AREA_SHEETS: Final = 40  # more sheets cannot be found in a spreadsheet; the joint table holds all areas


def describe_events(
    events: Events,
    grid: GridSpec,
    *,
    parts: Sequence[DescriptionPart] | None = None,
    area_level: str | Sequence[str] | None = None,
) -> Description:
    """Describe recorded crime: change, hours, near repeats, hot spots and concentration.

    Parameters
    ----------
    events : Events
        The records.
    grid : GridSpec
        How to divide the study area into cells, such as ``ilp.SquareGrid(500)``.
    parts : sequence of DescriptionPart, optional
        What to describe, such as ``[ilp.ChangeTable(), ilp.HourProfile()]``; by default every part.
    area_level : str or sequence of str, optional
        Areas of the tables: a level of the parent areas of the grid, or ``"area"`` for the area labels of the records.
        By default the first level; without parent areas, the area labels of the records. With several levels, the
        change table has all, and the other tables have the first.

    Returns
    -------
    Description
        ``.part("change").tables["change"]`` is a DataFrame. ``ilp.write_description`` writes page and tables.

    Raises
    ------
    InputError
        If a part cannot describe records, two parts have the same name, the grid has no such level of areas, or there
        are too few records for a part.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=60, size_km=3, districts=3).read()
    >>> parts = [ilp.ChangeTable(), ilp.Concentration()]
    >>> description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=parts)
    >>> [part.name for part in description.parts]
    ['change', 'concentration']
    """
    study = open_study(events, grid, calendar=Calendar("month"))  # the longest periods: any record has a description
    unit = "month" if study.resolution == "month" else "week"
    return describe_study(study, default_parts(Calendar(unit)) if parts is None else parts, area_level)


def default_parts(calendar: Calendar) -> list[DescriptionPart]:
    """Return every part with its default settings."""
    return [ChangeTable(calendar), HourProfile(), NearRepeats(), HotSpots(), Concentration()]


def describe_study(
    study: Study, parts: Sequence[DescriptionPart], area_level: str | Sequence[str] | None
) -> Description:
    """Return the description of the events of a study."""
    parts = _checked_parts(parts)
    names = [part.name for part in parts]
    if not names or len(names) != len(set(names)):
        msg = f"A description needs one or more parts with different names, not {names}. Give each part once."
        raise InputError(msg)
    if not len(study.events):
        msg = "There are no records to describe. Check data.start, data.end and data.filters."
        raise InputError(msg)
    grid = study.cells.build(study.events)
    levels = _checked_levels(area_level)
    first = levels[0] if levels else None
    data = DescriptionData(study.events, grid, first, tuple(levels[1:]), partial(_fit_repeats, grid))
    return Description(data, tuple(part.describe(data) for part in parts))


def _fit_repeats(grid: Grid, events: Events, edges: Any) -> dict[str, RepeatProcess | str]:
    return estimate_repeats(events, grid, edges)


def _checked_levels(area_level: object) -> list[str]:
    """Return levels of areas as a list; refuse what is no name or list of names."""
    names: object = [area_level] if isinstance(area_level, str) else [] if area_level is None else area_level
    if isinstance(names, Mapping) or not isinstance(names, Iterable) or not all(isinstance(one, str) for one in names):
        msg = f"area_level={area_level!r} must be the name of a level of areas, or a list such as [district, beat]."
        raise InputError(msg)
    return [str(one) for one in names]


def _checked_parts(parts: object) -> list[DescriptionPart]:
    """Return parts as a list; refuse classes, names and all else that cannot describe."""
    found: list[Any] = list(parts) if isinstance(parts, Iterable) and not isinstance(parts, str) else [parts]
    for part in found:
        if isinstance(part, type) or not callable(getattr(part, "describe", None)):
            msg = f"parts has {part!r}, which is no part of a description. Give a list such as [ilp.ChangeTable()]."
            raise InputError(msg)
    return found


def write_description(description: Description, folder: str | Path, *, decimal: str = "point") -> Path:
    """Write a description as a page, a workbook and CSV files: all of them or none.

    Parameters
    ----------
    description : Description
        The result of :func:`ilp_models.describe_events`.
    folder : str or Path
        Created if it does not exist. Files of the same names are replaced. Tables of an earlier description that
        this one does not have are deleted, unless you changed them. Your own files stay.
    decimal : str, default "point"
        Decimal mark of the CSV files: ``point``, or ``comma`` with semicolons between columns.

    Returns
    -------
    Path
        Path of the page.

    Raises
    ------
    InputError
        If the decimal mark is unknown.
    StorageError
        If a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=60, size_km=3, districts=3).read()
    >>> description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.ChangeTable()])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ilp.write_description(description, folder).name
    'description.html'
    """
    check_decimal(decimal, "decimal")
    target, tables = Path(folder), named_tables(description)
    notes = [
        f"{name} has {len(table):,} rows, more than a sheet holds. It is in {name}.csv only, not in the workbook."
        for name, table in tables.items()
        if is_too_long(table)
    ]
    if "change" in tables and len(areas := description.data.areas) > _AREA_SHEETS:
        notes.append(
            f"The workbook has no sheet for each area, because {len(areas):,} areas are more than {_AREA_SHEETS}. "
            "change.csv has them all. area_level chooses another level of areas."
        )
    writers: dict[str, Any] = {f"{name}.csv": partial(_write_csv, table, decimal) for name, table in tables.items()}
    writers[FACTS] = partial(_write_facts, description, list(writers))
    writers[WORKBOOK] = partial(_write_workbook, description, tables)
    writers[PAGE] = partial(_write_page, description, notes)
    earlier = _unchanged_tables(target)
    write_all_or_none(target, writers, "The description")
    for name in earlier - set(writers):
        (target / name).unlink()
    return target / PAGE


def _unchanged_tables(folder: Path) -> set[str]:
    """Return the CSV files of an earlier description that are as it wrote them."""
    try:
        listed = json.loads(file_in_folder(folder, FACTS).read_text(encoding="utf-8"))["tables"]
        return {
            name
            for name, digest in listed.items()
            if name == Path(name).name and digest_of(file_in_folder(folder, name).read_bytes()) == digest
        }
    except (StorageError, OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return set()  # no earlier description, or one that cannot be read: its files stay


def named_tables(description: Description) -> dict[str, pd.DataFrame]:
    """Return every table under the name of its file."""
    return {
        name if name.startswith(part.name.split("_")[0]) else f"{part.name}_{name}": table
        for part in description.parts
        for name, table in part.tables.items()
    }


def _write_csv(table: pd.DataFrame, decimal: str, path: Path) -> None:
    write_table(table, path, decimal)


def _write_workbook(description: Description, tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    sheets = {name: table for name, table in tables.items() if not is_too_long(table)}
    for area, table in _area_sheets(description).items():
        name = area
        while name in sheets:  # an area can be named as a table
            name = f"{name} (area)"
        sheets[name] = table
    created = description.data.events.end  # the present would change the bytes
    write_tables(sheets, path, title="Recorded crime", headline=NOT_A_FORECAST, created=created)


def _write_page(description: Description, notes: Sequence[str], path: Path) -> None:
    write_description_page(description, path, NOT_A_FORECAST, notes)


def _write_facts(description: Description, tables: Sequence[str], path: Path) -> None:
    events = description.data.events
    content: Mapping[str, Any] = {
        "about": NOT_A_FORECAST,
        "version": ilp_models.__version__,
        "city": events.city,
        "records": [str(events.start.date()), str(events.end.date())],
        "events": len(events),
        "digest": events.digest(),
        "simulated": events.simulated,
        "attribution": "" if events.intake is None else events.intake.attribution,
        "tables": {name: digest_of((path.parent / name).read_bytes()) for name in tables},  # they are written first
        "parts": [
            {"name": part.name, "facts": dict(part.facts), "notes": list(part.notes), "rows": _main_rows(part)}
            | {name: plain_rows(part.tables[name]) for name in ("process", "process_bands") if name in part.tables}
            for part in description.parts
        ],
    }
    write_json(path, content)


def _main_rows(part: DescribedPart) -> list[dict[str, Any]]:
    """Return the rows that the sentences on a part are made of; not those of single areas without a clear change."""
    if part.name not in part.tables:
        return []
    table = part.tables[part.name]
    if "area" not in table:
        return plain_rows(table)
    city = table["area"] == ""
    return plain_rows(table[city | table["verdict"].isin(CLEAR)] if "verdict" in table else table[city])


def read_parts(content: Mapping[str, Any]) -> list[DescribedPart]:
    """Return the parts of a stored description, with the main table of each."""
    found = []
    for part in content["parts"]:
        name, rows = str(part["name"]), pd.DataFrame(part["rows"])
        found.append(DescribedPart(name, {name: rows}, dict(part["facts"]), tuple(part["notes"])))
    return found


def _area_sheets(description: Description) -> dict[str, pd.DataFrame]:
    """Return the change table of each area, if the areas are few enough for sheets."""
    changes = [part.tables["change"] for part in description.parts if "change" in part.tables]
    areas = description.data.areas
    if not changes or len(areas) > _AREA_SHEETS:
        return {}
    own = changes[0][changes[0]["level"] == (description.data.level or "")]
    return {area: own[own["area"] == area] for area in areas}  # the name of a sheet may be cut
