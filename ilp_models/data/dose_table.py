"""Read a dose table: hours by cell or unit and period; refuse what identifies an officer, a car or a position."""

from typing import Final

import numpy as np
import pandas as pd

from ilp_models.data.masking import mask_value
from ilp_models.data.personal_data import is_personal_value, looks_personal, names_patrol
from ilp_models.domain.dose import CELL, UNIT, Dose
from ilp_models.domain.errors import InputError
from ilp_models.domain.text_table import read_marked_table

_PERIOD: Final = "period"
_HOURS: Final = "hours"
_CREWS: Final = "crews"
_KNOWN: Final = (CELL, UNIT, _PERIOD, _HOURS, _CREWS)


def read_dose(path: str, sheet: str | None = None) -> Dose:
    r"""Return the dose in a CSV file, spreadsheet or Parquet file.

    Parameters
    ----------
    path : str
        A table with the columns ``cell`` or ``unit``, ``period`` (its first day, as 2027-01-31) and ``hours``. The
        optional column ``crews`` has the number of patrol units that served the place. Other columns are dropped.
    sheet : str, optional
        Sheet of a spreadsheet; by default the only visible one that is not empty.

    Returns
    -------
    Dose
        One row for each row of the table.

    Raises
    ------
    InputError
        If a column is missing, names an officer, a car or a position, or a value cannot be read.

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
    label = f"dose={path}"
    raw, mark = read_marked_table(path, "dose=", sheet)
    raw.columns = pd.Index([str(name).strip().lower() for name in raw.columns])
    _check_columns(list(raw.columns), label)
    kind = CELL if CELL in raw else UNIT
    raw = raw[(raw != "").any(axis=1)]
    if raw.empty:
        msg = f"{label} has no row. Give one row for each {kind} and period with its hours."
        raise InputError(msg)
    rows = raw.index.to_numpy() + 2  # the header is row 1
    table = pd.DataFrame(
        {
            "row": rows,
            "place": _places(raw[kind], kind, rows, label),
            _PERIOD: _days(raw[_PERIOD], rows, label),
            _HOURS: _numbers(raw[_HOURS], mark, _HOURS, rows, label),
            _CREWS: _numbers(raw[_CREWS], mark, _CREWS, rows, label) if _CREWS in raw else np.nan,
        }
    )
    dropped = tuple(name for name in raw.columns if name not in (kind, _PERIOD, _HOURS, _CREWS))
    return Dose(path.replace("\\", "/").rpartition("/")[2], kind, table, dropped)


def _check_columns(names: list[str], label: str) -> None:
    for name in names:
        if name not in _KNOWN and (names_patrol(name) or looks_personal(name)):
            msg = (
                f"{label}: the column {name!r} looks like it identifies an officer, a car or a position, and cannot be "
                "used. Delete it from the file, and give hours by cell or unit only."
            )
            raise InputError(msg)
    missing = [name for name in (_PERIOD, _HOURS) if name not in names]
    missing += [] if CELL in names or UNIT in names else [CELL]
    if missing or len(set(names) & {CELL, UNIT}) > 1:
        what = f"has no column {missing[0]!r}" if missing else "has both columns 'cell' and 'unit'"
        msg = f"{label} {what} (columns: {', '.join(names)}). Give cell or unit, period and hours."
        raise InputError(msg)


def _places(column: pd.Series, kind: str, rows: np.ndarray, label: str) -> list[str]:
    for row, value in zip(rows, column, strict=True):
        if not value or (is_personal_value(value) and not any(sign.isdigit() for sign in value)):
            what = f"{mask_value(value)} (masked) looks like personal data" if value else f"the {kind} is empty"
            msg = f"{label}, row {row}: {what}. Write the name of a {kind} of the trial."
            raise InputError(msg)
    return [str(value) for value in column]


def _days(column: pd.Series, rows: np.ndarray, label: str) -> pd.Series:
    days = pd.to_datetime(column.str.slice(0, 10), format="%Y-%m-%d", errors="coerce")
    if days.isna().any():
        at = int(np.flatnonzero(days.isna())[0])
        msg = f"{label}, row {rows[at]}: period={column.iloc[at]!r} is not a day. Write it as 2027-01-31."
        raise InputError(msg)
    return days


def _numbers(column: pd.Series, mark: str, name: str, rows: np.ndarray, label: str) -> pd.Series:
    """Return numbers of at least 0; an empty number of crews is not known."""
    text = column.str.replace(mark, ".", regex=False)
    values = pd.to_numeric(text, errors="coerce")
    wrong = ~(np.isfinite(values) & (values >= 0)) & ~((text == "") & (name == _CREWS))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        msg = f"{label}, row {rows[at]}: {name}={column.iloc[at]!r} is not a number of at least 0. Correct it."
        raise InputError(msg)
    return values
