"""Integrals of kernels over cells: which share of the mass around a point falls into each cell."""

from dataclasses import dataclass
from typing import Any, Final, Protocol, Self
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import shapely
from scipy import special
from scipy.sparse import csr_matrix, diags_array, vstack

from ilp_models.domain.grid import Grid
from ilp_models.model.kernels.event_points import EventPoints

Floats = npt.NDArray[np.floating[Any]]

_ACROSS: Final = (3, 32)  # fewest and most squares along a cell that is not a square of the lattice
_AT_ONCE: Final = 2**20  # masses in memory at a time
_SAME: Final = 1e-6  # relative; corners of one lattice may differ by rounding
_LEAST: Final = 1e-9  # smallest mass of a point that reaches a cell


class Kernel(Protocol):
    """A radially symmetric density with mass 1 around an event."""

    @property
    def reach(self) -> float:
        """Distance from the event beyond which mass is cut off, in bandwidths."""
        ...

    @property
    def deviation(self) -> float:
        """Standard deviation along each axis, in bandwidths."""
        ...

    def masses(self, x: Floats, y: Floats) -> Floats:
        """Return the mass in each rectangle of a lattice, from its corners in bandwidths from each event."""
        ...


class Gaussian:
    """Gaussian kernel; the bandwidth is its standard deviation along each axis."""

    reach: Final = 4.0  # a square of this half side holds 99.99 % of the mass
    deviation: Final = 1.0

    def masses(self, x: Floats, y: Floats) -> Floats:
        """Return products of differences of the normal distribution function."""
        along, across = np.diff(special.ndtr(x)), np.diff(special.ndtr(y))
        return np.asarray(along[:, :, None] * across[:, None, :])


class Quartic:
    """Quartic kernel: proportional to (1 - r^2)^2 at r bandwidths from the event, 0 beyond one bandwidth."""

    reach: Final = 1.0
    deviation: Final = 8**-0.5

    def masses(self, x: Floats, y: Floats) -> Floats:
        """Return double differences of the mass to the lower left of each corner, in closed form."""
        corners = _quartic_below(np.clip(x, -1, 1)[:, :, None], np.clip(y, -1, 1)[:, None, :])
        return np.maximum(np.diff(np.diff(corners, axis=1), axis=2), 0.0)  # rounding may give -1e-17


KERNELS: Final[dict[str, Kernel]] = {"gaussian": Gaussian(), "quartic": Quartic()}


def _quartic_below(x: Floats, y: Floats) -> Floats:
    """Return the mass with coordinates below x and y; the upper half of the disc mirrors the lower half."""
    low = -np.abs(y)
    side = np.sqrt(1 - low**2)
    right = np.clip(x, -side, side)
    beyond = _strip(right, low) - _strip(-side, low)
    return np.asarray(3 / np.pi * np.where(y > 0, 2 * (_strip(x, 0.0) - _strip(-1.0, 0.0)) - beyond, beyond))


def _strip(x: Floats | float, y: Floats | float) -> Floats:
    """Return the antiderivative in x of the integral of (1 - x^2 - y^2)^2 over the disc below y <= 0."""
    below, square = np.square(y), np.square(x)
    c2 = np.maximum(1 - square, 0)
    c = np.sqrt(c2)
    fifth = x * c * (c2 * (c2 / 6 + 5 / 24) + 5 / 16) + 5 / 16 * np.arcsin(x)  # of c^5, where c^2 = 1 - x^2
    fourth, second = x * (1 - square * (2 / 3 - square / 5)), x * (1 - square / 3)  # of c^4 and of c^2
    return np.asarray(y * (fourth - below * (2 / 3 * second - below / 5 * x)) + 8 / 15 * fifth)


@dataclass(frozen=True, eq=False)
class CellLattice:
    """Squares that cover the cells of a grid, and the part of each square in each cell.

    Square cells are the squares of the lattice. Cells of another shape are cut into small squares, smaller for narrow
    kernels; the mass of a square on a border is divided by area.
    """

    corner: Floats  # lower left corner of the first square, metres
    side: float  # of a square, metres
    position: npt.NDArray[np.int64]  # (columns, rows): index of each square among those in use, -1 for the rest
    parts: csr_matrix | None = None  # (squares in use, cells): part of each square; None if squares are cells

    @classmethod
    def from_grid(cls, grid: Grid, deviation: float) -> Self:
        """Return a lattice that is fine enough for a kernel with a standard deviation in metres."""
        lattices = _LATTICES.setdefault(grid, {})
        if 1 not in lattices:
            lattices[1] = cls._squares(grid)
        if lattices[1] is not None:
            whole: Self = lattices[1]
            return whole
        width = float(np.sqrt(np.median(shapely.area(grid.geometry))))
        across = int(np.clip(np.ceil(4 * (width / deviation) ** 0.6), *_ACROSS))
        if across not in lattices:
            lattices[across] = cls._cut(grid, width / across)
        cut: Self = lattices[across]
        return cut

    @classmethod
    def _squares(cls, grid: Grid) -> Self | None:
        """Return the lattice whose squares are the cells, None if the cells are not squares of one lattice."""
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
        candidates = spans.prod(axis=1)
        cell = np.repeat(np.arange(len(grid)), candidates)
        rank = np.arange(len(cell)) - np.repeat(np.cumsum(candidates) - candidates, candidates)
        index = low[cell] + np.column_stack([rank // spans[cell, 1], rank % spans[cell, 1]])
        part = _parts(grid.geometry, cell, corner + index * side, side)
        overlaps = part > 0
        cell, index, part = cell[overlaps], index[overlaps], part[overlaps]
        shape = index.max(axis=0) + 1
        used, square = np.unique(index[:, 0] * shape[1] + index[:, 1], return_inverse=True)
        position = np.full(shape, -1, dtype=np.int64)
        position.flat[used] = np.arange(len(used))
        return cls(corner, side, position, csr_matrix((part, (square, cell)), shape=(len(used), len(grid))))

    def spread(self, points: EventPoints, bandwidths: Floats, kernel: Kernel) -> csr_matrix:
        """Return the part of one event at each point that falls to each cell.

        Mass outside the cells goes to the cells that the kernel reaches, in proportion, so that each event counts as
        one. A point that reaches no cell gives all to the cell that counts it.
        """
        cells = int(self.position.max()) + 1 if self.parts is None else self.parts.shape[1]
        order = np.argsort(-bandwidths, kind="stable")  # widest first, so that each part has one width
        start, parts = 0, [csr_matrix((0, cells))]
        while start < len(order):
            widest = kernel.reach * bandwidths[order[start]]
            width = int(np.ceil(2 * widest / self.side)) + 1
            batch = order[start : start + max(1, _AT_ONCE // width**2)]
            parts.append(self._masses(points.xy[batch], bandwidths[batch], kernel, width))
            start += len(batch)
        inverse = np.empty_like(order)
        inverse[order] = np.arange(len(order))
        return _normalise(vstack(parts, format="csr")[inverse], points)

    def _masses(self, xy: Floats, bandwidths: Floats, kernel: Kernel, width: int) -> csr_matrix:
        """Return the mass of each kernel by cell; `width` squares hold a kernel."""
        size = np.minimum(width, self.position.shape)
        first = np.floor((xy - kernel.reach * bandwidths[:, None] - self.corner) / self.side).astype(np.int64)
        first = np.clip(first, 0, self.position.shape - size)
        index = [first[:, [axis]] + np.arange(size[axis] + 1) for axis in (0, 1)]
        sides = [(self.corner[axis] + index[axis] * self.side - xy[:, [axis]]) / bandwidths[:, None] for axis in (0, 1)]
        masses = kernel.masses(sides[0], sides[1])
        square = self.position[index[0][:, :-1, None], index[1][:, None, :-1]]
        inside = (square >= 0) & (masses > 0)
        ends = np.concatenate([[0], np.cumsum(inside.sum(axis=(1, 2)))])
        squares = int(self.position.max()) + 1
        masses_by_square = csr_matrix((masses[inside], square[inside], ends), shape=(len(xy), squares))
        return masses_by_square if self.parts is None else masses_by_square @ self.parts


_LATTICES: WeakKeyDictionary[Grid, dict[int, Any]] = WeakKeyDictionary()


def _parts(shapes: npt.NDArray[np.object_], cell: npt.NDArray[np.int64], corner: Floats, side: float) -> Floats:
    """Return the part of each candidate square that lies in its cell."""
    squares = shapely.box(corner[:, 0], corner[:, 1], corner[:, 0] + side, corner[:, 1] + side)
    shapely.prepare(shapes)
    part: Floats = shapely.contains_properly(shapes[cell], squares).astype(np.float64)
    border = np.flatnonzero((part == 0) & shapely.intersects(shapes[cell], squares))
    part[border] = shapely.area(shapely.intersection(shapes[cell[border]], squares[border])) / side**2
    return part


def _normalise(masses: csr_matrix, points: EventPoints) -> csr_matrix:
    """Scale each row to a sum of 1; a point that reaches no cell gives all to the cell that counts it."""
    total = np.asarray(masses.sum(axis=1)).ravel()
    reached = total > _LEAST
    scale = np.divide(1.0, total, out=np.zeros(len(total)), where=reached)
    scaled = csr_matrix(diags_array(scale) @ masses)
    if reached.all():
        return scaled
    outside = np.flatnonzero(~reached)
    return csr_matrix(scaled + csr_matrix((np.ones(len(outside)), (outside, points.cell[outside])), shape=masses.shape))
