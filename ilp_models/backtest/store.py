"""Stored forecasts: Parquet partitions by forecaster and cutoff, under the fingerprint of their recipe."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from ilp_models.domain.distribution import LEVELS
from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import QUANTILE_COLUMNS, RiskForecast
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay

_DISPERSION: Final = b"ilp_models.dispersion"
_FILE: Final = "part-0.parquet"


@dataclass(frozen=True)
class ForecastStore:
    """A folder of stored forecasts; a partition is there whole or not at all.

    Layout: ``<root>/<fingerprint>/forecaster=<name>/cutoff=<ISO date>/part-0.parquet``, which Parquet readers open
    as one table with the columns of ``ilp_models.domain.forecast.COLUMNS``.

    Parameters
    ----------
    root : Path
        Folder of all recipes.
    """

    root: Path

    def path(self, recipe: str, forecaster: str, cutoff: pd.Timestamp) -> Path:
        """Return where a forecast is or would be stored.

        Parameters
        ----------
        recipe : str
            Fingerprint of the recipe.
        forecaster : str
            Name under which the forecaster was configured.
        cutoff : Timestamp
            The moment of the forecast.

        Returns
        -------
        Path
            The partition's file.
        """
        return self.root / recipe / f"forecaster={forecaster}" / f"cutoff={cutoff.date().isoformat()}" / _FILE

    @contextlib.contextmanager
    def writing(self, recipes: Sequence[str]) -> Iterator[None]:
        """Keep other runs from writing the same recipes meanwhile.

        Parameters
        ----------
        recipes : sequence of str
            Fingerprints about to be written.

        Yields
        ------
        None
            While the locks are held.

        Raises
        ------
        StorageError
            If another run holds one of them, or the folder cannot be written.
        """
        with contextlib.ExitStack() as held:
            for recipe in sorted(set(recipes)):
                folder = self.root / recipe
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    held.enter_context(filelock.FileLock(folder / ".lock", timeout=0))
                except filelock.Timeout as error:
                    msg = (
                        f"Another run is writing the forecasts in {folder}. Wait until it has ended (this run then "
                        "reuses them), or give this one a folder of its own with output=<folder>."
                    )
                    raise StorageError(msg) from error
                except OSError as error:
                    msg = f"Cannot write forecasts to {folder}: {error.strerror}. Choose another folder: output=..."
                    raise StorageError(msg) from error
            yield

    def write(self, forecast: RiskForecast, observed: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> None:
        """Store a forecast beside what happened.

        Parameters
        ----------
        forecast : RiskForecast
            Named, with its recipe's fingerprint.
        observed : ndarray of int32
            Counts, shape of ``forecast.expected``.

        Raises
        ------
        StorageError
            If the folder cannot be written or the disk is full; no partial file is left under the final name.
        """
        target = self.path(forecast.recipe, forecast.forecaster, forecast.cutoff)
        rows = pa.Table.from_pandas(
            forecast.to_table(observed).drop(columns=["forecaster", "cutoff"]), preserve_index=False
        )
        spread = json.dumps(forecast.dispersion.values.tolist())
        rows = rows.replace_schema_metadata({**(rows.schema.metadata or {}), _DISPERSION: spread.encode()})
        half_written = target.with_name(f".{os.getpid()}-{_FILE}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, half_written, compression="zstd", write_page_checksum=True)
            half_written.replace(target)
        except OSError as error:
            half_written.unlink(missing_ok=True)
            msg = f"Cannot store the forecast {target}: {error.strerror or error}. Free space or choose output=..."
            raise StorageError(msg) from error

    def missing(self, recipe: str, forecaster: str, cutoffs: Sequence[pd.Timestamp]) -> list[pd.Timestamp]:
        """Return the cutoffs that have no stored forecast yet.

        Parameters
        ----------
        recipe : str
            Fingerprint of the recipe.
        forecaster : str
            Name of the forecaster.
        cutoffs : sequence of Timestamp
            Cutoffs wanted.

        Returns
        -------
        list of Timestamp
            In the order given.
        """
        return [cutoff for cutoff in cutoffs if not self.path(recipe, forecaster, cutoff).exists()]

    def replays(self, recipe: str, forecaster: str, cutoffs: Sequence[pd.Timestamp], freq: str) -> list[Replay]:
        """Return the stored forecasts of one forecaster, one replay a lead.

        Parameters
        ----------
        recipe : str
            Fingerprint of the recipe.
        forecaster : str
            Name of the forecaster.
        cutoffs : sequence of Timestamp
            Cutoffs, oldest first.
        freq : str
            Frequency of the periods.

        Returns
        -------
        list of Replay
            Lead 1 first.

        Raises
        ------
        StorageError
            If a partition is damaged.
        """
        tables, spreads = zip(*(self._read(self.path(recipe, forecaster, cutoff)) for cutoff in cutoffs), strict=True)
        joined = pd.concat(tables, ignore_index=True)
        spread_of = dict(zip(cutoffs, spreads, strict=True))
        joined["cutoff"] = np.repeat(np.array(cutoffs), [len(table) for table in tables])
        return [
            _replay(forecaster, recipe, int(lead), rows, spread_of, freq)
            for lead, rows in joined.groupby("lead", sort=True)
        ]

    def _read(self, path: Path) -> tuple[pd.DataFrame, list[float]]:
        try:
            rows = pq.read_table(path, page_checksum_verification=True, partitioning=None)
            return rows.to_pandas(), json.loads(rows.schema.metadata[_DISPERSION])
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            msg = f"The stored forecast {path} is damaged ({type(error).__name__}). Delete that file and run again."
            raise StorageError(msg) from error


def _replay(
    forecaster: str,
    recipe: str,
    lead: int,
    rows: pd.DataFrame,
    spread_of: dict[pd.Timestamp, list[float]],
    freq: str,
) -> Replay:
    """Put the rows of one lead back into cubes; rows of a cutoff stand in the order crime type, cell."""
    starts = rows["period"].drop_duplicates()
    periods = pd.PeriodIndex(starts, freq=freq)
    types, cells = rows["crime_type"].cat.categories, rows["cell"].cat.categories
    coords = {"crime_type": list(types), "cell": cells, "period": periods}

    def cube(column: str, kind: type) -> xr.DataArray:
        values = rows[column].to_numpy(dtype=kind).reshape(len(periods), len(types), len(cells))
        return xr.DataArray(np.moveaxis(values, 0, 2), dims=DIMS, coords=coords)

    levels = np.stack([cube(column, np.float32).values for column in QUANTILE_COLUMNS])
    quantiles = xr.DataArray(levels, dims=("quantile", *DIMS), coords={"quantile": list(LEVELS), **coords})
    spread = np.array([spread_of[cutoff] for cutoff in rows["cutoff"].drop_duplicates()])
    of_types = {"crime_type": coords["crime_type"], "period": periods}
    dispersion = xr.DataArray(np.moveaxis(spread, 0, -1), dims=("crime_type", "period"), coords=of_types)
    return Replay(forecaster, recipe, lead, cube("expected", float), quantiles, dispersion, cube("observed", np.int32))
