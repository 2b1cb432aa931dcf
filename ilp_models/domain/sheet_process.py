"""Read one sheet of a spreadsheet in a process with limited memory: `python -m ilp_models.domain.sheet_process`.

A few kilobytes can declare a sheet that needs hundreds of gigabytes, and the reader then ends its process. The request
comes as JSON on the standard input. The answer is a line of JSON, followed by a table as an Arrow stream.
"""

import json
import resource
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import IO, Any, Final

import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

_HEAD_ROWS: Final = 50  # rows in which the header is looked for
_WHOLE: Final = 1e15  # larger whole numbers are not exact
_CPU_SECONDS: Final = 600


def main(source: IO[str], target: IO[bytes]) -> None:
    """Answer one request: path, sheet, columns and the memory that may be used."""
    request = json.load(source)
    _limit(int(request["bytes"]))
    answer: dict[str, Any]
    table = None
    try:
        if request.get("names_only"):
            answer = {"sheets": CalamineWorkbook.from_path(request["path"]).sheet_names}
        else:
            answer, table = read_sheet(request["path"], request["sheet"], request["columns"])
    except CalamineError as error:
        answer = {"problem": "unreadable", "reason": str(error)}
    except MemoryError:
        answer = {"problem": "memory"}
    target.write(json.dumps(answer).encode() + b"\n")
    if table is not None:
        with pa.ipc.new_stream(target, table.schema) as stream:
            stream.write_table(table)
    target.flush()


def read_sheet(path: str, name: str | None, columns: Sequence[str] | None) -> tuple[dict[str, Any], pa.Table | None]:
    """Return header and table of a sheet, or the problem; the table holds the wanted columns that occur once."""
    book = CalamineWorkbook.from_path(path)
    visible = [
        one.name
        for one in book.sheets_metadata
        if one.typ == SheetTypeEnum.WorkSheet and one.visible == SheetVisibleEnum.Visible
    ]
    if name is not None and name not in book.sheet_names:
        return {"problem": "unknown", "sheets": book.sheet_names}, None
    filled = [name] if name is not None else [one for one in visible if book.get_sheet_by_name(one).height > 0]
    if len(filled) != 1:
        return {"problem": "several" if filled else "empty", "sheets": filled or book.sheet_names}, None
    sheet = book.get_sheet_by_name(filled[0])
    if sheet.height == 0:
        return {"problem": "empty", "sheets": filled}, None
    head = _head(sheet)
    at = _find_header(head, columns)
    header = [_name(value) for value in head[at]]
    wanted = [one for one in dict.fromkeys(header if columns is None else columns) if one and header.count(one) == 1]
    places = [header.index(one) for one in wanted]
    cells: list[list[Any]] = [[] for _ in wanted]
    numbers: list[int] = []
    first = (sheet.start or (0, 0))[0]
    for number, row in enumerate(islice(sheet.iter_rows(), at + 1, None), first + at + 2):
        if any(value != "" for value in row):
            numbers.append(number)
            for column, place in zip(cells, places, strict=True):
                column.append(row[place])
    arrays = {one: _array(column) for one, column in zip(wanted, cells, strict=True)}
    table = pa.table({**arrays, "": pa.array(numbers, pa.int64())})
    return {"sheet": filled[0], "others": [one for one in visible if one != filled[0]], "header": header}, table


def _head(sheet: CalamineSheet) -> list[list[Any]]:
    """Return the first rows; a cell that is merged over several rows is repeated in each."""
    rows = [list(row) for row in islice(sheet.iter_rows(), _HEAD_ROWS)]
    first_row, first_column = sheet.start or (0, 0)
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        at, column = top - first_row, left - first_column
        for row in rows[at + 1 : bottom - first_row + 1] if 0 <= at < len(rows) else ():
            row[column] = rows[at][column]
    return rows


def _find_header(rows: Sequence[Sequence[Any]], wanted: Sequence[str] | None) -> int:
    """Return the row with the names of the columns: with most wanted names, or the first wide row of texts."""
    names = [[_name(value) for value in row] for row in rows]
    if wanted:
        known = [len(set(wanted) & set(row)) for row in names]
        if max(known) > 0:
            return known.index(max(known))
    widest = max(sum(map(bool, row)) for row in names)
    for at, row in enumerate(rows):
        filled = [value for value in row if value != ""]
        if len(filled) > widest / 2 and all(isinstance(value, str) for value in filled):
            return at
    return next((at for at, row in enumerate(names) if any(row)), 0)


def _name(value: Any) -> str:
    return " ".join((_text(value) or "").split())


def _array(values: Sequence[Any]) -> pa.Array:
    """Return dates and times as such if a column holds nothing else, and text otherwise."""
    present = [value for value in values if value != ""]
    if present and all(isinstance(value, date) for value in present):
        moments = [None if value == "" else _moment(value) for value in values]
        return pa.array(moments, pa.timestamp("us"))
    return pa.array([_text(value) for value in values], pa.string())


def _moment(value: date) -> datetime:
    """Return a date as a time; the fractions of a millisecond come from the way spreadsheets store times."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - cells have no time zone
    rounded = value + timedelta(microseconds=500)
    return rounded.replace(microsecond=rounded.microsecond // 1000 * 1000)


def _text(value: Any) -> str | None:
    """Return a cell as a CSV file would hold it; None if it is empty or holds an error."""
    if value == "":
        return None
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)
    if isinstance(value, date):
        return _moment(value).isoformat(sep=" ")
    if isinstance(value, time):
        return value.replace(microsecond=0).isoformat()
    return str(value)


def _limit(size: int) -> None:
    """Limit memory and time of this process, where the system can."""
    limits: Iterable[tuple[int, int]] = ((resource.RLIMIT_AS, size), (resource.RLIMIT_CPU, _CPU_SECONDS))
    for kind, most in limits:
        try:
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
        except (OSError, ValueError):
            continue


if __name__ == "__main__":
    main(sys.stdin, sys.stdout.buffer)
