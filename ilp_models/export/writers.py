"""Write a forecast in several formats under one grade; all files are written, or none."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd
import pyogrio.errors
from pyarrow import ArrowException
from xlsxwriter.exceptions import XlsxWriterException

from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid
from ilp_models.domain.text_output import check_decimal
from ilp_models.export.csv_tables import write_csv
from ilp_models.export.geopackage import write_geopackage
from ilp_models.export.geoparquet import write_geoparquet
from ilp_models.export.gis_formats import check_cells, write_geojson, write_geotiff
from ilp_models.export.marking import GRADES, Marking, Provenance, mark
from ilp_models.export.rocrate import METADATA
from ilp_models.export.table import CellTable, risk_table
from ilp_models.export.workbook import check_rows, write_workbook

FILE_NAMES: Final[Mapping[str, str]] = {
    "parquet": "forecast.parquet",
    "gpkg": "grid.gpkg",
    "geojson": "grid.geojson",
    "csv": "grid.csv",
    "xlsx": "grid.xlsx",
    "geotiff": "grid.tif",
}
DOCUMENTS: Final[Mapping[str, str]] = {"atrs": "atrs.json", "rocrate": METADATA}  # about the run behind an export
_STAGING: Final = ".export-"
WRITE_ERRORS: Final = (
    OSError,
    sqlite3.Error,
    XlsxWriterException,
    ArrowException,
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
)
_Write = Callable[[gpd.GeoDataFrame, Marking, Path], None]
Describe = Callable[[Marking, Path], None]  # adds documents to the folder of the exported files


def graded_file_names(grade: str) -> dict[str, str]:
    """Return file names that include the grade, for exports outside the run folder."""
    suffix = "research-only" if grade == "research" else grade
    names = {**FILE_NAMES, "atrs": DOCUMENTS["atrs"]}
    graded = {form: "{0}-{2}.{1}".format(*name.split("."), suffix) for form, name in names.items()}
    return {**graded, "rocrate": METADATA}  # the standard sets this name


@dataclass(frozen=True)
class Export:
    """Write the forecast grid in several file formats under one grade.

    Parameters
    ----------
    formats : tuple of str, default ("parquet", "gpkg", "geojson", "csv", "xlsx")
        Any of ``parquet``, ``gpkg``, ``geojson``, ``csv``, ``xlsx``, ``geotiff``.
    grade : str, default "research"
        ``research`` is always permitted. ``allocation`` needs a decision that permits this forecast.
    decimal : str, default "point"
        Decimal mark of CSV files: ``point``, or ``comma`` with semicolons between the columns.

    Raises
    ------
    InputError
        If a format, the grade or the decimal mark is unknown.

    Examples
    --------
    >>> Export(("csv", "gpkg")).grade
    'research'
    """

    formats: tuple[str, ...] = ("parquet", "gpkg", "geojson", "csv", "xlsx")
    grade: str = "research"
    decimal: str = "point"

    def __post_init__(self) -> None:
        """Check formats and grade."""
        object.__setattr__(self, "formats", tuple(self.formats))
        unknown = [name for name in self.formats if name not in FILE_NAMES]
        if unknown or not self.formats:
            about = f" `ilp export` also has {', '.join(DOCUMENTS)}." if set(unknown) <= set(DOCUMENTS) else ""
            msg = f"export.formats={list(self.formats)} is not valid. Choose from {', '.join(FILE_NAMES)}.{about}"
            raise InputError(msg)
        check_decimal(self.decimal, "export.decimal")
        if self.grade not in GRADES:
            msg = f"export.grade={self.grade!r} is unknown. Choose one of {', '.join(GRADES)}."
            raise InputError(msg)

    def check_size(self, cells: int, rows: int) -> None:
        """Raise InputError where a format cannot hold so many cells or rows (crime types x cells x periods)."""
        if "geojson" in self.formats:
            check_cells(cells)
        if "xlsx" in self.formats:
            check_rows(rows)

    def write(  # noqa: PLR0913 - what a file holds, and where it goes
        self,
        forecast: RiskForecast,
        grid: Grid | CellTable,
        provenance: Provenance,
        decision: Decision | None,
        folder: Path,
        names: Mapping[str, str] = FILE_NAMES,
        *,
        scores: pd.DataFrame | None = None,
        describe: Describe | None = None,
    ) -> list[Path]:
        """Write the files atomically and return their paths.

        ``scores`` of a backtest are a sheet of the workbook. ``describe`` adds documents about the files.
        """
        marking = mark(forecast, provenance, decision, self.grade)
        cell_table = grid if isinstance(grid, CellTable) else CellTable.from_grid(grid)
        marking = replace(marking, facts={**marking.facts, **cell_table.facts}, decimal=self.decimal)
        table = risk_table(forecast, cell_table, marking)
        writers: dict[str, _Write] = {
            "parquet": partial(write_geoparquet, forecast, cell_table),
            "gpkg": write_geopackage,
            "geojson": write_geojson,
            "csv": write_csv,
            "xlsx": partial(write_workbook, None if cell_table.recent is None else cell_table.recent.unit, scores),
            "geotiff": write_geotiff,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for stale in folder.glob(f"{_STAGING}*"):  # of a program that was killed
                shutil.rmtree(stale, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=_STAGING, dir=folder, ignore_cleanup_errors=True) as temporary:
                for name in self.formats:
                    writers[name](table, marking, Path(temporary, names[name]))
                if describe is not None:
                    describe(marking, Path(temporary))
                return [path.replace(folder / path.name) for path in sorted(Path(temporary).iterdir())]
        except WRITE_ERRORS as error:
            reason = str(error).partition("\n")[0]
            msg = f"The export to {folder} failed ({reason}). Free disk space or choose another folder."
            raise StorageError(msg) from error
