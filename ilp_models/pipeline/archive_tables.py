"""Cubes and cells as open tables, and back, to the last bit."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.explanation import Explanation, Robustness
from ilp_models.domain.features import Column
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.grid import Grid
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.terms import ReplayTerms
from ilp_models.stats.distributions import LEVELS

CODES: Final = {"crime_type": "category", "cell": "category"}


class NullLocator:
    """The locator of cells that were read from a file and are only looked at."""

    def locate(self, events: Events) -> Any:
        """Refuse: a file of cells does not hold how they were cut."""
        msg = f"Cells read from a file locate no events ({len(events)} given); build the grid of the run."
        raise InputError(msg)


def replay_meaning(replay: Replay) -> dict[str, Any]:
    """Return what the rows of a replay do not say."""
    about = {"forecaster": replay.forecaster, "recipe": replay.recipe, "lead": replay.lead}
    return about | {"terms": None if replay.terms is None else asdict(replay.terms)}


def replay_rows(replay: Replay) -> pd.DataFrame:
    """Return a replay as rows, one a unit, in the order of its cubes."""
    table = replay.observed.to_series().rename("observed").reset_index()
    table["period"] = table["period"].dt.start_time
    table["expected"] = replay.expected.values.ravel()
    for name, level in zip(QUANTILE_COLUMNS, replay.quantiles.values, strict=True):
        table[name] = level.ravel()
    table["dispersion"] = replay.dispersion.broadcast_like(replay.expected).transpose(*DIMS).values.ravel()
    table.insert(0, "forecaster", replay.forecaster)
    return table


def read_replay(table: pd.DataFrame, about: Mapping[str, Any], dims: list[str], grid: Grid, freq: str) -> Replay:
    """Return the replay that :func:`replay_rows` made rows of."""
    rows = table[table["forecaster"] == about["forecaster"]]
    types, periods = rows["crime_type"].astype(str).unique(), rows["period"].unique()
    coords = {"crime_type": types, "cell": grid.cells, "period": pd.PeriodIndex(periods, freq=freq)}
    shape = tuple(len(labels) for labels in coords.values())

    def cube(name: str) -> xr.DataArray:
        return xr.DataArray(rows[name].to_numpy().reshape(shape), dims=DIMS, coords=coords)

    quantiles = xr.concat([cube(name) for name in QUANTILE_COLUMNS], pd.Index(LEVELS, name="quantile"))
    spread = cube("dispersion")
    spread = spread.isel({dim: 0 for dim in DIMS if dim not in dims}, drop=True)
    return Replay(
        **{**about, "terms": None if about["terms"] is None else ReplayTerms(**about["terms"])},
        expected=cube("expected"),
        quantiles=quantiles,
        dispersion=spread,
        observed=cube("observed"),
    )


def cell_tables(grid: Grid) -> dict[str, pd.DataFrame]:
    """Return cells and the pairs of them that touch."""
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


def read_grid(cells: pd.DataFrame, links: pd.DataFrame, plain: Mapping[str, Any]) -> Grid:
    """Return the cells that :func:`cell_tables` made tables of; they can locate no events."""
    size = len(cells)
    ones = np.ones(len(links), dtype=np.int8)
    population = cells["population"].to_numpy()
    return Grid(
        cells=pd.Index(cells["cell"].to_numpy(), name="cell"),
        geometry=shapely.from_wkb(cells["geometry"].to_numpy()),
        area_m2=cells["area_m2"].to_numpy(),
        crs=plain["crs"],
        neighbours=csr_matrix((ones, (links["cell"], links["neighbour"])), shape=(size, size)),
        locator=NullLocator(),
        kept=np.arange(size),
        parents=pd.DataFrame({name: cells[f"parent {name}"] for name in plain["parents"]}),
        population=None if np.isnan(population).all() else population,
    )


def explanation_rows(explanation: Explanation) -> pd.DataFrame:
    """Return an explanation as rows: log expected count, weight, then attribution and value of each feature."""
    table = explanation.log_expected.to_series().rename("log_expected").reset_index().astype(CODES)
    table["period"] = table["period"].dt.start_time
    table["weight"] = explanation.shares.ravel()
    size = len(explanation.columns)
    for kind, cube in (("attribution", explanation.attributions), ("value", explanation.values)):
        flat = cube.values.reshape(-1, size)
        wide = pd.DataFrame(flat, columns=[f"{kind} {at}" for at in range(size)])
        table = pd.concat([table, wide], axis=1)
    return table


def explanation_meaning(explanation: Explanation) -> dict[str, Any]:
    """Return what the rows of an explanation mean."""
    tried = explanation.robustness
    return {
        "forecaster": explanation.forecaster,
        "cutoff": explanation.cutoff.isoformat(),
        "method": explanation.method,
        "freq": explanation.log_expected.indexes["period"].freqstr,
        "columns": [vars(column) for column in explanation.columns],
        "base": explanation.base.values.tolist(),
        "weighted": explanation.weights is not None,
        "robustness": None if tried is None else tried.to_dict(),
    }


def read_explanation(table: pd.DataFrame, about: Mapping[str, Any]) -> Explanation:
    """Return the explanation that was made rows and meaning of."""
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
        robustness=None if tried is None else Robustness.from_dict(tried),
    )
