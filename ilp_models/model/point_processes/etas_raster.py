"""Raster of small squares for the background of ETAS, with exact integrals of Gaussian kernels."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import csr_matrix
from scipy.special import ndtr

from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]

_MOST_SQUARES: Final = 4_000_000
_KNOTS: Final = 5  # along each side of a square
_SMALLEST: Final = 1e-6  # smaller shares of a square are rounding errors
_NEXT_TO_ZERO: Final = 1e-100  # products with masses near 1e-308, as far from a knot, are slow in processors


@dataclass(frozen=True, eq=False)
class EtasRaster:
    """Squares over the cells of a grid and a margin around them."""

    side: float  # metres
    west: float  # south-west corner, metres
    south: float
    inside: Floats  # (rows from the south, columns from the west): share of each square within the cells
    shares: csr_matrix  # (cells, rows * columns): share of each square in each cell

    @classmethod
    def from_grid(cls, grid: Grid, side: float, margin: float) -> Self:
        """Return the raster under a grid with cells of any shape."""
        low_x, low_y, high_x, high_y = shapely.total_bounds(grid.geometry)
        west, south = (float(np.floor((low - margin) / side) * side) for low in (low_x, low_y))
        columns = int(np.ceil((high_x + margin - west) / side))
        rows = int(np.ceil((high_y + margin - south) / side))
        if rows * columns > _MOST_SQUARES:
            squares = f"{rows * columns:,} squares, over {_MOST_SQUARES:,}"
            msg = f"background_metres={side:g} gives {squares}; set a longer side."
            raise InputError(msg)
        row, column = (index.ravel() for index in np.indices((rows, columns)))
        left, bottom = west + column * side, south + row * side
        boxes = shapely.box(left, bottom, left + side, bottom + side)
        cell, square = shapely.STRtree(boxes).query(grid.geometry, predicate="intersects")
        share = shapely.area(shapely.intersection(grid.geometry[cell], boxes[square])) / side**2
        share = np.round(share, 9)  # the same for any order of the cells
        overlap = share > _SMALLEST
        shares = csr_matrix((share[overlap], (cell[overlap], square[overlap])), shape=(len(grid), rows * columns))
        inside = np.round(np.asarray(shares.sum(axis=0)).reshape(rows, columns), 9)
        return cls(side, west, south, inside, shares)

    def square_of(self, x: Floats, y: Floats) -> Keys:
        """Return the square of each point, -1 outside the raster."""
        rows, columns = self.inside.shape
        column = np.floor((x - self.west) / self.side).astype(np.int64)
        row = np.floor((y - self.south) / self.side).astype(np.int64)
        within = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        return np.where(within, row * columns + column, -1)

    def masses(self, x: Floats, y: Floats, metres: float) -> tuple[Floats, Floats]:
        """Return the Gaussian mass of each point in each row and each column."""
        rows, columns = (low + self.side * np.arange(size + 1) for low, size in self._axes())
        below_y = ndtr((rows[None, :] - y[:, None]) / metres)
        below_x = ndtr((columns[None, :] - x[:, None]) / metres)
        return np.diff(below_y, axis=1), np.diff(below_x, axis=1)

    def spread(self, metres: float) -> tuple[Floats, Floats]:
        """Return the Gaussian mass in each row and column of points uniformly distributed over another one."""
        rows, columns = (self._uniform_mass(size, metres) for size in self.inside.shape)
        return rows, columns

    def mass_inside(self, metres: float) -> tuple[Floats, Floats]:
        """Return the mass of a Gaussian kernel inside the study area by the knot at its centre, and its slope.

        Knots divide each side of a square by five. With coarser knots the likelihood confuses long delays with
        background.
        """
        (mass_y, slope_y), (mass_x, slope_x) = (self._at_knots(size, metres) for size in self.inside.shape)
        across = self.inside @ mass_x.T
        return mass_y @ across, slope_y @ across + mass_y @ self.inside @ slope_x.T

    def knots(self, x: Floats, y: Floats) -> csr_matrix:
        """Return the weights (points, knots) of bilinear interpolation between knots."""
        rows, columns = (_KNOTS * size for size in self.inside.shape)
        across, along = (_KNOTS * one / self.side for one in (x - self.west, y - self.south))
        column = np.clip(np.floor(across).astype(np.int64), 0, columns - 1)
        row = np.clip(np.floor(along).astype(np.int64), 0, rows - 1)
        right, up = across - column, along - row
        knot = row * (columns + 1) + column
        places = np.stack([knot, knot + 1, knot + columns + 1, knot + columns + 2], axis=1)
        weights = np.stack([(1 - up) * (1 - right), (1 - up) * right, up * (1 - right), up * right], axis=1)
        shape = (len(x), (rows + 1) * (columns + 1))
        return csr_matrix((weights.ravel(), places.ravel(), np.arange(len(x) + 1) * 4), shape=shape)

    def _axes(self) -> tuple[tuple[float, int], tuple[float, int]]:
        return (self.south, self.inside.shape[0]), (self.west, self.inside.shape[1])

    def _uniform_mass(self, size: int, metres: float) -> Floats:
        """Return the mean mass in closed form: the second difference of an antiderivative."""
        z = self.side * np.arange(-size, size + 1) / metres
        antiderivative = metres * (z * ndtr(z) + np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
        by_distance = np.diff(antiderivative, 2) / self.side
        index = np.arange(size)
        return np.asarray(by_distance[np.subtract.outer(index, index) + size - 1])

    def _at_knots(self, size: int, metres: float) -> tuple[Floats, Floats]:
        """Return the mass in each row or column by the knot at the centre (knots, rows), and its slope.

        Edges are knots too, so that their distances are whole multiples of that between two knots.
        """
        z = self.side / _KNOTS * np.arange(-_KNOTS * size, _KNOTS * size + 1) / metres
        below, slope = ndtr(z), -z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        index = np.subtract.outer(np.arange(_KNOTS * size, -1, -1), -_KNOTS * np.arange(size))
        mass, change = (one[_KNOTS:] - one[:-_KNOTS] for one in (below, slope))
        for one in (mass, change):
            one[np.abs(one) < _NEXT_TO_ZERO] = 0.0
        return mass[index], change[index]
