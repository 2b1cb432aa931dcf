"""How many events are reported where: a table that somebody who asked victims can give."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.groups.counts import read_text_table
from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid, parent_labels

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReportingRates:
    """Shares of events that are reported, by area, such as from a survey of victims.

    Parameters
    ----------
    path : str, optional
        CSV or Parquet file with one row an area.
    everywhere : float, optional
        One rate for all places instead. Without either, the audit takes a band of assumed rates.
    area, rate : str
        Column names; a rate lies above 0 and is at most 1.
    level : str, optional
        Level of parent areas of the grid that the table names; by default the first. A grid without parents is
        matched by the names of its cells.

    Raises
    ------
    InputError
        If there is no file at the path, or the rate for all places is out of its range or stands beside a table.
    """

    path: str | None = None
    everywhere: float | None = None
    area: str = "area"
    rate: str = "rate"
    level: str | None = None

    def __post_init__(self) -> None:
        """Refuse a file that is not there before hours of replay, and a rate that is none."""
        if self.everywhere is not None and (self.path is not None or not 0 < self.everywhere <= 1):
            msg = (
                f"audit.reporting_rates.everywhere={self.everywhere} must lie above 0, be at most 1, and stand without "
                "a path."
            )
            raise InputError(msg)
        if self.path is not None and not Path(self.path).is_file():
            msg = f"audit.reporting_rates.path={self.path}: there is no such file; give a table of area and rate."
            raise InputError(msg)

    def to_cells(self, grid: Grid) -> Floats | None:
        """Return the rate of each cell."""
        if self.everywhere is not None:
            return np.full(len(grid), self.everywhere)
        if self.path is None:
            return None
        path = self.path
        try:
            rates = pd.to_numeric(read_text_table(path).set_index(self.area)[self.rate], errors="coerce")
        except (InputError, KeyError) as error:
            msg = (
                f"The reporting rates in {path} cannot be read ({error}); give the columns {self.area} and {self.rate}."
            )
            raise InputError(msg) from error
        if not rates.index.is_unique or not ((rates > 0) & (rates <= 1)).all():
            msg = f"The reporting rates in {path} need one row an area, each above 0 and at most 1."
            raise InputError(msg)
        labels = pd.Index(grid.cells.astype(str) if grid.parents.empty else parent_labels(grid, self.level))
        lacking = labels[~labels.isin(rates.index)].unique()
        if len(lacking):
            msg = (
                f"{len(lacking)} areas of the grid have no reporting rate in {path}, such as {lacking[0]!r}; add them."
            )
            raise InputError(msg)
        return np.asarray(rates.loc[labels], dtype=float)
