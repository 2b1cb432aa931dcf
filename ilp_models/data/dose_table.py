"""Read a dose table: hours by cell or unit and period; refuse what identifies an officer, a car or a position."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.data.masking import mask_value
from ilp_models.data.personal_data import is_personal_value, looks_personal, names_patrol
from ilp_models.domain.dose import CELL, CREWS, HOURS, PERIOD, PLACE, PLANNED, SHEET, UNIT, Dose
from ilp_models.domain.errors import InputError
from ilp_models.domain.spreadsheet import is_spreadsheet
from ilp_models.domain.text_table import read_marked_table

_KNOWN: Final = (CELL, UNIT, PERIOD, HOURS, CREWS)
# columns of shift.xlsx and of assignment.csv that are not needed
_OWN: Final = (CELL, PLACE, "treated", "shift", *PLANNED.values())


def read_dose(path: str | Path | Sequence[str | Path], sheet: str | None = None) -> Dose:
    r"""Return the dose in CSV files, spreadsheets or Parquet files, such as the sheets that shifts return.

    Parameters
    ----------
    path : str, Path or sequence of them
        A table with the columns ``cell`` or ``unit``, ``period`` (its first day, as 2027-01-31) and ``hours``. The
        optional column ``crews`` has the number of patrol units that served the place. Other columns are dropped.
        Several files may not have the same place and period.
    sheet : str, optional
        Sheet of a spreadsheet; by default ``hours``, else the only visible one that is not empty.

    Returns
    -------
    Dose
        One row for each row with hours. A row without hours counts as not reported; 0 is no work.

    Raises
    ------
    InputError
        If a column is missing, names an officer, a car or a position, or a value cannot be read. Also if no row has
        hours, or two files have the same place and period.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dose.csv")
    ...     _ = path.write_text("cell,period,hours\na,2027-01-04,1.5\n")
    ...     read_dose(str(path)).hours
    1.5
    """
    paths = [str(one) for one in ([path] if isinstance(path, str | Path) else path)]
    label = f"dose={paths[0]}" if len(paths) == 1 else f"dose=[{','.join(paths)}]"
    if not paths:
        msg = f"{label} has no file. Give one or more, such as dose=[week1.xlsx,week2.xlsx]."
        raise InputError(msg)
    kinds, tables, dropped = zip(*(_read_file(one, sheet) for one in paths), strict=True)
    if len(set(kinds)) > 1:
        msg = f"{label}: some files have the column 'cell' and some 'unit'. Use the same in all."
        raise InputError(msg)
    table = pd.concat([one.assign(number=at) for at, one in enumerate(tables)], ignore_index=True)
    _check_repeats(table, kinds[0])
    reported = table[HOURS].notna()
    if not reported.any():
        msg = f"{label}: no row has hours. Fill in the column hours, with 0 where no one worked."
        raise InputError(msg)
    return Dose(
        source=paths[0].replace("\\", "/").rpartition("/")[2] if len(paths) == 1 else f"{len(paths)} files",
        place_kind=kinds[0],
        table=table[reported].drop(columns="number").reset_index(drop=True),
        dropped=tuple(dict.fromkeys(name for names in dropped for name in names)),
        not_reported=int((~reported).sum()),
    )


def _read_file(path: str, sheet: str | None) -> tuple[str, pd.DataFrame, list[str]]:
    """Return the kind of places, the rows and the columns that are not used; hours that are not reported are NaN."""
    label = f"dose={path}"
    raw, mark = _read_table(path, sheet)
    raw.columns = pd.Index([str(name).strip().lower() for name in raw.columns])
    _check_columns(list(raw.columns), label)
    kind = UNIT if UNIT in raw else CELL  # assignment.csv has both, and a cell may be in several units
    raw = raw[(raw != "").any(axis=1)]
    if raw.empty:
        msg = f"{label} has no row. Give one row for each {kind} and period with its hours."
        raise InputError(msg)
    rows = raw.index.to_numpy() + 2  # the header is row 1
    table = pd.DataFrame(
        {
            "file": path,
            "row": rows,
            "place": _places(raw[kind], kind, rows, label),
            PERIOD: _days(raw[PERIOD], rows, label),
            HOURS: _numbers(raw[HOURS], mark, HOURS, rows, label),
            CREWS: _numbers(raw[CREWS], mark, CREWS, rows, label) if CREWS in raw else np.nan,
        }
    )
    return kind, table, [name for name in raw.columns if name not in (kind, PERIOD, HOURS, CREWS, *_OWN)]


def _read_table(path: str, sheet: str | None) -> tuple[pd.DataFrame, str]:
    """Return the table and its decimal mark; of a workbook the sheet that a shift fills in, if it has it."""
    if sheet is None and is_spreadsheet(path):
        with suppress(InputError):  # a workbook without this sheet
            return read_marked_table(path, "dose=", SHEET)
    return read_marked_table(path, "dose=", sheet)


def _check_repeats(table: pd.DataFrame, kind: str) -> None:
    """Refuse a place and period in two files; rows of one file are summed."""
    first = table.groupby(["place", PERIOD])["number"].transform("first")
    again = table[table["number"] != first]
    if len(again):
        row = again.iloc[0]
        same = table[(table["place"] == row["place"]) & (table[PERIOD] == row[PERIOD])].iloc[0]
        msg = (
            f"dose={row['file']}, row {row['row']}: {kind} {row['place']!r} in {row[PERIOD]:%Y-%m-%d} is also in "
            f"{same['file']}, row {same['row']} ({len(again)} such rows). Leave one of the files out, or put all rows "
            "of a period into one file, whose rows are summed."
        )
        raise InputError(msg)


def _check_columns(names: list[str], label: str) -> None:
    for name in names:
        if name not in _KNOWN and (names_patrol(name) or looks_personal(name)):
            msg = (
                f"{label}: the column {name!r} looks like it identifies an officer, a car or a position, and cannot be "
                "used. Delete it from the file, and give hours by cell or unit only."
            )
            raise InputError(msg)
    if twice := [name for name in _KNOWN if names.count(name) > 1]:
        msg = f"{label} has the column {twice[0]!r} twice. Delete one."
        raise InputError(msg)
    missing = [name for name in (PERIOD, HOURS) if name not in names]
    missing += [] if CELL in names or UNIT in names else [CELL]
    if missing:
        msg = (
            f"{label} has no column {missing[0]!r} (columns: {', '.join(names)}). Give cell or unit, period and hours."
        )
        raise InputError(msg)


def _places(column: pd.Series, kind: str, rows: np.ndarray, label: str) -> list[str]:
    for row, value in zip(rows, column, strict=True):
        if not value or (is_personal_value(value) and not any(sign.isdigit() for sign in value)):
            what = f"{mask_value(value)} (masked) looks like personal data" if value else f"the {kind} is empty"
            msg = f"{label}, row {row}: {what}. Write the name of a {kind} of the trial."
            raise InputError(msg)
    return [str(value) for value in column]


def _shown(value: str) -> str:
    """Return a wrong value; masked if it has letters, because it may be the name of a crew."""
    return f"{mask_value(value)} (masked)" if any(sign.isalpha() for sign in value) else repr(value)


def _days(column: pd.Series, rows: np.ndarray, label: str) -> pd.Series:
    days = pd.to_datetime(column.str.slice(0, 10), format="%Y-%m-%d", errors="coerce")
    if days.isna().any():
        at = int(np.flatnonzero(days.isna())[0])
        msg = f"{label}, row {rows[at]}: period={_shown(column.iloc[at])} is not a day. Write it as 2027-01-31."
        raise InputError(msg)
    return days


def _numbers(column: pd.Series, mark: str, name: str, rows: np.ndarray, label: str) -> pd.Series:
    """Return numbers of at least 0; an empty one is not known."""
    text = column.str.replace(mark, ".", regex=False)
    values = pd.to_numeric(text, errors="coerce")
    wrong = ~(np.isfinite(values) & (values >= 0)) & (text != "")
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        msg = f"{label}, row {rows[at]}: {name}={_shown(column.iloc[at])} is not a number of at least 0. Correct it."
        raise InputError(msg)
    return values
