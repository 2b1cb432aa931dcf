"""Sums of one set of maps by group, laid out so that one draw of periods, areas or residents is a matrix product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ilp_models.audit.measures.clusters import Clusters
from ilp_models.audit.measures.formulas import Totals
from ilp_models.audit.residents import Residents
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Basis:
    """What cells are weighted by when a measure is summed over them, and the areas they form.

    Parameters
    ----------
    people : ndarray of float64
        Residents n_ig and, last, n_i; shape (cells, groups + 1).
    cells : ndarray of float64
        Shares s_ig of residents and, last, 1 where somebody lives; shape (cells, groups + 1).
    clusters : Clusters
        The areas.
    """

    people: Floats
    cells: Floats
    clusters: Clusters

    @classmethod
    def from_residents(cls, residents: Residents) -> Self:
        """Return the weights of one dimension."""
        alive = (residents.total > 0).astype(float)
        return cls(
            people=np.column_stack([residents.by_group, residents.total]),
            cells=np.column_stack([residents.shares, alive]),
            clusters=Clusters.from_residents(residents),
        )

    @cached_property
    def by_area(self) -> dict[str, Floats]:
        """Residents, and cells by share, of each area; shape (areas, groups + 1)."""
        return {name: self.clusters.matrix @ getattr(self, name) for name in ("people", "cells")}


class Cube(NamedTuple):
    """What is summed over cells.

    Parameters
    ----------
    values : ndarray of float64
        Shape (crime types, cells, periods).
    weights : str
        By what: ``people`` or ``cells`` of a :class:`Basis`.
    over : str, default ""
        What the sum is a rate over when residents are exchanged between areas: by default its weights, else the name
        of a sum that residents take along with them. A sum over itself is one that they take along.
    """

    values: Floats
    weights: str
    over: str = ""


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Sums by group of cubes (crime types, cells, periods): over each period, and over each area.

    Parameters
    ----------
    basis : Basis
        Weights of the cells.
    periods : int
        Number of periods.
    by_period : mapping of str to ndarray
        Shape (crime types, periods, groups + 1).
    by_area : mapping of str to ndarray
        Shape (areas, crime types, groups + 1).
    over : mapping of str to str
        What each sum is a rate over; see :class:`Cube`.
    pooled : bool, default False
        Whether the last of the crime types is their pool already.
    """

    basis: Basis
    periods: int
    by_period: Mapping[str, Floats]
    by_area: Mapping[str, Floats]
    over: Mapping[str, str]
    pooled: bool = False

    @classmethod
    def from_cubes(cls, basis: Basis, cubes: Mapping[str, Cube]) -> Self:
        """Return the sums of some cubes."""
        by_period, by_area = {}, {}
        for name, cube in cubes.items():
            weight = getattr(basis, cube.weights)
            by_period[name] = np.matmul(np.swapaxes(cube.values, 1, 2), weight)
            by_area[name] = np.stack([basis.clusters.sums(one, weight) for one in cube.values.sum(axis=2)], axis=1)
        over = {name: cube.over or cube.weights for name, cube in cubes.items()}
        return cls(basis, next(iter(cubes.values())).values.shape[2], by_period, by_area, over)

    @cached_property
    def whole(self) -> Totals:
        """Sums over everything."""
        sums = {name: self.pool(one.sum(axis=1)) for name, one in self.by_period.items()}
        return sums | {"people": self.basis.people.sum(axis=0)[None], "maps": self._maps}

    def of_periods(self, weights: Floats) -> Totals:
        """Return sums over drawn periods."""
        sums = {name: self.pool(_product(weights, one)) for name, one in self.by_period.items()}
        return sums | {"people": self.whole["people"], "maps": self._maps}

    def of_areas(self, weights: Floats) -> Totals:
        """Return sums over drawn areas."""
        shape = (len(weights), -1, self.basis.people.shape[1])
        sums = {
            name: self.pool((weights @ one.reshape(len(one), -1)).reshape(shape)) for name, one in self.by_area.items()
        }
        return sums | {"people": (weights @ self.basis.by_area["people"])[:, None], "maps": self._maps}

    @property
    def _maps(self) -> Floats:
        kinds = len(next(iter(self.by_period.values())))
        return self.pool(np.full((kinds, 1), float(self.periods)))

    def pool(self, sums: Floats) -> Floats:
        """Return sums of crime types and, last, of all of them where there are several."""
        if self.pooled or sums.shape[-2] == 1:
            return sums
        return np.concatenate((sums, sums.sum(axis=-2, keepdims=True)), axis=-2)


def exchanged(tallies: Sequence[GroupSums], resampling: Bootstrap) -> list[Totals]:
    """Return sums of several sets of maps after residents of areas are exchanged, the same way for all.

    What is flagged, forecast and recorded in an area stays there as a rate, and other residents live in it.
    """
    basis = tallies[0].basis
    areas, width = basis.by_area["people"].shape
    plan = [_Rates.from_sums(tallies, over, table) for over, table in _tables(tallies).items()]
    sums = [
        {
            n: np.empty((1 + resampling.draws, one.shape[1], width))
            for n, one in tally.by_area.items()
            if tally.over[n] != n
        }
        for tally in tallies
    ]
    buffer, start = np.empty(0), 0
    for places in (np.arange(areas)[None], *basis.clusters.exchanged(resampling, width)):
        draws = len(places)
        if buffer.size != areas * draws * width:
            buffer = np.empty((areas, draws, width))
        for part in plan:
            np.take(part.table, places.T, axis=0, out=buffer, mode="clip")
            rows = (part.rates @ buffer.reshape(areas, -1)).reshape(-1, draws, width)
            for (tally, name, kind), row in zip(part.rows, rows, strict=True):
                sums[tally][name][start : start + draws, kind] = row
        start += draws
    return [
        {**tally.whole, **{name: tally.pool(one) for name, one in made.items()}}
        for tally, made in zip(tallies, sums, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Rates:
    """Rates of areas over one table of residents: ``rows`` name the tally, the sum and the crime type of each."""

    table: Floats
    rates: Floats
    rows: list[tuple[int, str, int]]

    @classmethod
    def from_sums(cls, tallies: Sequence[GroupSums], over: str, table: Floats) -> Self:
        rows = [
            (at, name, kind)
            for at, tally in enumerate(tallies)
            for name, one in tally.by_area.items()
            for kind in range(one.shape[1])
            if tally.over[name] != name and over in (tally.over[name], f"{tally.over[name]} {kind}")
        ]
        tops = np.stack([tallies[at].by_area[name][:, kind, -1] for at, name, kind in rows])
        bottom = np.broadcast_to(table[:, -1], tops.shape)
        return cls(table, np.divide(tops, bottom, out=np.zeros_like(tops), where=bottom > 0), rows)


def _tables(tallies: Sequence[GroupSums]) -> dict[str, Floats]:
    """Return what rates are over: residents, cells by share, and sums that residents take along, by crime type."""
    used = {over for tally in tallies for name, over in tally.over.items() if over != name}
    carried = {
        f"{name} {kind}": np.ascontiguousarray(tally.by_area[name][:, kind])
        for tally in tallies
        for name in tally.by_area
        if tally.over[name] == name and name in used
        for kind in range(tally.by_area[name].shape[1])
    }
    return {name: one for name, one in tallies[0].basis.by_area.items() if name in used} | carried


def _product(weights: Floats, sums: Floats) -> Floats:
    """Return weighted sums over the middle axis, shape (draws, crime types, groups + 1)."""
    kinds, units, groups = sums.shape
    flat = np.swapaxes(sums, 0, 1).reshape(units, kinds * groups)
    return (weights @ flat).reshape(len(weights), kinds, groups)
