"""Parent areas of cells: neighbourhoods or districts, by the records' labels or by overlay."""

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


class ParentRule(Protocol):
    """Finds the parent area of each cell at one level."""

    def labels(self, grid: Grid, events: Events) -> npt.NDArray[np.object_] | None:
        """Return the parent area of each cell, None where there is none; None if the level does not exist."""
        ...


@dataclass(frozen=True)
class ByLabel:
    """The most frequent area label of a cell's known events; ties go to the first by name.

    Cells without a labelled event have no parent. Events without an ``area`` column give no level.
    """

    def labels(self, grid: Grid, events: Events) -> npt.NDArray[np.object_] | None:
        """Return the most frequent label of each cell."""
        if "area" not in events.table:
            return None
        votes = pd.DataFrame({"cell": grid.locate(events), "label": events.table["area"].astype(object).to_numpy()})
        votes = votes[(votes["cell"] >= 0) & votes["label"].notna()]
        return _largest(votes.value_counts().rename("weight").reset_index(), len(grid))


@dataclass(frozen=True)
class ByOverlay:
    """The area of a polygon file that covers the largest share of a cell; ties go to the first by name.

    Cells that overlap no polygon have no parent. Several polygons of one name count as one area.

    Parameters
    ----------
    path : str
        GeoJSON, GeoPackage or Shapefile.
    name : str
        Column with the names.
    layer : str, optional
        Layer of a file with several layers.
    """

    path: str
    name: str
    layer: str | None = None

    def labels(self, grid: Grid, events: Events) -> npt.NDArray[np.object_] | None:
        """Return the area with the largest share of each cell."""
        del events  # the protocol passes them
        areas = read_polygons(self.path, grid.crs, self.name, layer=self.layer)
        tree = shapely.STRtree(grid.geometry)
        area, cell = tree.query(areas.geometry, predicate="intersects")
        whole_area, whole_cell = tree.query(areas.geometry, predicate="contains")
        # Intersection is slow and only needed at borders: most cells lie in one area.
        pairs = len(grid) * area + cell
        cut = ~np.isin(pairs, len(grid) * whole_area + whole_cell)
        weight = shapely.area(grid.geometry[cell])
        weight[cut] = shapely.area(shapely.intersection(areas.geometry[area[cut]], grid.geometry[cell[cut]]))
        shares = pd.DataFrame({"cell": cell, "label": np.array(areas.names, dtype=object)[area], "weight": weight})
        summed = shares[shares["weight"] > 0].groupby(["cell", "label"])["weight"].sum()
        return _largest(summed.reset_index(), len(grid))


def _largest(votes: pd.DataFrame, size: int) -> npt.NDArray[np.object_]:
    """Return the label with the largest weight for each of ``size`` cells; ties go to the first by name."""
    ordered = votes.sort_values(["cell", "weight", "label"], ascending=[True, False, True]).drop_duplicates("cell")
    labels = np.full(size, None, dtype=object)
    labels[ordered["cell"].to_numpy()] = ordered["label"].to_numpy(dtype=object)
    return labels


def parents_by_label() -> dict[str, ParentRule | None]:
    """Return the default parents: the records' own area label as level ``area``."""
    return {"area": ByLabel()}


def with_parents(grid: Grid, parents: Mapping[str, ParentRule | None] | None, events: Events) -> Grid:
    """Return the grid with its parent areas attached; a level whose rule is None is left out."""
    found = {level: rule.labels(grid, events) for level, rule in (parents or {}).items() if rule is not None}
    columns = {level: pd.Series(labels, dtype=object) for level, labels in found.items() if labels is not None}
    return replace(grid, parents=pd.DataFrame(columns))
