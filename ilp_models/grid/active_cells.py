"""Footprints: which cells of a lattice are active."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.grid.lattice import Keys, Lattice, cells_within, fill_gaps, keys_of, split
from ilp_models.grid.polygons import read_polygons

_ACTIVE: Final = ("events", "closing", "all")
_EDGE: Final = ("overlap", "centre")
_TOUCH_METRES: Final = 0.01


@dataclass(frozen=True)
class ActiveCells:
    """Active cells, decided from the events given and a study area, never from later events.

    Parameters
    ----------
    active : str
        ``events``: cells with at least one event; ``closing``: those and the gaps between them (growing by all
        neighbours, then shrinking by as much); ``all``: every cell of the study area, or without one of the
        rectangle around the events.
    area : str or None
        Polygon file of the study area; cells outside it are left out.
    edge : str
        A cell belongs to the study area if it has ground in common with it (``overlap``), so that no event inside is
        lost, or if its centre lies inside (``centre``). Cells are never cut: a cell on the edge keeps its whole area.

    Raises
    ------
    InputError
        If a word is not one of those named.
    """

    active: str
    area: str | None
    edge: str

    def __post_init__(self) -> None:
        """Refuse words that name no rule."""
        if self.active not in _ACTIVE:
            msg = f"grid.active={self.active!r} is unknown; choose one of {', '.join(_ACTIVE)}."
            raise InputError(msg)
        if self.edge not in _EDGE:
            msg = f"grid.edge={self.edge!r} is unknown; choose one of {', '.join(_EDGE)}."
            raise InputError(msg)

    def select(self, lattice: Lattice, events: Events) -> Keys:
        """Return the active cells of a lattice."""
        x, y = (events.table[name].to_numpy() for name in ("x", "y"))
        known = np.unique(keys_of(lattice, x, y))
        study = None if self.area is None else shapely.union_all(read_polygons(self.area, events.crs).geometry)
        if len(known) == 0 and (study is None or self.active != "all"):
            msg = f"No event is known before {events.end}, so no cell is active; start later or give more records."
            raise InputError(msg)
        if self.active == "all":
            bounds = study.bounds if study is not None else (x.min(), y.min(), x.max(), y.max())
            chosen = cells_within(lattice, bounds)
        else:
            chosen = known if self.active == "events" else fill_gaps(known, lattice)
        if study is None:
            return chosen
        chosen = chosen[self._inside(study, lattice, chosen)]
        if len(chosen) == 0 or (len(known) and not np.isin(known, chosen).any()):
            msg = (
                f"None of the {len(events)} events lies in an active cell of the study area {self.area}; "
                "check its place, its CRS and the cell size."
            )
            raise InputError(msg)
        return chosen

    def _inside(self, study: Any, lattice: Lattice, keys: Keys) -> npt.NDArray[np.bool_]:
        if self.edge == "centre":
            shapely.prepare(study)
            return np.asarray(shapely.intersects_xy(study, *lattice.centres(*split(keys))))
        # A border along the lines of the grid must not add the cells beyond it, though reprojection moved it a little.
        core = shapely.buffer(study, -_TOUCH_METRES, join_style="mitre")
        shapely.prepare(core)
        return np.asarray(shapely.intersects(core, lattice.polygons(*split(keys))))
