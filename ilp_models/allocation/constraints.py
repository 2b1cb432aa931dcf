"""Allocation constraints as rows of a linear program: exposure, coverage, districts, spacing and contiguity."""

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
    """Rows low <= A x <= high over the chosen cells."""

    name: str
    remedy: str  # what to change where the constraint cannot be met
    matrix: csr_matrix  # A, (rows, variables)
    low: Floats
    high: Floats


@dataclass(frozen=True)
class ExposureCap:
    """A cap on the exposure of a group's residents to effort, relative to others.

    Parameters
    ----------
    cap : float or mapping of str to float
        Maximum ratio of a group's exposure to that of the reference, for all groups or by name.
    reference : str, optional
        The group to compare with; by default each group is compared with all other residents.

    Raises
    ------
    InputError
        If a cap is not a number of 0 or more.
    """

    cap: Bounds
    reference: str | None = None

    def __post_init__(self) -> None:
        """Check the caps."""
        _check_bounds("exposure", self.cap, np.inf)

    def constraints(self, groups: GroupsOfCells, chance: float) -> Iterator[Constraint]:
        """Yield one constraint for each group."""
        people = groups.by_group
        for place, group, cap in bounds_by_group(groups, self.cap, without=self.reference):
            others = groups.total - people[:, place]
            if self.reference is not None:
                others = people[:, groups.groups.index(self.reference)]
            if not (np.isfinite(cap) and others.sum() > 0 and people[:, place].sum() > 0):
                continue
            weights = people[:, place] / people[:, place].sum() - cap * others / others.sum()
            weights = weights / np.abs(weights).max()  # solver tolerances are absolute
            yield expectation_constraint(
                f"exposure of {groups.dimension}/{group} at most {cap:g} times that of {self.reference or 'the rest'}",
                f"raise allocation.exposure.{groups.dimension}.cap",
                weights,
                (-np.inf, 0.0),
                chance,
            )


def coverage_constraints(groups: GroupsOfCells, floor: Bounds, expected: Floats, chance: float) -> Iterator[Constraint]:
    """Yield one constraint for each group: sum a_i y_i s_ig >= c sum y_i s_ig, in expectation over the draw."""
    _check_bounds("coverage", floor, 1.0)
    for place, group, least in bounds_by_group(groups, floor):
        events = expected * groups.shares[:, place]
        if events.sum() > 0:
            yield expectation_constraint(
                f"coverage of {groups.dimension}/{group} at least {least:g}",
                f"lower allocation.coverage.{groups.dimension}, or raise the budget",
                events / events.sum(),
                (least, np.inf),
                chance,
            )


def district_constraints(inputs: AllocationInput, need: Floats, minimum: Bounds) -> Iterator[Constraint]:
    """Yield the minimum effort of the chosen cells in each district; random cells are not counted."""
    _check_bounds("districts", minimum, np.inf)
    names = inputs.districts.astype(str)
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
            first = ", ".join(known[:5])
            msg = f"allocation.districts: {district!r} is not a district of this grid; the first ones are {first}."
            raise InputError(msg)
        row = np.where(names == district, need, 0.0)
        bounds = np.array([float(least)]), np.array([np.inf])
        remedy = f"lower allocation.districts for {district}"
        yield Constraint(f"at least {least:g} for district {district}", remedy, csr_matrix(row), *bounds)


def spacing_constraints(inputs: AllocationInput, metres: float) -> Iterator[Constraint]:
    """Yield the constraint that centres of chosen cells are at least a distance apart."""
    pairs = cKDTree(inputs.centres).query_pairs(metres * (1 - 1e-9), output_type="ndarray")
    if len(pairs) == 0:
        return
    close: list[set[int]] = [set() for _ in inputs.area_m2]
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
            # the member that leaves most candidates; the first among equals
            member = max(sorted(shared), key=lambda cell: len(shared & close[cell]))
            members.append(member)
            shared = shared & close[member]
        members.sort()
        bound.update((a, b) for place, a in enumerate(members) for b in members[place + 1 :])
        sets.append(members)
    rows = np.repeat(np.arange(len(sets)), [len(members) for members in sets])
    columns = np.concatenate([np.array(members) for members in sets])
    shape = (len(sets), len(inputs.area_m2))
    matrix = csr_matrix((np.ones(len(columns)), (rows, columns)), shape=shape)
    high = np.ones(len(sets))
    yield Constraint(
        f"chosen cells at least {metres:g} m apart", "lower allocation.spacing", matrix, -np.inf * high, high
    )


def expectation_constraint(
    name: str, remedy: str, weights: Floats, bounds: tuple[float, float], chance: float
) -> Constraint:
    """Return low <= sum w_i a_i <= high, where a_i is 1 for chosen cells and a probability for the others."""
    shift = chance * float(weights.sum())
    low, high = (np.array([bound - shift]) for bound in bounds)
    return Constraint(name, remedy, csr_matrix((1 - chance) * weights), low, high)


def bounds_by_group(
    groups: GroupsOfCells, bounds: Bounds, without: str | None = None
) -> Iterator[tuple[int, str, float]]:
    """Yield position, name and bound of each group that has a bound."""
    names = list(bounds) if isinstance(bounds, Mapping) else []
    unknown = [name for name in (*names, *filter(None, [without])) if name not in groups.groups]
    if unknown:
        msg = f"{groups.dimension} has no group {unknown[0]!r}. Its groups are {', '.join(groups.groups)}."
        raise InputError(msg)
    for place, group in enumerate(groups.groups):
        bound: Any = bounds.get(group) if isinstance(bounds, Mapping) else bounds
        if group != without and bound is not None:
            yield place, group, float(bound)


def _check_bounds(setting: str, bounds: Bounds, maximum: float) -> None:
    numbers = list(bounds.values()) if isinstance(bounds, Mapping) else [bounds]
    if not all(0 <= float(number) <= maximum for number in numbers):
        msg = f"allocation.{setting}={numbers} must be numbers from 0 to {maximum:g}."
        raise InputError(msg)


def contiguity_constraint(inputs: AllocationInput, areas: int, most: int) -> Constraint:
    """Return the constraint that the chosen cells form at most ``areas`` connected patrol areas.

    A single commodity flows from the root of an area through adjacent chosen cells. Each chosen cell consumes one unit,
    so a cell that no root reaches cannot be chosen. After the cells, the variables are the roots, the inflow at each
    root, and the flow along each pair of neighbours in both directions.
    """
    size = len(inputs.area_m2)
    links = inputs.neighbours.tocoo()
    start, end = links.row, links.col
    arcs = len(start)
    cells, number = eye_array(size), np.arange(arcs)
    ones = np.ones(arcs)
    leaving = coo_array((ones, (start, number)), shape=(size, arcs))
    arriving = coo_array((ones, (end, number)), shape=(size, arcs))
    rows = [
        [-cells, None, cells, arriving - leaving],  # inflow minus outflow is what a chosen cell consumes
        [None, -most * cells, cells, None],  # flow enters at roots only
        [-cells, cells, None, None],  # a root is a chosen cell
        [-(most - 1) * leaving.T, None, None, eye_array(arcs)],  # flow leaves chosen cells only
        [-(most - 1) * arriving.T, None, None, eye_array(arcs)],  # and reaches chosen cells only
        [cells - inputs.neighbours, -cells, None, None],  # follows from the others; speeds up the solver
        [None, coo_array(np.ones((1, size))), None, None],  # at most this number of roots
    ]
    matrix = csr_matrix(block_array(rows))
    high = np.concatenate([np.zeros(4 * size + 2 * arcs), [float(areas)]])
    low = np.full(len(high), -np.inf)
    low[:size] = 0.0
    name = f"at most {areas} connected patrol area(s)"
    return Constraint(name, "raise allocation.patrol_areas", matrix, low, high)
