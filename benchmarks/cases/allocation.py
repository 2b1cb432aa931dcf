"""Allocations with constraints: a mixed-integer programme for each week."""

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say
from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.top_areas import TopAreas
from ilp_models.audit.residents import Residents
from ilp_models.domain.allocation import AllocationInput

GROUPS = ("a", "b", "c", "d", "reference")


def measure(*, quick: bool) -> list[Figure]:
    """Return the time of a year of weekly allocations with constraints, and that of top areas."""
    weeks, rounds = (2, 1) if quick else (52, 3)
    capped = {"exposure": {"origin": {"cap": 1.25, "reference": "reference"}}}
    both = {
        "exposure": {"origin": {"cap": {"a": 1.25}, "reference": "reference"}},
        "coverage": {"origin": {"b": 0.10}},
    }
    return [
        solved("14 of 140 areas, caps on four groups", (10, 14), 14, weeks, rounds, (1e-3, capped, 10.0)),
        solved("125 of 2,500 cells, two constraints", (50, 50), 125, weeks, rounds, (1e-2, both, 60.0)),
    ]


def solved(
    name: str, shape: tuple[int, int], cells: int, weeks: int, rounds: int, rule: tuple[float, dict, float]
) -> Figure:
    """Return the time of one kind of allocation."""
    gap, constraints, goal = rule
    territory, value = city(shape, weeks)
    constrained, top = Constrained(Budget(amount=cells), gap=gap, **constraints), TopAreas(Budget(amount=cells))
    say(f"allocating {name}")
    effort = constrained.allocate(value, territory)
    kept = (effort.amount * value).sum() / (top.allocate(value, territory).amount * value).sum()
    seconds = in_turn(
        rounds,
        constrained=lambda: constrained.allocate(value, territory),
        top=lambda: top.allocate(value, territory),
    )
    return Figure(
        name=f"allocation: {name}",
        figure=seconds["constrained"],
        unit="s",
        goal=Goal(high=goal),
        reference=seconds["top"],
        against="top areas without constraints",
        n=rounds,
        note=f"{weeks} weeks, one programme each; asked gap {gap:g}, worst proven {effort.gap.max():.2g}; "
        f"{kept:.1%} of the value of top areas",
    )


def city(shape: tuple[int, int], weeks: int) -> tuple[AllocationInput, np.ndarray]:
    """Return a generated city whose first group lives where more is expected, and expected values."""
    rng = np.random.default_rng(0)
    size = shape[0] * shape[1]
    row, column = np.divmod(np.arange(size), shape[1])
    share = rng.dirichlet(np.ones(len(GROUPS)), size)
    total = rng.uniform(500, 3000, size)
    people = share * total[:, None]
    territory = AllocationInput(
        area_m2=np.full(size, 250_000.0),
        centres=np.stack([column, row], axis=1) * 500.0,
        neighbours=csr_matrix((size, size)),
        districts=np.full(size, "", dtype=object),
        residents=(Residents("origin", GROUPS, people, total, people, 0.0),),
    )
    base = rng.gamma(0.6, 1.0, size) * (1 + 3 * share[:, 0])
    return territory, base[:, None] * rng.gamma(20, 1 / 20, (size, weeks))
