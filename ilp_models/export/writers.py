"""Which formats to write, under which grade: all files appear whole, or none does."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import geopandas as gpd
import pyogrio.errors
from pyarrow import ArrowException

from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid
from ilp_models.export import delimited, geojson, geopackage, geoparquet, geotiff
from ilp_models.export.marking import GRADES, Marking, Provenance, mark
from ilp_models.export.table import CellTable, risk_table

PLAIN_NAMES: Final[Mapping[str, str]] = {
    "parquet": "forecast.parquet",
    "gpkg": "grid.gpkg",
    "geojson": "grid.geojson",
    "csv": "grid.csv",
    "geotiff": "grid.tif",
}
FAILURES: Final = (
    OSError,
    ArrowException,
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
)
_Write = Callable[[gpd.GeoDataFrame, Marking, Path], None]


def marked_names(grade: str) -> dict[str, str]:
    """Return file names that show the grade, for files that leave the folder of their run."""
    word = "research-only" if grade == "research" else grade
    return {form: "{0}-{2}.{1}".format(*name.split("."), word) for form, name in PLAIN_NAMES.items()}


@dataclass(frozen=True)
class Export:
    """Formats and grade of an export.

    Parameters
    ----------
    formats : tuple of str
        Any of ``parquet``, ``gpkg``, ``geojson``, ``csv``, ``geotiff``.
    grade : str, default "research"
        ``research`` is always given and marked; ``allocation`` demands a decision that admits that very forecast.

    Raises
    ------
    InputError
        If a format or the grade is unknown.
    """

    formats: tuple[str, ...] = ("parquet", "gpkg", "geojson", "csv")
    grade: str = "research"

    def __post_init__(self) -> None:
        """Refuse words that name no format or grade."""
        object.__setattr__(self, "formats", tuple(self.formats))
        unknown = [name for name in self.formats if name not in PLAIN_NAMES]
        if unknown or not self.formats:
            msg = f"export.formats={list(self.formats)} must be some of {', '.join(PLAIN_NAMES)}."
            raise InputError(msg)
        if self.grade not in GRADES:
            msg = f"export.grade={self.grade!r} is unknown; choose one of {', '.join(GRADES)}."
            raise InputError(msg)

    def write(
        self,
        forecast: RiskForecast,
        grid: Grid | CellTable,
        provenance: Provenance,
        decision: Decision | None,
        folder: Path,
        names: Mapping[str, str] = PLAIN_NAMES,
    ) -> list[Path]:
        """Return the files written, after all of them are whole."""
        marking = mark(forecast, provenance, decision, self.grade)
        table = risk_table(forecast, grid if isinstance(grid, CellTable) else CellTable.from_grid(grid), marking)
        writers: dict[str, _Write] = {
            "parquet": partial(geoparquet.write, forecast),
            "gpkg": geopackage.write,
            "geojson": geojson.write,
            "csv": delimited.write,
            "geotiff": geotiff.write,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".export-", dir=folder, ignore_cleanup_errors=True) as unfinished:
                for name in self.formats:
                    writers[name](table, marking, Path(unfinished, names[name]))
                return [path.replace(folder / path.name) for path in sorted(Path(unfinished).iterdir())]
        except FAILURES as error:
            reason = str(error).partition("\n")[0]
            msg = f"The export to {folder} failed ({reason}); free space there or choose another folder."
            raise StorageError(msg) from error
