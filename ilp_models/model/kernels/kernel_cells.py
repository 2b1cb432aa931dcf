"""How much of the kernel around a point lies in each cell."""

from dataclasses import dataclass
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import csr_matrix, diags_array, vstack

from ilp_models.domain.grid import Grid
from ilp_models.model.kernels.event_points import EventPoints
from ilp_models.model.kernels.kernel import Floats, Kernel

_ACROSS: Final = (3, 32)  # fewest and most squares along a cell that is no square itself
_AT_ONCE: Final = 2**20  # masses held together
_SAME: Final = 1e-6  # relative; corners of one lattice may differ by rounding
_LEAST: Final = 1e-9  # mass below which a point is beyond reach of all cells


@dataclass(frozen=True, eq=False)
class CellLattice:
    """Squares that cover the cells of a grid, and the part of each square that lies in each cell.

    Square cells are the squares themselves. Cells of another shape are cut into small squares, smaller for narrow
    kernels; the mass of a square on a border is shared out by area.

    Parameters
    ----------
    corner : ndarray of float64
        Lower left corner of the first square, metres.
    side : float
        Side of a square, metres.
    position : ndarray of int64
        Place of each square among those in use, -1 for the rest, shape (columns, rows).
    parts : csr_matrix, optional
        Part of each square in use that lies in each cell, shape (squares, cells); None where squares are cells.
    """

    corner: Floats
    side: float
    position: npt.NDArray[np.int64]
    parts: csr_matrix | None = None

    @classmethod
    def from_grid(cls, grid: Grid, deviation: float) -> Self:
        """Return the lattice under the cells of a grid that is fine enough for a kernel."""
        known = _KNOWN.setdefault(grid, {})
        if 1 not in known:
            known[1] = cls._squares(grid)
        if known[1] is not None:
            whole: Self = known[1]
            return whole
        width = float(np.sqrt(np.median(shapely.area(grid.geometry))))
        across = int(np.clip(np.ceil(4 * (width / deviation) ** 0.6), *_ACROSS))
        if across not in known:
            known[across] = cls._cut(grid, width / across)
        cut: Self = known[across]
        return cut

    @classmethod
    def _squares(cls, grid: Grid) -> Self | None:
        """Return the lattice that the cells are squares of, None if they are not."""
        left, bottom, right, top = shapely.bounds(grid.geometry).T
        side = float(right[0] - left[0])
        corner = np.array([left.min(), bottom.min()])
        steps = (np.column_stack([left, bottom]) - corner) / side
        off = [right - left - side, top - bottom - side, (steps - np.rint(steps)).ravel() * side]
        full = np.abs(shapely.area(grid.geometry) / side**2 - 1) < _SAME
        if not full.all() or any((np.abs(distance) > _SAME * side).any() for distance in off):
            return None
        column, row = np.rint(steps).astype(np.int64).T
        position = np.full((column.max() + 1, row.max() + 1), -1, dtype=np.int64)
        position[column, row] = np.arange(len(grid))
        return cls(corner, side, position)

    @classmethod
    def _cut(cls, grid: Grid, side: float) -> Self:
        """Return a fine lattice over cells of any shape."""
        bounds = shapely.bounds(grid.geometry)
        corner = bounds[:, :2].min(axis=0)
        low = np.floor((bounds[:, :2] - corner) / side).astype(np.int64)
        spans = np.floor((bounds[:, 2:] - corner) / side).astype(np.int64) - low + 1
        tried = spans.prod(axis=1)
        cell = np.repeat(np.arange(len(grid)), tried)
        rank = np.arange(len(cell)) - np.repeat(np.cumsum(tried) - tried, tried)
        index = low[cell] + np.column_stack([rank // spans[cell, 1], rank % spans[cell, 1]])
        part = _parts(grid.geometry, cell, corner + index * side, side)
        met = part > 0
        cell, index, part = cell[met], index[met], part[met]
        shape = index.max(axis=0) + 1
        used, square = np.unique(index[:, 0] * shape[1] + index[:, 1], return_inverse=True)
        position = np.full(shape, -1, dtype=np.int64)
        position.flat[used] = np.arange(len(used))
        return cls(corner, side, position, csr_matrix((part, (square, cell)), shape=(len(used), len(grid))))

    def spread(self, points: EventPoints, bandwidths: Floats, kernel: Kernel) -> csr_matrix:
        """Return the part of one event at each point that falls to each cell.

        What a kernel would spread over land outside the cells is given back to the cells it reaches, in proportion:
        every event counts as one. A point beyond reach of all cells gives all to the cell it is counted in.
        """
        cells = int(self.position.max()) + 1 if self.parts is None else self.parts.shape[1]
        order = np.argsort(-bandwidths, kind="stable")  # widest first, so that each part has one width
        done, parts = 0, [csr_matrix((0, cells))]
        while done < len(order):
            widest = kernel.reach * bandwidths[order[done]]
            width = int(np.ceil(2 * widest / self.side)) + 1
            now = order[done : done + max(1, _AT_ONCE // width**2)]
            parts.append(self._masses(points.xy[now], bandwidths[now], kernel, width))
            done += len(now)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return _whole(vstack(parts, format="csr")[back], points)

    def _masses(self, xy: Floats, bandwidths: Floats, kernel: Kernel, width: int) -> csr_matrix:
        """Return the kernels' masses by cell; ``width`` squares are enough to hold each kernel."""
        size = np.minimum(width, self.position.shape)
        first = np.floor((xy - kernel.reach * bandwidths[:, None] - self.corner) / self.side).astype(np.int64)
        first = np.clip(first, 0, self.position.shape - size)
        index = [first[:, [axis]] + np.arange(size[axis] + 1) for axis in (0, 1)]
        sides = [(self.corner[axis] + index[axis] * self.side - xy[:, [axis]]) / bandwidths[:, None] for axis in (0, 1)]
        masses = kernel.masses(sides[0], sides[1])
        square = self.position[index[0][:, :-1, None], index[1][:, None, :-1]]
        kept = (square >= 0) & (masses > 0)
        ends = np.concatenate([[0], np.cumsum(kept.sum(axis=(1, 2)))])
        squares = int(self.position.max()) + 1
        found = csr_matrix((masses[kept], square[kept], ends), shape=(len(xy), squares))
        return found if self.parts is None else found @ self.parts


_KNOWN: WeakKeyDictionary[Grid, dict[int, Any]] = WeakKeyDictionary()


def _parts(shapes: npt.NDArray[np.object_], cell: npt.NDArray[np.int64], corner: Floats, side: float) -> Floats:
    """Return the part of each square that lies in the cell it is tried with."""
    squares = shapely.box(corner[:, 0], corner[:, 1], corner[:, 0] + side, corner[:, 1] + side)
    shapely.prepare(shapes)
    part: Floats = shapely.contains_properly(shapes[cell], squares).astype(np.float64)
    border = np.flatnonzero((part == 0) & shapely.intersects(shapes[cell], squares))
    part[border] = shapely.area(shapely.intersection(shapes[cell[border]], squares[border])) / side**2
    return part


def _whole(masses: csr_matrix, points: EventPoints) -> csr_matrix:
    """Scale each row to a sum of 1."""
    total = np.asarray(masses.sum(axis=1)).ravel()
    reached = total > _LEAST
    scale = np.divide(1.0, total, out=np.zeros(len(total)), where=reached)
    scaled = csr_matrix(diags_array(scale) @ masses)
    if reached.all():
        return scaled
    lost = np.flatnonzero(~reached)
    return csr_matrix(scaled + csr_matrix((np.ones(len(lost)), (lost, points.cell[lost])), shape=masses.shape))
