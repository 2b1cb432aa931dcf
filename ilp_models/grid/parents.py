"""Parent areas: the neighbourhoods or districts that cells roll up to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.grid.polygons import read_polygons


class Parents(Protocol):
    """Finds the parent area of each cell at one level."""

    def labels(self, grid: Grid, events: Events) -> npt.NDArray[np.object_] | None:
        """Return the parent area of each cell, None for a cell without one."""
        ...


@dataclass(frozen=True)
class ByLabel:
    """The area label that most of a cell's known events bear; ties go to the first by name.

    Cells without a labelled event have no parent; events without an ``area`` column give no level at all.
    """

    def labels(self, grid: Grid, events: Events) -> npt.NDArray[np.object_] | None:
        """Return the most frequent label of each cell."""
        if "area" not in events.table:
            return None
        votes = pd.DataFrame({"cell": grid.locate(events), "label": events.table["area"].astype(object).to_numpy()})
        votes = votes[(votes["cell"] >= 0) & votes["label"].notna()]
        return _heaviest(votes.value_counts().rename("weight").reset_index(), len(grid))


@dataclass(frozen=True)
class ByOverlay:
    """The area of a polygon file that holds the largest share of a cell; ties go to the first by name.

    Cells that meet no polygon have no parent. Several polygons of one name count as one area.

    Parameters
    ----------
    path : str
        GeoJSON, GeoPackage or Shapefile.
    name : str
        Column that holds the names.
    """

    path: str
    name: str

    def labels(self, grid: Grid, events: Events) -> npt.NDArray[np.object_] | None:  # noqa: ARG002 - one door for all
        """Return the area with the largest share of each cell."""
        areas = read_polygons(self.path, grid.crs, self.name)
        tree = shapely.STRtree(grid.geometry)
        area, cell = tree.query(areas.geometry, predicate="intersects")
        whole_area, whole_cell = tree.query(areas.geometry, predicate="contains")
        # Cutting is slow and only cells on a border need it: most lie wholly in one area.
        pairs = len(grid) * area + cell
        cut = ~np.isin(pairs, len(grid) * whole_area + whole_cell)
        weight = shapely.area(grid.geometry[cell])
        weight[cut] = shapely.area(shapely.intersection(areas.geometry[area[cut]], grid.geometry[cell[cut]]))
        shares = pd.DataFrame({"cell": cell, "label": np.array(areas.names, dtype=object)[area], "weight": weight})
        summed = shares[shares["weight"] > 0].groupby(["cell", "label"])["weight"].sum()
        return _heaviest(summed.reset_index(), len(grid))


def _heaviest(votes: pd.DataFrame, size: int) -> npt.NDArray[np.object_]:
    """Return the label of the largest weight for each of ``size`` cells, the first by name among equals."""
    ordered = votes.sort_values(["cell", "weight", "label"], ascending=[True, False, True]).drop_duplicates("cell")
    labels = np.full(size, None, dtype=object)
    labels[ordered["cell"].to_numpy()] = ordered["label"].to_numpy(dtype=object)
    return labels


def with_parents(grid: Grid, parents: Mapping[str, Parents], events: Events) -> Grid:
    """Return the grid with its parent areas attached."""
    found = {level: rule.labels(grid, events) for level, rule in parents.items()}
    columns = {level: pd.Series(labels, dtype=object) for level, labels in found.items() if labels is not None}
    return replace(grid, parents=pd.DataFrame(columns))
