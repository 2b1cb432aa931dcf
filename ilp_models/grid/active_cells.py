"""Select the active cells of a lattice from known events and the study area."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.grid.lattice import Keys, Lattice, cell_keys, cells_within, columns_and_rows, fill_gaps
from ilp_models.grid.polygons import read_polygons

_ACTIVE: Final = ("events", "closing", "all")
_EDGES: Final = ("overlap", "centre")
_TOUCH_METRES: Final = 0.01


@dataclass(frozen=True)
class ActiveCells:
    """Selects active cells from known events and a study area, never from later events.

    Parameters
    ----------
    active : str
        ``events``: cells with at least one event. ``closing``: those cells with the gaps between them filled
        (morphological closing). ``all``: every cell of the study area, or of the rectangle around the events.
    area : str or None
        Polygon file of the study area; cells outside are excluded.
    edge : str
        ``overlap``: a cell belongs to the study area if they overlap, so no event inside is lost. ``centre``: its
        centre must lie inside. Cells are never cut.

    Raises
    ------
    InputError
        If a value is unknown.
    """

    active: str
    area: str | None
    edge: str

    def __post_init__(self) -> None:
        """Refuse unknown rules."""
        if self.active not in _ACTIVE:
            msg = f"grid.active={self.active!r} is unknown; choose one of {', '.join(_ACTIVE)}."
            raise InputError(msg)
        if self.edge not in _EDGES:
            msg = f"grid.edge={self.edge!r} is unknown; choose one of {', '.join(_EDGES)}."
            raise InputError(msg)

    def select(self, lattice: Lattice, events: Events) -> Keys:
        """Return the keys of the active cells of a lattice."""
        x, y = (events.table[name].to_numpy() for name in ("x", "y"))
        known = np.unique(cell_keys(lattice, x, y))
        study = None if self.area is None else shapely.union_all(read_polygons(self.area, events.crs).geometry)
        if len(known) == 0 and (study is None or self.active != "all"):
            msg = f"No event is known before {events.end}, so no cell is active; use a later cutoff or more records."
            raise InputError(msg)
        if self.active == "all":
            bounds = study.bounds if study is not None else (x.min(), y.min(), x.max(), y.max())
            selected = cells_within(lattice, bounds)
        else:
            selected = known if self.active == "events" else fill_gaps(known, lattice)
        if study is None:
            return selected
        selected = selected[self._inside(study, lattice, selected)]
        if len(selected) == 0 or (len(known) and not np.isin(known, selected).any()):
            msg = (
                f"None of the {len(events)} events lies in an active cell of the study area {self.area}; "
                "check its location, its CRS and the cell size."
            )
            raise InputError(msg)
        return selected

    def _inside(self, study: Any, lattice: Lattice, keys: Keys) -> npt.NDArray[np.bool_]:
        if self.edge == "centre":
            shapely.prepare(study)
            return np.asarray(shapely.intersects_xy(study, *lattice.centres(*columns_and_rows(keys))))
        # Shrink a little: after reprojection, a border along grid lines would otherwise add the cells beyond it.
        core = shapely.buffer(study, -_TOUCH_METRES, join_style="mitre")
        shapely.prepare(core)
        return np.asarray(shapely.intersects(core, lattice.polygons(*columns_and_rows(keys))))
