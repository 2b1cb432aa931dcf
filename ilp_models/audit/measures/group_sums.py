"""Sums by group of flags, forecasts and events, arranged so that a draw is one matrix product.

Draws are of periods, of areas, or of exchanged residents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import with_total
from ilp_models.audit.measures.clusters import Clusters
from ilp_models.audit.measures.formulas import Totals
from ilp_models.audit.residents import Residents
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Basis:
    """Weights of the cells of one dimension, and the areas that they form."""

    people: Floats  # residents n_ig and, last, n_i; (cells, groups + 1)
    cells: Floats  # shares s_ig and, last, 1 where residents live; (cells, groups + 1)
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
    """Values to sum over cells, with their weights.

    ``over`` is the denominator of the rate that stays in an area when residents are exchanged: the weights by default,
    else the name of a sum that moves with the residents. A sum over itself is such a sum.
    """

    values: Floats  # (crime types, cells, periods)
    weights: str  # "people" or "cells" of a Basis
    over: str = ""


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Sums by group of cubes (crime types, cells, periods), for each period and for each area."""

    basis: Basis
    periods: int
    by_period: Mapping[str, Floats]  # (crime types, periods, groups + 1)
    by_area: Mapping[str, Floats]  # (areas, crime types, groups + 1)
    over: Mapping[str, str]  # denominator of each rate; see Cube
    pooled: bool = False  # whether the last crime type is the pool already

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
        """Sums over all periods and areas."""
        sums = {name: self.pool(one.sum(axis=1)) for name, one in self.by_period.items()}
        weights = {"people": self.basis.people.sum(axis=0)[None], "cells": self.basis.cells.sum(axis=0)[None]}
        return {**sums, **weights, "maps": self._maps}

    def of_periods(self, weights: Floats) -> Totals:
        """Return sums over drawn periods."""
        sums = {name: self.pool(_product(weights, one)) for name, one in self.by_period.items()}
        return {**sums, "people": self.whole["people"], "cells": self.whole["cells"], "maps": self._maps}

    def of_areas(self, weights: Floats) -> Totals:
        """Return sums over drawn areas."""
        shape = (len(weights), -1, self.basis.people.shape[1])
        sums = {
            name: self.pool((weights @ one.reshape(len(one), -1)).reshape(shape)) for name, one in self.by_area.items()
        }
        drawn = {name: (weights @ one)[:, None] for name, one in self.basis.by_area.items()}
        return {**sums, **drawn, "maps": self._maps}

    @property
    def _maps(self) -> Floats:
        kinds = len(next(iter(self.by_period.values())))
        return self.pool(np.full((kinds, 1), float(self.periods)))

    def pool(self, sums: Floats) -> Floats:
        """Append the sum of all crime types if there are several."""
        if self.pooled or sums.shape[-2] == 1:
            return sums
        return np.concatenate((sums, sums.sum(axis=-2, keepdims=True)), axis=-2)


def tally_flags(basis: Basis, flags: Floats, observed: Floats, others: Floats | None = None) -> GroupSums:
    """Return the sums for formulas of flagged areas; ``others`` are the flags of the baseline.

    Flags have one row for each crime type and, where there are several, a last one: the map of all types together.
    """
    return replace(GroupSums.from_cubes(basis, flag_cubes(flags, observed, others)), pooled=True)


def flag_cubes(flags: Floats, observed: Floats, others: Floats | None = None) -> dict[str, Cube]:
    """Return the cubes of :func:`tally_flags`."""
    observed = with_total(observed)
    return {
        "exposed": Cube(flags, "people"),
        **({} if others is None else {"other_exposed": Cube(others, "people")}),
        "patrolled": Cube(flags, "cells"),
        "burdened": Cube(observed, "cells", over="burdened"),
        "covered": Cube(flags * observed, "cells", over="burdened"),
    }


def tally_errors(basis: Basis, expected: Floats, observed: Floats, losses: tuple[Floats, Floats]) -> GroupSums:
    """Return the sums for formulas of forecast errors; losses are of the forecaster and of the baseline."""
    losing = {name: Cube(loss, "people") for name, loss in zip(("loss", "other_loss"), losses, strict=True)}
    return GroupSums.from_cubes(basis, error_cubes(expected, observed) | losing)


def error_cubes(expected: Floats, observed: Floats) -> dict[str, Cube]:
    """Return the cubes of :func:`tally_errors`, without losses."""
    return {
        "predicted": Cube(expected, "cells"),
        "recorded": Cube(observed, "cells"),
        "over": Cube(np.maximum(expected - observed, 0), "cells"),
        "under": Cube(np.maximum(observed - expected, 0), "cells"),
    }


def tally_replays(basis: Basis, context: CheckContext, *, of_baseline: bool = False) -> GroupSums:
    """Return the sums for formulas of forecast errors of the forecaster audited, or of the baseline."""
    other_loss = context.deviance_of(context.baseline)
    replay = context.baseline if of_baseline else context.replay
    expected = np.asarray(replay.expected.values, dtype=float)
    loss = other_loss if of_baseline else context.deviance_of(replay)
    return tally_errors(basis, expected, context.observed, (loss, other_loss))


def exchanged(tallies: Sequence[GroupSums], resampling: Bootstrap) -> list[Totals]:
    """Return sums of several sets of maps after residents of areas are exchanged, with the same draws for all.

    Flags, forecasts and records of an area stay there as rates; other residents move in.
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
    """Rates of areas over one table of residents; ``rows`` has the tally, the sum and the crime type of each."""

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
    """Return the denominators of rates: residents, cells by share, and sums that move with residents, by crime type."""
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
