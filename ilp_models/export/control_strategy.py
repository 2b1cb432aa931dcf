"""Write a draft control strategy as a workbook, with empty fields for the people who decide."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xlsxwriter

from ilp_models.domain.errors import StorageError
from ilp_models.domain.printable import printable

FILE: Final = "control_strategy.xlsx"
SHEET: Final = "control_strategy"
_WIDTHS: Final = {"threat": 24, "pillar": 14}
_OTHER: Final = 32
_LONG: Final = ("question", "threat", "area")
_WIDE, _NARROW = 40, 16
_DECIMALS: Final = 4


def write_control_strategy(
    table: pd.DataFrame, notes: Sequence[str], folder: Path, evidence: Mapping[str, pd.DataFrame] | None = None
) -> Path:
    """Write the table, notes on how to fill it in, and a sheet for each table of evidence; return the path.

    Empty fields of the first sheet are yellow.
    """
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#e6eaed", "valign": "top"})
    text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    empty = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top", "bg_color": "#fff7dc"})
    sheet = book.add_worksheet(SHEET)
    for column, name in enumerate(table.columns):
        sheet.write_string(0, column, str(name), head)
        sheet.set_column(column, column, _WIDTHS.get(str(name), _OTHER))
        for row, value in enumerate(table[name], 1):
            _write(sheet, row, column, str(value), text, empty)
    sheet.freeze_panes(1, 2)
    about = book.add_worksheet("how_to")
    about.set_column(0, 0, 100)
    for row, note in enumerate(notes):
        about.write_string(row, 0, printable(note), text)
    for name, rows in (evidence or {}).items():
        _write_evidence(book.add_worksheet(name), rows, head, text)
    book.close()
    try:
        path = folder / FILE
        path.write_bytes(content.getvalue())
    except OSError as error:
        msg = f"{FILE} was not written to {folder} ({error.strerror}). Free disk space or choose another folder."
        raise StorageError(msg) from error
    return path


def _write(sheet: Any, row: int, column: int, value: str, text: Any, empty: Any) -> None:
    if value:
        sheet.write_string(row, column, printable(value), text)
    else:
        sheet.write_blank(row, column, None, empty)


def _write_evidence(sheet: Any, table: pd.DataFrame, head: Any, text: Any) -> None:
    for column, name in enumerate(table.columns):
        sheet.write_string(0, column, str(name), head)
        sheet.set_column(column, column, _WIDE if name in _LONG else _NARROW)
        for row, value in enumerate(table[name], 1):
            if isinstance(value, str):
                sheet.write_string(row, column, printable(value), text)
            elif np.isfinite(value):
                sheet.write_number(row, column, round(float(value), _DECIMALS))
    sheet.freeze_panes(1, 1)
