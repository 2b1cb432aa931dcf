"""Read one sheet of a spreadsheet file (.xlsx, .xlsm, .xls or .ods)."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ilp_models.domain.errors import InputError
from ilp_models.domain.parquet_file import MAX_BYTES

SPREADSHEETS: Final = (".xlsx", ".xlsm", ".xls", ".ods")

_PROGRAM_BYTES: Final = 1 << 30  # of the process that reads, in addition to the table
_MAGIC: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_SHOWN: Final = 10


@dataclass(frozen=True, eq=False)
class SheetTable:
    """The columns of one sheet: text, or times where a column holds nothing but dates."""

    header: tuple[str, ...]  # names of all columns; a column without a name is empty text
    table: pa.Table  # the wanted columns that occur once
    number: npt.NDArray[np.int64]  # number of each row in the sheet, from 1
    note: str  # which sheet was read, if there are others


def is_spreadsheet(name: str) -> bool:
    """Return whether a file name ends as that of a spreadsheet."""
    return name.lower().endswith(SPREADSHEETS)


def read_spreadsheet(
    path: Path, columns: Sequence[str] | None, sheet: str | None = None, setting: str = "data.sheet"
) -> SheetTable:
    """Return columns of a sheet; without a name, of the only visible sheet that is not empty.

    The header is the row with the wanted names. Empty rows are skipped, and a cell with an error counts as empty.
    Raises InputError if the file is damaged, protected or needs too much memory, or the sheet is not clear.
    """
    request = {"sheet": sheet, "columns": None if columns is None else list(columns)}
    answer, content = _ask(path, request, sheet, setting)
    with pa.ipc.open_stream(io.BytesIO(content)) as stream:
        table = stream.read_all()
    others = answer["others"]
    note = f"{path.name}: the sheet {answer['sheet']!r} was read, not {_listed(others)}." if others else ""
    return SheetTable(tuple(answer["header"]), table.drop_columns([""]), table[""].to_numpy(), note)


def sheet_names(path: Path) -> tuple[str, ...]:
    """Return the names of all sheets, hidden ones included; InputError if the file cannot be read."""
    return tuple(_ask(path, {"names_only": True}, None, "")[0]["sheets"])


def _ask(path: Path, request: dict[str, Any], sheet: str | None, setting: str) -> tuple[dict[str, Any], bytes]:
    """Return the answer of the process that reads, and the table that follows it."""
    _check_content(path)
    command = [sys.executable, "-P", "-m", f"{__package__}.sheet_process"]  # -P: no module of the current folder
    search = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(  # noqa: S603
        command,
        input=json.dumps({"path": str(path), "bytes": MAX_BYTES + _PROGRAM_BYTES, **request}).encode(),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": search},
    )
    line, _, content = done.stdout.partition(b"\n")
    answer: dict[str, Any] = json.loads(line) if done.returncode == 0 and line else {"problem": "memory"}
    if "problem" in answer:
        raise InputError(_message(path, answer, sheet, setting))
    return answer, content


def _check_content(path: Path) -> None:
    """Refuse a file that is no spreadsheet, or is larger than the limit when it is unpacked."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
        if not head.startswith(_MAGIC):
            msg = (
                f"{path.name} is not a spreadsheet, although its name says so. Open it in a spreadsheet program and "
                "save it as .xlsx, or rename it to .csv if it is text."
            )
            raise InputError(msg)
        if head.startswith(_MAGIC[0]):
            with ZipFile(path) as archive:
                size = sum(one.file_size for one in archive.infolist())
            if size > MAX_BYTES:
                msg = (
                    f"{path.name}: more than {MAX_BYTES / (1 << 30):g} GiB when it is unpacked. Split the file, or "
                    "export the records as CSV."
                )
                raise InputError(msg)
    except (OSError, BadZipFile) as error:
        msg = f"{path.name} cannot be read ({str(error) or 'damaged'}); save it again as .xlsx, or as CSV."
        raise InputError(msg) from error


def _message(path: Path, answer: dict[str, Any], sheet: str | None, setting: str) -> str:
    problem, sheets = answer["problem"], answer.get("sheets", [])
    if problem == "several":
        way_out = f"Set {setting} to the name of one." if setting else "Give a file with one of them."
        return f"{path.name} has several sheets: {_listed(sheets)}. {way_out}"
    if problem == "unknown":
        return f"{path.name} has no sheet {sheet!r}. Set {setting} to one of {_listed(sheets)}."
    if problem == "empty":
        where = f"the sheet {sheet!r} is" if sheet else "its sheets are"
        return f"{path.name}: {where} empty. Export the records again."
    if problem == "memory":
        return (
            f"{path.name} needs more than {MAX_BYTES / (1 << 30):g} GiB of memory, or is damaged. Delete cells far "
            "away from the table, or save the sheet as CSV."
        )
    reason = str(answer["reason"]).splitlines()[0].rstrip(".")
    return f"{path.name} cannot be read ({reason}). Remove its password, and save it again as .xlsx or as CSV."


def _listed(sheets: Sequence[str]) -> str:
    more = f" and {len(sheets) - _SHOWN} more" if len(sheets) > _SHOWN else ""
    return ", ".join(map(repr, sheets[:_SHOWN])) + more
