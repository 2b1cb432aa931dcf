"""The cells of a stored forecast as the territory of an allocation, with residents where a group table is given."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_matrix

from ilp_models.audit.residents import Residents
from ilp_models.domain.allocation import AllocationInput
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.grid import Grid
from ilp_models.export.table import CellTable
from ilp_models.grid.adjacency import adjacency
from ilp_models.pipeline.archive_tables import NullLocator

Floats = npt.NDArray[np.float64]

_REACH_M: Final = 1.0  # borders of given areas may leave slivers
_SHARED_M2: Final = 5.0  # cells that meet in a corner only are no neighbours on foot


def grid_of(places: CellTable, level: str | None = None) -> Grid:
    """Return the grid of stored places, to spread residents over."""
    geometry = np.asarray(places.geometry.array, dtype=object)
    labelled = any(bool(area) for area in places.area)
    return Grid(
        cells=places.cells,
        geometry=geometry,
        area_m2=shapely.area(geometry),
        crs=str(places.geometry.crs),
        neighbours=_neighbours(geometry),
        locator=NullLocator(),
        kept=np.arange(len(geometry)),
        parents=pd.DataFrame({level or "area": places.area}) if labelled else pd.DataFrame(),
    )


def territory_of(grid: Grid, areas: npt.NDArray[np.object_], residents: tuple[Residents, ...]) -> AllocationInput:
    """Return what an allocator may know of the cells."""
    centres = shapely.get_coordinates(shapely.centroid(grid.geometry))
    return AllocationInput(grid.area_m2, centres, grid.neighbours, areas, residents)


def value_per_unit(value: Floats, unit: str, territory: AllocationInput) -> Floats:
    """Return the value of covering a cell in the unit that cells are ranked by."""
    if unit == "count":
        return value
    if unit == "per_km2":
        return np.asarray(value / (territory.area_m2 / 1e6)[:, None])
    if unit == "per_resident" and territory.residents:
        people = territory.residents[0].total
        return np.asarray(value / np.where(people > 0, people, np.inf)[:, None])
    way_out = "choose count, per_km2 or per_resident, the last with groups.path=FILE"
    msg = f"unit={unit} cannot rank cells for an allocation; {way_out}."
    raise InputError(msg)


def require_audited_terms(asked: dict[str, object], audited: dict[str, object], slack: float) -> None:
    """Refuse to allocate on other terms than those audited."""
    share, ours = float(str(audited.get("share", "nan"))), float(str(asked["share"]))
    if asked["unit"] != audited.get("unit"):
        msg = f"Audited was unit={audited.get('unit')}, not unit={asked['unit']}; use the former or audit the latter."
    elif not abs(ours - share) <= slack:
        msg = (
            f"Audited was a share of {share:.4g} of the land and asked are {ours:.4g} of the cells; set "
            f"allocation.budget.budget_share={share:.4g}, or audit with audit.share={ours:.4g}."
        )
    elif asked["group_table"] and asked["group_table"] != audited.get("group_table"):
        msg = "The group table is not the one audited; give that table in groups, or audit with this one."
    else:
        return
    raise WithheldError(msg)


def _neighbours(geometry: npt.NDArray[np.object_]) -> csr_matrix:
    left, right = shapely.STRtree(geometry).query(geometry, predicate="dwithin", distance=_REACH_M)
    once = left < right
    left, right = left[once], right[once]
    reach = shapely.buffer(geometry, _REACH_M)
    shared = shapely.area(shapely.intersection(geometry[left], reach[right]))
    long_enough = shared > _SHARED_M2
    return adjacency(left[long_enough], right[long_enough], len(geometry))
