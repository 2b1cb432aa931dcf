"""The table of sums over areas: one row a level, area, crime type and period, for spreadsheets."""

import tempfile
from pathlib import Path
from typing import Final

import pandas as pd

from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.export.delimited import write_rows
from ilp_models.export.marking import Marking

NAME: Final = "areas.csv"


def write_areas(table: pd.DataFrame, marking: Marking, folder: Path) -> list[Path]:
    """Return ``areas.csv`` and the facts beside it, written whole or not at all."""
    rows = table.astype(dict.fromkeys(QUANTILE_COLUMNS, "Int64"))  # whole counts, or nothing
    units = "expected and q05 to q95: events per area and period; empty: not known"
    try:
        with tempfile.TemporaryDirectory(prefix=".areas-", dir=folder, ignore_cleanup_errors=True) as unfinished:
            files = write_rows(rows, {**marking.facts, "units": units}, Path(unfinished, NAME))
            return [one.replace(folder / one.name) for one in files]
    except OSError as error:
        msg = f"{NAME} could not be written to {folder} ({error.strerror}); free space there or choose another folder."
        raise StorageError(msg) from error
