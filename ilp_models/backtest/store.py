"""Store forecasts as Parquet partitions by recipe fingerprint, forecaster and cutoff."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import filelock
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import QUANTILE_COLUMNS, RiskForecast
from ilp_models.domain.local_file import local_file
from ilp_models.domain.panel import DIMS
from ilp_models.domain.parquet_file import open_parquet
from ilp_models.domain.replay import Cost, Replay, ReplayTerms
from ilp_models.stats.distributions import LEVELS

_DISPERSION: Final = b"ilp_models.dispersion"
_DIGEST: Final = b"ilp_models.digest"
_COST: Final = b"ilp_models.cost"  # not in the digest: the cost of the same forecast varies
_TERMS: Final = b"ilp_models.terms"
_FILE: Final = "part-0.parquet"


Spread = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ForecastStore:
    """A folder of stored forecasts; partitions are written atomically.

    Layout: ``<root>/<fingerprint>/forecaster=<name>/cutoff=<ISO date>/part-0.parquet``, which Parquet readers open
    as one table with the columns of ``ilp_models.domain.forecast.COLUMNS``.

    Parameters
    ----------
    root : Path
        Folder of all recipes.
    """

    root: Path

    def path(self, recipe: str, forecaster: str, cutoff: pd.Timestamp) -> Path:
        """Return the path of a stored forecast, existing or not."""
        return self.root / recipe / f"forecaster={forecaster}" / f"cutoff={cutoff.date().isoformat()}" / _FILE

    @contextlib.contextmanager
    def writing(self, recipes: Sequence[str]) -> Iterator[None]:
        """Lock the folders of some recipes against other runs."""
        with contextlib.ExitStack() as locks:
            for recipe in sorted(set(recipes)):
                folder = self.root / recipe
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    locks.enter_context(filelock.FileLock(folder / ".lock", timeout=0))
                except filelock.Timeout as error:
                    msg = (
                        f"Another run is writing the forecasts in {folder}. Wait until it ends (this run then "
                        "reuses them), or set another folder: output=<folder>."
                    )
                    raise StorageError(msg) from error
                except OSError as error:
                    msg = f"Cannot write forecasts to {folder}: {error.strerror}. Set another folder: output=<folder>."
                    raise StorageError(msg) from error
            yield

    def write(
        self,
        forecast: RiskForecast,
        observed: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
        cost: Cost | None = None,
        terms: ReplayTerms | None = None,
    ) -> str:
        """Store a forecast with recorded counts, cost and replay terms, and return the digest of its content."""
        target = self.path(forecast.recipe, forecast.forecaster, forecast.cutoff)
        table = forecast.to_table(observed).drop(columns=["forecaster", "cutoff"])
        spread = json.dumps(forecast.dispersion.values.tolist()).encode()
        rows = pa.Table.from_pandas(table, preserve_index=False)
        digest = _digest(table, spread)
        facts = {_DISPERSION: spread, _DIGEST: digest.encode()}
        facts |= {_COST: cost.to_json().encode()} if cost else {}
        facts |= {_TERMS: terms.to_json().encode()} if terms else {}
        rows = rows.replace_schema_metadata({**(rows.schema.metadata or {}), **facts})
        half_written = target.with_name(f".{os.getpid()}-{_FILE}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, half_written, compression="zstd", write_page_checksum=True)
            half_written.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                half_written.unlink()
            reason = error.strerror or error
            msg = f"Cannot store the forecast {target}: {reason}. Free disk space or set output=<folder>."
            raise StorageError(msg) from error
        return digest

    def digest(self, recipe: str, forecaster: str, cutoff: pd.Timestamp) -> str | None:
        """Return the digest of the content of a stored forecast; None if it is damaged, empty if there is none."""
        path = self.path(recipe, forecaster, cutoff)
        try:
            return self._read(path).digest if path.exists() else ""
        except StorageError:
            return None

    def missing(self, recipe: str, forecaster: str, cutoffs: Sequence[pd.Timestamp]) -> list[pd.Timestamp]:
        """Return the cutoffs that have no stored forecast yet."""
        return [cutoff for cutoff in cutoffs if not self.path(recipe, forecaster, cutoff).exists()]

    def stored_cutoffs(self, recipe: str) -> dict[str, list[pd.Timestamp]]:
        """Return the stored cutoffs of a recipe by forecaster."""
        found: dict[str, list[pd.Timestamp]] = {}
        for path in sorted(self.root.glob(f"{recipe}/forecaster=*/cutoff=*/{_FILE}")):
            forecaster, cutoff = (part.partition("=")[2] for part in path.parts[-3:-1])
            found.setdefault(forecaster, []).append(pd.Timestamp(cutoff))
        return found

    def replays(
        self,
        recipe: str,
        forecaster: str,
        cutoffs: Sequence[pd.Timestamp],
        freq: str,
        written: Mapping[pd.Timestamp, str] | None = None,
    ) -> list[Replay]:
        """Return the stored forecasts of one forecaster, one replay for each lead.

        ``written`` has the digests of forecasts that the caller stored: other content raises StorageError.
        """
        parts = [self._read(self.path(recipe, forecaster, cutoff)) for cutoff in cutoffs]
        for cutoff, part in zip(cutoffs, parts, strict=True):
            if (written or {}).get(cutoff, part.digest) != part.digest:
                path = self.path(recipe, forecaster, cutoff)
                msg = f"The stored forecast {path} was changed after this run computed it. Run again."
                raise StorageError(msg)
        joined = pd.concat([part.table for part in parts], ignore_index=True)
        joined["cutoff"] = np.repeat(np.array(cutoffs), [len(part.table) for part in parts])
        spread_of = {cutoff: part.spread for cutoff, part in zip(cutoffs, parts, strict=True)}
        cost, terms = Cost.total(part.cost for part in parts), ReplayTerms.joint(part.terms for part in parts)
        replays = (
            _replay(forecaster, recipe, int(rows["lead"].iloc[0]), rows, spread_of, freq)
            for _, rows in joined.groupby("lead", sort=True)
        )
        return [replace(one, cost=cost, terms=terms) for one in replays]

    def _read(self, path: Path) -> "_Partition":
        try:
            open_parquet(local_file(path, "The stored forecast ")).close()
            rows = pq.read_table(path, page_checksum_verification=True, partitioning=None)
            table, facts = rows.to_pandas(), rows.schema.metadata
            digest = _digest(table, facts[_DISPERSION])
            intact = digest.encode() == facts[_DIGEST]
            cost = Cost.from_json(facts[_COST]) if _COST in facts else None
            terms = ReplayTerms.from_json(facts[_TERMS]) if _TERMS in facts else None
        except Exception as error:  # a damaged file can raise any error
            msg = f"The stored forecast {path} is damaged ({type(error).__name__}). Delete the file and run again."
            raise StorageError(msg) from error
        if not intact:
            msg = f"The stored forecast {path} is damaged (its digest differs). Delete the file and run again."
            raise StorageError(msg)
        return _Partition(table, np.array(json.loads(facts[_DISPERSION])), cost, terms, digest)


@dataclass(frozen=True, eq=False)
class _Partition:
    """One stored forecast; cost and terms are None in old files, and its digest does not cover them."""

    table: pd.DataFrame
    spread: Spread
    cost: Cost | None
    terms: ReplayTerms | None
    digest: str


def _digest(table: pd.DataFrame, spread: bytes) -> str:
    """Return a SHA-256 of the content; Parquet checksums cover pages but not the footer."""
    columns: list[object] = []
    for name in table.columns:
        column, labels = table[name], None
        if isinstance(column.dtype, pd.CategoricalDtype):
            labels, column = list(map(str, column.cat.categories.to_numpy(dtype=object))), column.cat.codes
        elif name == "period":
            column = column.astype("datetime64[us]").astype("int64")
        columns.append([name, labels, column.to_numpy(dtype=np.float64, na_value=np.nan)])
    return digest_of(spread, columns)


def _replay(
    forecaster: str,
    recipe: str,
    lead: int,
    rows: pd.DataFrame,
    spread_of: dict[pd.Timestamp, Spread],
    freq: str,
) -> Replay:
    """Reshape the rows of one lead into cubes; rows of a cutoff are ordered by crime type, then cell."""
    starts = rows["period"].drop_duplicates()
    periods = pd.PeriodIndex(starts, freq=freq)
    types, cells = rows["crime_type"].cat.categories, rows["cell"].cat.categories
    coords = {"crime_type": list(types), "cell": cells, "period": periods}

    def cube(column: str, kind: type) -> xr.DataArray:
        values = rows[column].to_numpy(dtype=kind).reshape(len(periods), len(types), len(cells))
        return xr.DataArray(np.moveaxis(values, 0, 2), dims=DIMS, coords=coords)

    levels = np.stack([cube(column, np.float32).values for column in QUANTILE_COLUMNS])
    quantiles = xr.DataArray(levels, dims=("quantile", *DIMS), coords={"quantile": list(LEVELS), **coords})
    spreads = [spread_of[cutoff] for cutoff in rows["cutoff"].drop_duplicates()]
    spread = np.stack([one[..., lead - 1] if one.ndim == len(DIMS) else one for one in spreads], axis=-1)
    dims = DIMS if spread.ndim == len(DIMS) else ("crime_type", "period")
    dispersion = xr.DataArray(spread, dims=dims, coords={d: coords[d] for d in dims})
    return Replay(forecaster, recipe, lead, cube("expected", float), quantiles, dispersion, cube("observed", np.int32))
