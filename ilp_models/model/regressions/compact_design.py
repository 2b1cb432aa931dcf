"""Training columns without repeated values, which LightGBM reads in Arrow's format without a copy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ilp_models.domain.features import Column, Design

Cubes = npt.NDArray[np.float32]

_AXES = 3  # periods, crime types, cells


@dataclass(frozen=True, eq=False)
class CompactDesign:
    """A design matrix as one cube for each column: (periods, crime types, cells).

    A cube has length 1 along each axis on which the column is constant. So the rate of all crime types is in memory
    once, not once for each type, and an indicator of the crime type needs no memory.
    """

    cubes: tuple[Cubes, ...]  # their cells are in the order of `order`
    columns: tuple[Column, ...]
    log_offset: npt.NDArray[np.float64]  # (periods, crime types, cells), cells in the order of the grid
    periods: pd.PeriodIndex
    step: int  # from the last usable period to the target
    level: npt.NDArray[np.float64] | None
    order: npt.NDArray[np.int64] | None  # of the cells, None for that of the grid

    def table(self, count: int) -> pa.Table:
        """Return the rows of the first periods, with the names that LightGBM gives to columns of arrays."""
        columns = [pa.chunked_array(self._chunks(cube, count)) for cube in self.cubes]
        return pa.table(columns, names=[f"Column_{place}" for place in range(len(columns))])

    def _chunks(self, cube: Cubes, count: int) -> list[pa.Array]:
        """Return the values of the first periods; chunks that are equal share their memory."""
        kinds, cells = self.log_offset.shape[1:]
        if cube.shape == self.log_offset.shape:
            return [pa.array(cube[:count].reshape(-1))]
        if cube.shape[2] == 1:
            cube = np.repeat(cube, cells, axis=2)
        parts = [[pa.array(one) for one in period] for period in cube]
        return [
            parts[period % len(parts)][kind % cube.shape[1]] for period in range(count) for kind in range(kinds)
        ]  # the remainder is 0 on an axis of length 1

    def rows(self, taken: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return some rows of the table as an array (rows, columns)."""
        places = [one.astype(np.int32) for one in np.unravel_index(taken, self.log_offset.shape)]
        values = np.empty((len(taken), len(self.cubes)), dtype=np.float32)
        for place, cube in enumerate(self.cubes):
            one = (np.where(length == 1, 0, axis) for axis, length in zip(places, cube.shape, strict=True))
            values[:, place] = cube[tuple(one)]
        return values

    def sorted_rows(self, count: int, *arrays: npt.NDArray[np.floating]) -> list[npt.NDArray[np.floating]]:
        """Return the first periods of arrays (periods, crime types, cells) in the order of the rows of the table."""
        parts = [one[:count] if self.order is None else one[:count][..., self.order] for one in arrays]
        return [one.reshape(-1) for one in parts]

    def latest(self, count: int) -> Design:
        """Return the rows of the latest periods as a design of their own, in the order of the grid."""
        shape = (count, *self.log_offset.shape[1:])
        values = np.empty((*shape, len(self.cubes)), dtype=np.float32)
        cells = slice(None) if self.order is None else self.order
        for place, cube in enumerate(self.cubes):
            values[:, :, cells, place] = cube[-count:]
        level = None if self.level is None else self.level[-count:].copy()
        log_offset = self.log_offset[-count:].reshape(-1).copy()
        return Design(values.reshape(-1, len(self.cubes)), self.columns, log_offset, self.periods[-count:], None, level)


def compact_cubes(planes: Cubes) -> Sequence[Cubes]:
    """Return columns (columns, periods, crime types, cells) with length 1 along the axes on which each is constant."""
    cubes = [_without_repeats(plane) for plane in planes]
    if all(cube.shape == plane.shape for cube, plane in zip(cubes, planes, strict=True)):
        return cubes
    return [cube.copy() for cube in cubes]  # so that the planes can be freed


def _without_repeats(cube: Cubes) -> Cubes:
    for axis in range(_AXES):
        first, last = cube.take([0], axis=axis), cube.take([-1], axis=axis)
        # most columns differ in these few values, and are not compared as a whole
        if (first == last).all() and (cube == first).all():
            cube = first
    return cube
