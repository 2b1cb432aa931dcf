"""Write a design matrix: each column of each feature family once, in float32, rates as logarithms."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.domain.features import Column, Design, FeatureFamily, all_columns
from ilp_models.domain.forecaster import Cube
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.model.regressions.compact_design import CompactDesign, compact_cubes

Planes = npt.NDArray[np.float32]

SMALLEST_OFFSET: Final = 1e-3
_CORRECTION: Final = "the regression's correction where the starting forecast is {value:.2f} events"
_OFFSET_COLUMNS: Final = (
    Column("offset_own", "offset", _CORRECTION, "own"),
    Column("offset_all_types", "offset", f"{_CORRECTION} of all types", "all"),
)
ABSOLUTE: Final = frozenset(column.name for column in _OFFSET_COLUMNS)


@dataclass(frozen=True)
class Lead:
    """The number of periods between the last usable period and the target; one column."""

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return the one column."""
        return (
            Column("lead", "lead", f"{{value:.0f}} {history.calendar.period_unit}(s) ahead of the last known count"),
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Planes) -> None:
        """Fill the column with the step."""
        del history, periods
        out[...] = step


@dataclass(frozen=True)
class DesignMatrix:
    """The columns of some feature families, and two columns of the offset if there is one."""

    families: Sequence[FeatureFamily]
    rate_floor: float  # added to rates before logarithms, events per cell and period
    with_offset: bool  # rates are then relative to the offset

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return all columns in order."""
        return all_columns(self.families, history) + (_OFFSET_COLUMNS if self.with_offset else ())

    def write(
        self, history: History, periods: pd.PeriodIndex, step: int, start: Cube | None, *, shown: bool = False
    ) -> Design:
        """Return the design matrix of some target periods; `start` is the offset's forecast of them."""
        columns, level = self.columns(history), _level(start)
        shape = len(periods), len(history.events.crime_types), len(history.grid)
        cube = np.empty((*shape, len(columns)), dtype=np.float32)
        plain = np.empty_like(cube) if shown else None

        def write_rows(place: slice, planes: Planes, to_logarithms: Callable[[], None]) -> None:
            if plain is not None:
                plain[..., place] = np.moveaxis(planes, 0, -1)
            to_logarithms()
            cube[..., place] = np.moveaxis(planes, 0, -1)

        log_offset = self._write_families(history, periods, step, start, write_rows)
        rows = (-1, len(columns))
        shown_values = None if plain is None else plain.reshape(rows)
        return Design(cube.reshape(rows), columns, log_offset.reshape(-1), periods, shown_values, level)

    def write_compact(self, history: History, periods: pd.PeriodIndex, step: int, start: Cube | None) -> CompactDesign:
        """Return the same columns without repeated values, their cells ordered by location."""
        columns, level, order = self.columns(history), _level(start), cell_order(history.grid)
        cubes: dict[int, Planes] = {}

        def store_cubes(place: slice, planes: Planes, to_logarithms: Callable[[], None]) -> None:
            to_logarithms()
            sorted_planes = planes if order is None else np.take(planes, order, axis=-1)
            cubes.update(zip(range(place.start, place.stop), compact_cubes(sorted_planes), strict=True))

        log_offset = self._write_families(history, periods, step, start, store_cubes)
        in_order = tuple(cubes[place] for place in range(len(columns)))
        return CompactDesign(in_order, columns, log_offset, periods, step, level, order)

    def _write_families(
        self,
        history: History,
        periods: pd.PeriodIndex,
        step: int,
        start: Cube | None,
        store: Callable[[slice, Planes, Callable[[], None]], None],
    ) -> npt.NDArray[np.float64]:
        """Store the columns of each family, and return the log offset (periods, crime types, cells).

        `store` takes the positions of the columns, their values, and a function that changes rates to logarithms.
        """
        columns = self.columns(history)
        shape = len(periods), len(history.events.crime_types), len(history.grid)
        offset = None if start is None else np.maximum(start, SMALLEST_OFFSET, out=start)
        references = self._references(offset)

        def write_family(family: FeatureFamily | None, place: slice) -> None:
            """Write the columns one after the other in memory first: arithmetic on the matrix itself is slow."""
            # The block has room for all columns, though few are used: only large blocks go back to the system.
            planes = np.empty((len(columns), *shape), dtype=np.float32)[: place.stop - place.start]
            if family is not None:
                family.write(history, periods, step, np.moveaxis(planes, 0, -1))
            elif offset is not None:
                planes[0], planes[1] = offset, offset.sum(axis=1, keepdims=True)
            store(place, planes, partial(self._to_logarithms, planes, columns[place], references))

        # Most of the time is spent on the first access to new memory, which threads share.
        with ThreadPoolExecutor(_threads()) as threads:
            tuple(threads.map(write_family, *zip(*self._slices(history), strict=True)))
        return np.zeros(shape) if offset is None else np.log(offset, out=offset)

    def _slices(self, history: History) -> Iterator[tuple[FeatureFamily | None, slice]]:
        """Yield each family with the positions of its columns; None is the offset."""
        first = 0
        for family in self.families:
            last = first + len(family.columns(history))
            yield family, slice(first, last)
            first = last
        if self.with_offset:
            yield None, slice(first, first + len(_OFFSET_COLUMNS))

    def _references(self, offset: Cube | None) -> dict[str, Planes]:
        """Return the log rates of the offset by kind of rate; empty without an offset."""
        if offset is None:
            return {}
        floor = np.float32(self.rate_floor)
        kinds = {"own": offset, "all": offset.sum(axis=1, keepdims=True)}
        return {kind: np.log(np.add(rates, floor, dtype=np.float32)) for kind, rates in kinds.items()}

    def _to_logarithms(self, planes: Planes, columns: tuple[Column, ...], references: dict[str, Planes]) -> None:
        """Replace rates by log rates in place, relative to the offset of the same kind."""
        floor = np.float32(self.rate_floor)
        for values, column in zip(planes, columns, strict=True):
            if column.rate:
                values += floor
                np.log(values, out=values)
                if references and column.name not in ABSOLUTE:
                    values -= references[column.rate]


def _threads() -> int:
    """Return how many threads write columns: each holds a family in memory, and worker processes have one each."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(4, int(allowed) if allowed.isdigit() and int(allowed) else os.cpu_count() or 1)


def interleave_leads(write: Callable[[int], Design], steps: Sequence[int]) -> Design:
    """Return the rows of some target periods, where each period takes one of several steps in turn."""
    pooled = write(steps[0])
    index = np.arange(len(pooled.periods))
    turn = (index + index // len(steps)) % len(steps)  # shifts each round, so that no step always meets one season
    for place, step in enumerate(steps[1:], start=1):
        other = write(step)
        for target, source in zip(_step_arrays(pooled), _step_arrays(other), strict=True):
            target[turn == place] = source[turn == place]
    return pooled


def _step_arrays(design: Design) -> tuple[npt.NDArray[Any], ...]:
    """Return views of the arrays that depend on the step, one row per period."""
    arrays = (design.values, design.log_offset, design.level)
    return tuple(one.reshape(len(design.periods), -1) for one in arrays if one is not None)


def _level(start: Cube | None) -> npt.NDArray[np.float64] | None:
    """Return the city totals of an offset's forecast, (periods, crime types)."""
    return None if start is None else start.sum(axis=2, dtype=np.float64)


def cell_order(grid: Grid) -> npt.NDArray[np.int64] | None:
    """Return the cells ordered by location, None if they are in this order.

    Learners that sample rows then sample the same units for any order of the cells.
    """
    x, y = shapely.get_coordinates(shapely.centroid(grid.geometry)).T.round(1)
    order = np.lexsort((y, x))
    return None if (order == np.arange(len(grid))).all() else np.asarray(order)


def row_order(grid: Grid, rows: int) -> npt.NDArray[np.int64] | None:
    """Return the rows of a design ordered by the location of the cells, None if they are in this order."""
    order = cell_order(grid)
    return None if order is None else np.asarray((np.arange(0, rows, len(grid))[:, None] + order).ravel())
