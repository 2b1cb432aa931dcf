"""Read a group file: the authorisation, and one row for each judgement of a scorer about an attribute of a group."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Final

from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file
from ilp_models.domain.spreadsheet import is_spreadsheet, read_spreadsheet, sheet_names
from ilp_models.domain.text_output import csv_marks

COLUMNS: Final = ("group", "members_known_at_least", "scorer", "attribute", "score", "source", "confidence")
FIELDS: Final = ("field", "value")
MEANING: Final = "meaning"  # of each field, in a spreadsheet; it is not read
AUTHORISATION, SCORES, SCHEME, LISTS = "authorisation", "scores", "scheme", "lists"
DECLARED: Final = ("attribute", "scale", "weight")  # of the scheme, between authorisation and scores of a CSV file
SHEETS: Final = (AUTHORISATION, SCORES, SCHEME, LISTS)
MAX_BYTES: Final = 32 << 20
MAX_ROWS: Final = 200_000
_TEXT: Final = (".csv", ".txt")
_WAY_OUT: Final = "`ilp assess template=groups.xlsx` writes an empty file in the right form."


@dataclass(frozen=True, eq=False)
class GroupFile:
    """The text of a group file, not yet checked."""

    name: str
    digest: str  # SHA-256 of the file
    fields: dict[str, str]  # the authorisation
    header: tuple[str, ...]  # of the scores
    rows: tuple[tuple[int, tuple[str, ...]], ...]  # number in the file, and cells in the order of COLUMNS
    declared: tuple[tuple[int, tuple[str, ...]], ...] | None = None  # number, and cells in the order of DECLARED


def read_group_file(path: str | Path) -> GroupFile:
    """Return the text of a CSV file or a spreadsheet; InputError if it has another form."""
    found = local_file(path, "matrix=")
    if found.stat().st_size > MAX_BYTES:
        msg = f"matrix={path} is larger than {MAX_BYTES >> 20} MiB. A group file has a few thousand short rows."
        raise InputError(msg)
    if is_spreadsheet(found.name):
        file = _read_sheets(found)
    elif found.suffix.lower() in _TEXT:
        file = _read_text(found)
    else:
        msg = f"matrix={path} is neither a CSV file nor a spreadsheet. {_WAY_OUT}"
        raise InputError(msg)
    if len(file.rows) > MAX_ROWS:
        msg = f"matrix={path} has {len(file.rows):,} rows of scores. At most {MAX_ROWS:,} are read."
        raise InputError(msg)
    if not file.rows:
        msg = f"matrix={path} has no scores. {_WAY_OUT}"
        raise InputError(msg)
    return file


def _read_sheets(path: Path) -> GroupFile:
    sheets = sheet_names(path)
    extra = [at for at, name in enumerate(sheets, start=1) if name not in SHEETS]
    if extra or not {AUTHORISATION, SCORES} <= set(sheets):
        what = f"sheet {extra[0]} does not belong there" if extra else f"{AUTHORISATION} or {SCORES} is missing"
        msg = (
            f"{path.name} has {len(sheets)} sheets, hidden ones included, and {what}. A group file has only the "
            f"sheets {', '.join(SHEETS)}. Show hidden sheets, and delete or rename the others."
        )
        raise InputError(msg)
    scores = read_spreadsheet(path, None, SCORES, "")
    names = [scores.header[at] for at in _positions(scores.header, path.name)]
    cells = zip(*(scores.table[name].to_pylist() for name in names), strict=True)
    rows = tuple(
        (int(number), tuple(_clean(cell) for cell in row)) for number, row in zip(scores.number, cells, strict=True)
    )
    top = read_spreadsheet(path, FIELDS, AUTHORISATION, "")
    if tuple(name for name in top.header if name not in ("", MEANING)) != FIELDS:
        msg = f"{path.name}: the sheet {AUTHORISATION} needs the columns {' and '.join(FIELDS)}. {_WAY_OUT}"
        raise InputError(msg)
    pairs = zip(top.table["field"].to_pylist(), top.table["value"].to_pylist(), strict=True)
    declared = _fields([(_clean(name), _clean(value)) for name, value in pairs], path.name)
    return GroupFile(path.name, _digest(path), declared, COLUMNS, tuple(row for row in rows if any(row[1])))


def _read_text(path: Path) -> GroupFile:
    separator = csv_marks(path)[1]
    content = path.read_bytes()
    try:
        lines = _numbered_rows(_decoded(content), separator)
    except csv.Error as error:
        msg = f"{path.name} cannot be read as CSV ({error}). Save it again as CSV in UTF-8. {_WAY_OUT}"
        raise InputError(msg) from error
    lines = [(number, cells) for number, cells in lines if any(cells)]
    start = next((at for at, (_, cells) in enumerate(lines) if _is_header(cells)), None)
    if start is None or not lines or tuple(map(str.casefold, filter(None, lines[0][1]))) != FIELDS:
        msg = (
            f"{path.name} does not begin with the row {','.join(FIELDS)}, or has no row with {', '.join(COLUMNS)}. "
            f"{_WAY_OUT}"
        )
        raise InputError(msg)
    header = lines[start][1]
    rows = _cells(lines[start + 1 :], header, _positions(header, path.name), (path.name, separator))
    top = next((at for at in range(1, start) if _declares(lines[at][1])), start)
    declared = None if top == start else _declared(lines[top:start], (path.name, separator))
    for number, cells in lines[1:top]:
        if any(cells[len(FIELDS) :]):
            msg = f"{path.name}, row {number} of the authorisation has more than two cells. Put the value in quotes."
            raise InputError(msg)
    pairs = [(cells[0], cells[1] if len(cells) > 1 else "") for _, cells in lines[1:top]]
    return GroupFile(path.name, _digest(path), _fields(pairs, path.name), COLUMNS, rows, declared)


def _cells(
    lines: Sequence[tuple[int, list[str]]], header: Sequence[str], positions: Sequence[int], where: tuple[str, str]
) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return the cells of each row at these positions."""
    name, separator = where
    rows = []
    for number, cells in lines:
        if any(cells[len(header) :]):
            msg = f"{name}, row {number} has more cells than columns. Put texts with a {separator!r} in quotes."
            raise InputError(msg)
        padded = [*cells, *[""] * len(header)]
        rows.append((number, tuple(padded[at] for at in positions)))
    return tuple(rows)


def _declares(cells: Sequence[str]) -> bool:
    """Return whether a row is the header of the scheme; one with a column too many or too few is refused later."""
    return len({cell.casefold() for cell in cells} & set(DECLARED)) > 1


def _declared(
    lines: Sequence[tuple[int, list[str]]], where: tuple[str, str]
) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return the scheme that the file declares."""
    number, header = lines[0]
    folded = [cell.casefold() for cell in header]
    if sorted(filter(None, folded)) != sorted(DECLARED):
        msg = f"{where[0]}, row {number}: the scheme has the columns {', '.join(DECLARED)}. {_WAY_OUT}"
        raise InputError(msg)
    return _cells(lines[1:], header, [folded.index(column) for column in DECLARED], where)


def _decoded(content: bytes) -> str:
    """Return text in UTF-8, or in the encoding of older spreadsheet programs if there is no byte order mark."""
    if content.startswith(BOM_UTF8):
        return content.decode("utf-8-sig", errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _numbered_rows(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Return the cells of each row with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows, last = [], 0
    for row in reader:
        rows.append((last + 1, [_clean(cell) for cell in row]))
        last = reader.line_num
    return rows


def _is_header(cells: Sequence[str]) -> bool:
    known = {cell.casefold() for cell in cells}
    return {"group", "scorer", "attribute"} <= known


def _positions(header: Sequence[str], name: str) -> list[int]:
    """Return where each column is; columns that are missing, twice or not known are refused without their names."""
    folded = [one.casefold() for one in header]
    for at, one in enumerate(folded, start=1):
        if one and one not in COLUMNS:
            near = get_close_matches(one, COLUMNS, n=1)
            hint = f"Rename it to {near[0]} if that is what it holds, or delete it." if near else "Delete it."
            msg = (
                f"{name}: column {at} of the scores does not belong to a group file, which has only "
                f"{', '.join(COLUMNS)}. {hint}"
            )
            raise InputError(msg)
    for column in COLUMNS:
        if folded.count(column) != 1:
            what = "no column" if column not in folded else "more than one column"
            msg = f"{name} has {what} {column}. {_WAY_OUT}"
            raise InputError(msg)
    return [folded.index(column) for column in COLUMNS]


def _fields(pairs: Sequence[tuple[str, str]], name: str) -> dict[str, str]:
    declared: dict[str, str] = {}
    for field, value in pairs:
        if not field and not value:
            continue
        if field.casefold() in declared:
            msg = f"{name}: the authorisation has a field twice, number {len(declared) + 1}. Keep one of them."
            raise InputError(msg)
        declared[field.casefold()] = value
    return declared


def _clean(cell: object) -> str:
    return "" if cell is None else " ".join(str(cell).split())


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
