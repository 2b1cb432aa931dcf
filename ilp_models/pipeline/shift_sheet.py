"""Write the sheet in which a shift fills in what was done; `read_dose` reads it when it comes back."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.dose import CELL, CREWS, HOURS, PERIOD, PLACE, PLANNED, SHEET
from ilp_models.export.marking import Marking
from ilp_models.export.workbook import is_too_long, write_form
from ilp_models.pipeline.allocation_result import AllocationResult

_MEANINGS: Final = {
    CELL: "Name of the cell. Add a row for work in a cell that is not in the plan",
    PLACE: "Place of the cell, as on the page of the shift",
    PERIOD: "First day of the period",
    PLANNED["hours"]: "Hours that the plan gives the cell in the period",
    PLANNED["cells"]: "Share of the cell that the plan covers; 1 is the whole cell",
    HOURS: "Hours really worked in this cell and period. 0 if no one worked there; empty if it is not known.",
    CREWS: "How many patrol units worked there. Never write who they were.",
}


def write_shift_sheet(result: AllocationResult, table: pd.DataFrame, marking: Marking, path: Path) -> list[Path]:
    """Write one row for each cell and period of the table of the shift; no file if a sheet cannot hold them."""
    rows = table.drop_duplicates([CELL, PERIOD])
    places = pd.Series(result.places, index=result.grid.cells.astype(str))
    sheet = pd.DataFrame(
        {
            CELL: rows["cell"].astype(str),
            PLACE: places.reindex(rows["cell"].astype(str)).to_numpy(),
            PERIOD: pd.to_datetime(rows["period"]),
            PLANNED[result.allocation.unit]: rows["effort"],
            HOURS: np.nan,
            CREWS: np.nan,
        }
    )
    if is_too_long(sheet):
        return []
    meanings = {str(name): _MEANINGS[str(name)] for name in sheet}
    write_form(SHEET, sheet, meanings, (HOURS, CREWS), marking, path)
    return [path]
