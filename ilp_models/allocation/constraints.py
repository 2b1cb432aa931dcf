"""Constraints of an allocation as rows of a linear programme, each with its name and how to mend it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import block_array, coo_array, csr_matrix, eye_array
from scipy.spatial import cKDTree

from ilp_models.domain.allocation import AllocationInput, GroupsOfCells
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Bounds = float | Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Constraint:
    """Some rows low <= A x <= high over the cells chosen.

    Parameters
    ----------
    name : str
        What is asked, in words.
    mend : str
        What to change where it cannot be met.
    matrix : csr_matrix
        A, shape (rows, variables).
    low, high : ndarray of float64
        Bounds, shape (rows,).
    """

    name: str
    mend: str
    matrix: csr_matrix
    low: Floats
    high: Floats


@dataclass(frozen=True)
class ExposureCap:
    """The most that a group's residents may be exposed to effort, compared with others.

    Parameters
    ----------
    cap : float or mapping of str to float
        Rho: largest ratio of a group's exposure to that of the reference, for all groups or by name.
    reference : str, optional
        The group that others are compared with; by default each is compared with all other residents.

    Raises
    ------
    InputError
        If a cap is no number above 0.
    """

    cap: Bounds
    reference: str | None = None

    def __post_init__(self) -> None:
        """Refuse a cap that is none."""
        _check_bounds("exposure", self.cap, np.inf)

    def rules(self, groups: GroupsOfCells, chance: float) -> Iterator[Constraint]:
        """Yield one rule a group."""
        people = groups.by_group
        for place, group, cap in _named(groups, self.cap, without=self.reference):
            others = groups.total - people[:, place]
            if self.reference is not None:
                others = people[:, groups.groups.index(self.reference)]
            if not (np.isfinite(cap) and others.sum() > 0 and people[:, place].sum() > 0):
                continue
            weights = people[:, place] / people[:, place].sum() - cap * others / others.sum()
            weights = weights / np.abs(weights).max()  # a solver's tolerance is absolute
            yield expectation_constraint(
                f"exposure of {groups.dimension}/{group} at most {cap:g} times that of {self.reference or 'the rest'}",
                f"raise allocation.exposure.{groups.dimension}.cap",
                weights,
                (-np.inf, 0.0),
                chance,
            )


def coverage_constraints(groups: GroupsOfCells, floor: Bounds, expected: Floats, chance: float) -> Iterator[Constraint]:
    """Yield one rule a group: sum a_i y_i s_ig >= c sum y_i s_ig, in expectation over the draw."""
    _check_bounds("coverage", floor, 1.0)
    for place, group, least in _named(groups, floor):
        events = expected * groups.shares[:, place]
        if events.sum() > 0:
            yield expectation_constraint(
                f"coverage of {groups.dimension}/{group} at least {least:g}",
                f"lower allocation.coverage.{groups.dimension}, or raise the budget",
                events / events.sum(),
                (least, np.inf),
                chance,
            )


def district_constraints(territory: AllocationInput, need: Floats, minimum: Bounds) -> Iterator[Constraint]:
    """Yield that the effort of the chosen cells of a district is at least a minimum, whatever the draw."""
    _check_bounds("districts", minimum, np.inf)
    names = territory.districts.astype(str)
    known = [name for name in np.unique(names) if name]
    if not isinstance(minimum, Mapping):
        if known:
            rows = csr_matrix([np.where(names == district, need, 0.0) for district in known])
            bounds = np.full(len(known), float(minimum)), np.full(len(known), np.inf)
            name = f"at least {minimum:g} for each of {len(known)} districts"
            yield Constraint(name, "lower allocation.districts", rows, *bounds)
        return
    for district, least in minimum.items():
        if district not in known:
            msg = f"allocation.districts names {district!r}, which is no district here; known: {', '.join(known[:5])}."
            raise InputError(msg)
        row = np.where(names == district, need, 0.0)
        bounds = np.array([float(least)]), np.array([np.inf])
        mend = f"lower allocation.districts for {district}"
        yield Constraint(f"at least {least:g} for district {district}", mend, csr_matrix(row), *bounds)


def spacing_constraints(territory: AllocationInput, metres: float) -> Iterator[Constraint]:
    """Yield the rule that no two chosen cells have centres closer than a distance."""
    pairs = cKDTree(territory.centres).query_pairs(metres * (1 - 1e-9), output_type="ndarray")
    if len(pairs) == 0:
        return
    close: list[set[int]] = [set() for _ in territory.area_m2]
    for left, right in pairs:
        close[left].add(int(right))
        close[right].add(int(left))
    sets: list[list[int]] = []
    bound: set[tuple[int, int]] = set()
    for left, right in map(tuple, pairs.tolist()):
        if (left, right) in bound:
            continue
        members = [left, right]
        shared = close[left] & close[right]
        while shared:
            # the one that leaves most candidates, the first in order among equals
            member = max(sorted(shared), key=lambda cell: len(shared & close[cell]))
            members.append(member)
            shared = shared & close[member]
        members.sort()
        bound.update((a, b) for place, a in enumerate(members) for b in members[place + 1 :])
        sets.append(members)
    rows = np.repeat(np.arange(len(sets)), [len(members) for members in sets])
    columns = np.concatenate([np.array(members) for members in sets])
    shape = (len(sets), len(territory.area_m2))
    matrix = csr_matrix((np.ones(len(columns)), (rows, columns)), shape=shape)
    high = np.ones(len(sets))
    yield Constraint(
        f"chosen cells at least {metres:g} m apart", "lower allocation.spacing", matrix, -np.inf * high, high
    )


def expectation_constraint(
    name: str, mend: str, weights: Floats, bounds: tuple[float, float], chance: float
) -> Constraint:
    """Return the rule low <= sum w_i a_i <= high, where a_i is 1 for chosen cells and a chance for the others."""
    shift = chance * float(weights.sum())
    low, high = (np.array([bound - shift]) for bound in bounds)
    return Constraint(name, mend, csr_matrix((1 - chance) * weights), low, high)


def _named(groups: GroupsOfCells, bounds: Bounds, without: str | None = None) -> Iterator[tuple[int, str, float]]:
    """Yield position, name and bound of the groups that a bound speaks of."""
    asked = list(bounds) if isinstance(bounds, Mapping) else []
    unknown = [name for name in (*asked, *filter(None, [without])) if name not in groups.groups]
    if unknown:
        msg = f"{groups.dimension} has no group {unknown[0]!r}; its groups are {', '.join(groups.groups)}."
        raise InputError(msg)
    for place, group in enumerate(groups.groups):
        bound: Any = bounds.get(group) if isinstance(bounds, Mapping) else bounds
        if group != without and bound is not None:
            yield place, group, float(bound)


def _check_bounds(what: str, bounds: Bounds, most: float) -> None:
    numbers = list(bounds.values()) if isinstance(bounds, Mapping) else [bounds]
    if not all(0 <= float(number) <= most for number in numbers):
        msg = f"allocation.{what} needs numbers from 0 to {most:g}, not {numbers}."
        raise InputError(msg)


def contiguity_constraint(territory: AllocationInput, areas: int, most: int) -> Constraint:
    """Return the rule that the chosen cells are at most so many sets of touching cells.

    A single commodity flows from the root of a patrol area through chosen cells that touch, and every chosen cell
    keeps one unit of it: a cell that no root reaches through chosen cells cannot be chosen. The variables after the
    cells are the roots (one a cell), what enters at each root, and the flow along each pair of neighbours, both ways.
    """
    size = len(territory.area_m2)
    links = territory.neighbours.tocoo()
    start, end = links.row, links.col
    arcs = len(start)
    cells, number = eye_array(size), np.arange(arcs)
    ones = np.ones(arcs)
    leaving = coo_array((ones, (start, number)), shape=(size, arcs))
    arriving = coo_array((ones, (end, number)), shape=(size, arcs))
    rows = [
        [-cells, None, cells, arriving - leaving],  # what comes in less what goes out is kept by a chosen cell
        [None, -most * cells, cells, None],  # flow enters at roots only
        [-cells, cells, None, None],  # a root is a chosen cell
        [-(most - 1) * leaving.T, None, None, eye_array(arcs)],  # flow leaves chosen cells only
        [-(most - 1) * arriving.T, None, None, eye_array(arcs)],  # and reaches chosen cells only
        [cells - territory.neighbours, -cells, None, None],  # follows from the others, and speeds up the solver
        [None, coo_array(np.ones((1, size))), None, None],  # at most so many roots
    ]
    matrix = csr_matrix(block_array(rows))
    high = np.concatenate([np.zeros(4 * size + 2 * arcs), [float(areas)]])
    low = np.full(len(high), -np.inf)
    low[:size] = 0.0
    name = f"at most {areas} connected patrol area(s)"
    return Constraint(name, "raise allocation.patrol_areas", matrix, low, high)
