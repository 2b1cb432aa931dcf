"""Keeping what an audit looked at, in open tables, so that anybody can look at it again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from scipy.sparse import csr_matrix

from ilp_models.audit.subject import Subject
from ilp_models.domain.design import Column
from ilp_models.domain.distribution import LEVELS
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.events import Events
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.grid import Grid
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.robustness import Robustness

_TABLES: Final = ("perturbations", "refits", "interactions")
_CODES: Final = {"crime_type": "category", "cell": "category"}


class _Nowhere:
    """The locator of cells that are only looked at."""

    def locate(self, events: Events) -> Any:
        msg = f"Cells kept for an audit locate no events ({len(events)} given); build the grid of the run."
        raise InputError(msg)


def write_subject(subject: Subject, folder: Path, facts: Mapping[str, Any]) -> Path:
    """Return the folder in which all that an audit looked at was kept.

    Parameters
    ----------
    subject : Subject
        Replays, cells, explanation.
    folder : Path
        Made if missing.
    facts : mapping
        Plain JSON values to keep beside it, such as the settings of the audit.

    Returns
    -------
    Path
        ``folder``, with ``replays.parquet``, ``cells.parquet``, ``neighbours.parquet``, ``explanation.parquet`` where
        there is one, and ``subject.json`` with the SHA-256 of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    replays = (subject.replay, subject.baseline)
    tables = {"replays": pd.concat([_long(one) for one in replays], ignore_index=True).astype(_CODES)}
    tables |= _cells(subject.grid)
    if subject.explanation is not None:
        tables["explanation"] = _units(subject.explanation)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
    plain = {
        **facts,
        "data": subject.data,
        "crs": subject.grid.crs,
        "parents": list(subject.grid.parents.columns),
        "freq": subject.replay.periods.freqstr,
        "replays": [{"forecaster": one.forecaster, "recipe": one.recipe, "lead": one.lead} for one in replays],
        "dispersion": [list(one.dispersion.dims) for one in replays],
        "features": None if subject.features is None else [vars(column) for column in subject.features],
        "explanation": None if subject.explanation is None else _meaning(subject.explanation),
        "files": {f"{name}.parquet": _digest(folder / f"{name}.parquet") for name in tables},
    }
    (folder / "subject.json").write_text(json.dumps(plain, indent=2, default=str) + "\n", encoding="utf-8")
    return folder


def read_subject(folder: Path) -> tuple[Subject, dict[str, Any]]:
    """Return what an audit looked at, every file checked, and the facts kept beside it.

    Parameters
    ----------
    folder : Path
        As :func:`write_subject` left it.

    Returns
    -------
    tuple of Subject and dict
        The same numbers to the last bit.

    Raises
    ------
    InputError
        If the folder holds no audit.
    StorageError
        If a file was changed, removed or cannot be read.
    """
    path = folder / "subject.json"
    if not path.is_file():
        msg = f"{folder} holds no audit to look at again; name the folder of a run of `ilp audit` or `ilp weekly`."
        raise InputError(msg)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        for name, digest in plain["files"].items():
            if _digest(folder / name) != digest:
                msg = f"{folder / name} was changed after the audit; nothing can be shown from it."
                raise StorageError(msg)
        tables = {Path(name).stem: pd.read_parquet(folder / name) for name in plain["files"]}
        return _subject(tables, plain), plain
    except (OSError, KeyError, TypeError, ValueError) as error:
        msg = f"The audit kept in {folder} cannot be read ({error!r}); ask for a whole copy."
        raise StorageError(msg) from error


def _subject(tables: Mapping[str, pd.DataFrame], plain: Mapping[str, Any]) -> Subject:
    grid = _grid(tables["cells"], tables["neighbours"], plain)
    replays = [
        _replay(tables["replays"], about, dims, grid, plain["freq"])
        for about, dims in zip(plain["replays"], plain["dispersion"], strict=True)
    ]
    features = None if plain["features"] is None else tuple(Column(**column) for column in plain["features"])
    explanation = None if plain["explanation"] is None else _explanation(tables["explanation"], plain["explanation"])
    return Subject(replays[0], replays[1], grid, explanation, features, plain["data"])


def _long(replay: Replay) -> pd.DataFrame:
    """Return a replay as rows, one a unit, in the order of its cubes."""
    table = replay.observed.to_series().rename("observed").reset_index()
    table["period"] = table["period"].dt.start_time
    table["expected"] = replay.expected.values.ravel()
    for name, level in zip(QUANTILE_COLUMNS, replay.quantiles.values, strict=True):
        table[name] = level.ravel()
    table["dispersion"] = replay.dispersion.broadcast_like(replay.expected).transpose(*DIMS).values.ravel()
    table.insert(0, "forecaster", replay.forecaster)
    return table


def _replay(table: pd.DataFrame, about: Mapping[str, Any], dims: list[str], grid: Grid, freq: str) -> Replay:
    rows = table[table["forecaster"] == about["forecaster"]]
    types, periods = rows["crime_type"].astype(str).unique(), rows["period"].unique()
    coords = {"crime_type": types, "cell": grid.cells, "period": pd.PeriodIndex(periods, freq=freq)}
    shape = tuple(len(labels) for labels in coords.values())

    def cube(name: str) -> xr.DataArray:
        return xr.DataArray(rows[name].to_numpy().reshape(shape), dims=DIMS, coords=coords)

    quantiles = xr.concat([cube(name) for name in QUANTILE_COLUMNS], pd.Index(LEVELS, name="quantile"))
    spread = cube("dispersion")
    spread = spread.isel({dim: 0 for dim in DIMS if dim not in dims}, drop=True)
    return Replay(**about, expected=cube("expected"), quantiles=quantiles, dispersion=spread, observed=cube("observed"))


def _cells(grid: Grid) -> dict[str, pd.DataFrame]:
    cells = pd.DataFrame(
        {
            "cell": grid.cells.astype(str),
            "area_m2": grid.area_m2,
            "geometry": shapely.to_wkb(grid.geometry),
            "population": np.nan if grid.population is None else grid.population,
        }
    )
    for name in grid.parents.columns:
        cells[f"parent {name}"] = grid.parents[name].to_numpy()
    links = grid.neighbours.tocoo()
    return {"cells": cells, "neighbours": pd.DataFrame({"cell": links.row, "neighbour": links.col})}


def _grid(cells: pd.DataFrame, links: pd.DataFrame, plain: Mapping[str, Any]) -> Grid:
    size = len(cells)
    ones = np.ones(len(links), dtype=np.int8)
    population = cells["population"].to_numpy()
    return Grid(
        cells=pd.Index(cells["cell"].to_numpy(), name="cell"),
        geometry=shapely.from_wkb(cells["geometry"].to_numpy()),
        area_m2=cells["area_m2"].to_numpy(),
        crs=plain["crs"],
        neighbours=csr_matrix((ones, (links["cell"], links["neighbour"])), shape=(size, size)),
        locator=_Nowhere(),
        kept=np.arange(size),
        parents=pd.DataFrame({name: cells[f"parent {name}"] for name in plain["parents"]}),
        population=None if np.isnan(population).all() else population,
    )


def _units(explanation: Explanation) -> pd.DataFrame:
    """Return an explanation as rows: log expected count, weight, then attribution and value of each feature."""
    table = explanation.log_expected.to_series().rename("log_expected").reset_index().astype(_CODES)
    table["period"] = table["period"].dt.start_time
    table["weight"] = explanation.shares.ravel()
    size = len(explanation.columns)
    for kind, cube in (("attribution", explanation.attributions), ("value", explanation.values)):
        flat = cube.values.reshape(-1, size)
        wide = pd.DataFrame(flat, columns=[f"{kind} {at}" for at in range(size)])
        table = pd.concat([table, wide], axis=1)
    return table


def _meaning(explanation: Explanation) -> dict[str, Any]:
    tried = explanation.robustness
    return {
        "forecaster": explanation.forecaster,
        "cutoff": explanation.cutoff.isoformat(),
        "method": explanation.method,
        "freq": explanation.log_expected.indexes["period"].freqstr,
        "columns": [vars(column) for column in explanation.columns],
        "base": explanation.base.values.tolist(),
        "weighted": explanation.weights is not None,
        "robustness": None
        if tried is None
        else {
            **{name: getattr(tried, name).to_dict("list") for name in _TABLES},
            "interventional_error": tried.interventional_error,
            "rows": tried.rows,
        },
    }


def _explanation(table: pd.DataFrame, about: Mapping[str, Any]) -> Explanation:
    periods = pd.PeriodIndex(table["period"].unique(), freq=about["freq"])
    coords: dict[str, Any] = {
        "crime_type": table["crime_type"].astype(str).unique(),
        "cell": pd.Index(table["cell"].astype(str).unique(), name="cell"),
        "period": periods,
    }
    shape = tuple(len(labels) for labels in coords.values())
    columns = tuple(Column(**column) for column in about["columns"])
    features = coords | {"feature": [column.name for column in columns]}

    def cube(name: str) -> xr.DataArray:
        return xr.DataArray(table[name].to_numpy().reshape(shape), dims=DIMS, coords=coords)

    def wide(kind: str) -> xr.DataArray:
        flat = table[[f"{kind} {at}" for at in range(len(columns))]].to_numpy()
        return xr.DataArray(flat.reshape(*shape, len(columns)), dims=(*DIMS, "feature"), coords=features)

    tried = about["robustness"]
    if tried is not None:
        tried = Robustness(**{**tried, **{name: pd.DataFrame(tried[name]) for name in _TABLES}})
    return Explanation(
        attributions=wide("attribution"),
        values=wide("value"),
        base=xr.DataArray(about["base"], dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
        log_expected=cube("log_expected"),
        columns=columns,
        forecaster=about["forecaster"],
        cutoff=pd.Timestamp(about["cutoff"]),
        method=about["method"],
        weights=cube("weight") if about["weighted"] else None,
        robustness=tried,
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
