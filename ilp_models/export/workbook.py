"""Write Excel workbooks: a risk grid with sums, changes, scores and caveats; tables; and a sheet to fill in."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from ilp_models.domain.aggregate import NO_AREA, WHOLE_CITY
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.printable import printable
from ilp_models.domain.recent_counts import FOUR, recent_columns
from ilp_models.export.column_texts import column_text
from ilp_models.export.marking import Marking
from ilp_models.export.table import DEGREES, FLAGGED

MAX_ROWS: Final = 1_048_576  # of a worksheet, the header included
_LONGEST: Final = 16_000  # characters of a cell, of which each counts twice at most (Excel takes 32,767)
_WIDEST: Final = 60  # characters of a column
_WIDTH_ROWS: Final = 200  # rows that the width of a column is taken from
_SHEET_NAME: Final = 31  # characters
_SHEET_SIGNS: Final = re.compile(r"[\[\]:*?/\\]+")
_NOT_COPIED: Final = ("period", "geometry")
_PLACE: Final = ["area", "crime_type", "start", "end"]
_DAY: Final = "yyyy-mm-dd"
_NUMBER: Final = "0.00"
_PERCENT: Final = "0%"
_FORMATS: Final = {
    **dict.fromkeys(("start", "end"), _DAY),
    **dict.fromkeys(DEGREES, "0.000000"),
    **dict.fromkeys(QUANTILE_COLUMNS, "0"),
    "share": "0.00%",
    "overused_points": _PERCENT,
}

_TABLE_FORMATS: Final = {
    **dict.fromkeys(("p", "q", "earlier_q"), "0.0000"),  # two decimals show 0.00 for what is clear
    **dict.fromkeys(("share", "change_share"), "0.0%"),
}


@dataclass(frozen=True, eq=False)
class _Column:
    """One column of a sheet."""

    header: str
    values: pd.Series
    number_format: str = ""
    prompt: str = ""  # of a column to fill in with numbers


_Sheet = list[_Column]
_Write = Callable[[int, int, Any, Any], object]


def write_workbook(
    unit: str | None, scores: pd.DataFrame | None, table: gpd.GeoDataFrame, marking: Marking, path: Path
) -> None:
    """Write the workbook, without changes if no recent counts (by week, day or month) are known.

    Equal input gives equal bytes. ``scores`` has one row for each forecaster, crime type and lead.
    """
    check_rows(len(table))
    grid = pd.DataFrame(table.drop(columns=[name for name in _NOT_COPIED if name in table]))
    areas = _area_sums(grid, unit)
    sheets = {"grid": _columns(grid), "areas": _columns(areas)}
    if unit is not None:
        sheets["change"] = _changes(areas, unit)
    if scores is not None:
        sheets["scores"] = _columns(scores)
    sheets["caveats"] = _caveats(dict(map(column_text, grid.columns)), marking)
    created = pd.Timestamp(marking.facts["cutoff"])  # the present would change the bytes
    _write_book(sheets, path, "Risk grid", marking.headline, created)


def write_form(
    name: str, table: pd.DataFrame, meanings: Mapping[str, str], fill_in: Iterable[str], marking: Marking, path: Path
) -> None:
    """Write a table to fill in as the sheet ``name``, and its marking as ``caveats``; equal input gives equal bytes.

    Columns of ``fill_in`` take numbers of at least 0, and show their meaning where somebody writes.
    """
    prompts = {column: meanings[column] for column in fill_in}
    columns = [replace(column, prompt=prompts.get(column.header, "")) for column in _table_columns(table)]
    sheets = {name: columns, "caveats": _caveats(meanings, marking)}
    _write_book(sheets, path, name.capitalize(), marking.headline, pd.Timestamp(marking.facts["cutoff"]))


def write_tables(
    tables: Mapping[str, pd.DataFrame], path: Path, *, title: str, headline: str, created: pd.Timestamp
) -> None:
    """Write a workbook with one sheet for each table; names that a spreadsheet refuses are shortened.

    The caller leaves out what `is_too_long` finds.
    """
    sheets = dict(zip(_sheet_names(tables), map(_table_columns, tables.values()), strict=True))
    _write_book(sheets, path, title, headline, created)


def _write_book(sheets: Mapping[str, _Sheet], path: Path, title: str, headline: str, created: pd.Timestamp) -> None:
    content = BytesIO()
    with _open_book(content, path.parent) as book:
        book.set_properties({"title": title, "comments": headline, "created": created.to_pydatetime()})
        for name, columns in sheets.items():
            _write_sheet(book, name, columns, headline)
    path.write_bytes(content.getvalue())


def is_too_long(table: pd.DataFrame) -> bool:
    """Return whether a table has more rows than a worksheet."""
    return len(table) >= MAX_ROWS


def _sheet_names(labels: Iterable[str]) -> list[str]:
    """Return a name for each label that Excel accepts: at most 31 characters, unique without regard to case."""
    found: dict[str, str] = {}
    for label in labels:
        stem = _SHEET_SIGNS.sub(" ", printable(label, lines=False)).strip(" '")[:_SHEET_NAME] or "sheet"
        name, number = stem, 1
        while name.casefold() in found or name.casefold() == "history":  # Excel keeps this name for itself
            number += 1
            name = f"{stem[: _SHEET_NAME - 4]} {number}"
        found[name.casefold()] = name
    return list(found.values())


@contextmanager
def _open_book(content: BytesIO, folder: Path) -> Iterator[xlsxwriter.Workbook]:
    """Open a workbook whose rows wait in temporary files, so that a large grid needs little memory."""
    book = xlsxwriter.Workbook(content, {"constant_memory": True, "tmpdir": str(folder)})
    try:
        yield book
        book.close()
    except Exception:
        for sheet in book.worksheets():
            with suppress(OSError):
                sheet._opt_close()
        raise


def check_rows(rows: int) -> None:
    """Raise InputError if a worksheet cannot hold a risk grid of so many rows."""
    if rows >= MAX_ROWS:
        msg = (
            f"An Excel sheet holds {MAX_ROWS - 1:,} rows, and the grid has {rows:,} (crime types x cells x periods). "
            "Leave out xlsx: use formats parquet, gpkg or csv."
        )
        raise InputError(msg)


def _columns(table: pd.DataFrame) -> _Sheet:
    """Return the columns of a table under their names in words."""
    return [
        _Column(
            column_text(str(name))[0],
            column,
            _FORMATS.get(str(name), _NUMBER if pd.api.types.is_float_dtype(column) else ""),
        )
        for name, column in table.items()
    ]


def _table_columns(table: pd.DataFrame) -> _Sheet:
    """Return the columns of a table of any content under their own names, with dates as dates."""
    found = []
    for name, column in table.items():
        text, values = str(name), _as_dates(column)
        usual = _NUMBER if pd.api.types.is_float_dtype(values) else ""
        number_format = _DAY if pd.api.types.is_datetime64_dtype(values) else _TABLE_FORMATS.get(text, usual)
        found.append(_Column(text.replace("_", " "), values, number_format))
    return found


def _as_dates(column: pd.Series) -> pd.Series:
    """Return a column of dates as times, which a sheet can sort and filter, and any other column unchanged."""
    is_date = column.dtype == object and len(column) > 0 and all(isinstance(one, date) for one in column)
    return pd.to_datetime(column) if is_date else column


def _area_sums(grid: pd.DataFrame, unit: str | None) -> pd.DataFrame:
    """Return the sums over the whole city, then over each parent area, by crime type and period."""
    summed = ["expected", *([FLAGGED] if FLAGGED in grid else []), *(recent_columns(unit) if unit else [])]
    parts = [grid.assign(area=WHOLE_CITY)]
    if (grid["area"] != "").any():
        parts.append(grid.assign(area=grid["area"].where(grid["area"] != "", NO_AREA)))
    sums = [part.groupby(_PLACE, sort=False, observed=True)[summed].sum(min_count=1).reset_index() for part in parts]
    return pd.concat(sums, ignore_index=True).rename(columns={FLAGGED: "flagged cells"})


def _changes(areas: pd.DataFrame, unit: str) -> _Sheet:
    """Return expected crimes against those of the last period, the mean of the last four, and a year ago."""
    last, four, year_ago = recent_columns(unit)
    earlier = [
        (f"last {unit}", column_text(last)[0], areas[last].astype(float), "0"),
        ("mean", f"Mean of the last {FOUR} {unit}s", areas[four].astype(float) / FOUR, _NUMBER),
        ("a year ago", column_text(year_ago)[0], areas[year_ago].astype(float), "0"),
    ]
    columns = _columns(areas[[*_PLACE, "expected"]])
    for name, header, recorded, number_format in earlier:
        change = areas["expected"] - recorded
        columns += [
            _Column(header, recorded, number_format),
            _Column(f"Change from {name}", change, "+0.00;-0.00;0.00"),
            _Column(f"Change from {name} in %", change / recorded.where(recorded > 0), "+0%;-0%;0%"),
        ]
    return columns


def _caveats(meanings: Mapping[str, str], marking: Marking) -> _Sheet:
    """Return the facts of the file and the meaning of its columns."""
    facts = {"headline": marking.headline, **marking.facts}
    columns = {f"column {name}": meaning for name, meaning in meanings.items()}
    rows = [
        (name, text[at : at + _LONGEST])
        for name, text in {**facts, **columns}.items()
        for at in range(0, max(len(text), 1), _LONGEST)
    ]
    names, texts = zip(*rows, strict=True)
    return [_Column("Fact", pd.Series(names)), _Column("Value", pd.Series(texts))]


def _write_sheet(book: xlsxwriter.Workbook, name: str, columns: _Sheet, headline: str) -> None:
    sheet = book.add_worksheet(name)
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    rows = max((len(column.values) for column in columns), default=0)
    writers = []
    for position, column in enumerate(columns):
        style = book.add_format({"num_format": column.number_format} if column.number_format else {})
        if name == "caveats":
            style.set_text_wrap()
            style.set_align("top")
        sheet.set_column(position, position, _width(column))
        writers.append((_writer(sheet, column), style))
        if column.prompt:
            number = {"validate": "decimal", "criteria": ">=", "value": 0, "error_message": column.prompt}
            sheet.data_validation(1, position, MAX_ROWS - 1, position, {**number, "input_message": column.prompt})
    for position, column in enumerate(columns):
        sheet.write_string(0, position, _text(column.header), bold)
    for row, values in enumerate(zip(*map(_values, columns), strict=True), start=1):
        for position, (value, (write, style)) in enumerate(zip(values, writers, strict=True)):
            if value is not None:
                write(row, position, value, style)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, rows, max(len(columns) - 1, 0))
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_header(f"&L{name}&R{headline.replace('&', '&&')}")


def _writer(sheet: Worksheet, column: _Column) -> _Write:
    """Return the function that writes a value as what it is; text is never a formula, a number or a link."""
    kind = column.values.dtype

    def write_text(row: int, position: int, value: object, style: Any) -> object:
        return sheet.write_string(row, position, _text(value), style)

    write: _Write = write_text
    if column.number_format == _DAY:
        write = sheet.write_datetime
    elif pd.api.types.is_bool_dtype(kind):
        write = sheet.write_boolean
    elif pd.api.types.is_numeric_dtype(kind):
        write = sheet.write_number
    return write


def _values(column: _Column) -> list[Any]:
    """Return the values of a column; None where there is no value."""
    values = column.values.replace([float("inf"), float("-inf")], None) if _is_float(column) else column.values
    return values.astype(object).where(values.notna(), None).tolist()


def _is_float(column: _Column) -> bool:
    return pd.api.types.is_float_dtype(column.values.dtype)


def _text(value: object) -> str:
    return printable(value, lines=False)


def _width(column: _Column) -> float:
    words = column.header.split() or [""]
    shown = [] if column.number_format or _is_float(column) else [str(one) for one in column.values.head(_WIDTH_ROWS)]
    return min(max(11, *map(len, words), *map(len, shown)), _WIDEST) + 1
