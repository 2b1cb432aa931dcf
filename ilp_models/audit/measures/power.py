"""Power of a group table: how far the most one-sided map of this land could move the group measures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.residents import Residents
from ilp_models.domain.checks import CATALOGUE, label_of
from ilp_models.domain.errors import NotRunError
from ilp_models.domain.finding import Finding, Limit

Floats = npt.NDArray[np.float64]
Key = TypeVar("Key")

_USEFUL: Final = 0.5  # a map that captures fewer events than this share of what is possible flags nothing of use
_TOLERANCE: Final = 1e-8  # of sums that are 1 over all cells
_ROUNDS: Final = 60
_DIGITS: Final = 5


@dataclass(frozen=True, eq=False)
class UsefulMaps:
    """All fixed maps that flag a share of the ground and capture at least half of the events that such a map can.

    A map is a flagged fraction between 0 and 1 for each cell.
    """

    ground: Floats
    events: Floats
    share: float

    def lowest_ratio(self, top: Floats, bottom: Floats, below: float = 1.0) -> float:
        """Return the lowest ratio of two sums over flagged cells if it is below a number, else that number.

        Dinkelbach (1967): the best map for top - ratio * bottom gives the next ratio, until none is lower.
        """
        ratio = below
        for _ in range(_ROUNDS):
            flagged = self._lowest(top - ratio * bottom)
            above, under = float(top @ flagged), float(bottom @ flagged)
            if above - ratio * under >= -_TOLERANCE:
                return ratio
            ratio = max(above, 0.0) / under
        msg = f"The most one-sided map was not found in {_ROUNDS} rounds."
        raise NotRunError(msg)

    def _lowest(self, values: Floats) -> Floats:
        """Return the map with the lowest sum of values over flagged cells."""
        ground, events = self.ground / self.ground.sum(), self.events / self.events.sum()
        result = linprog(
            values / (np.abs(values).max() or 1.0),  # the solver has absolute tolerances
            A_ub=-events[None],
            b_ub=[-_USEFUL * self._most_events(events, ground)],
            A_eq=ground[None],
            b_eq=[self.share],
            bounds=(0, 1),
        )
        if result.status != 0:
            msg = f"The most one-sided map was not found: {result.message}"
            raise NotRunError(msg)
        return np.asarray(np.clip(result.x, 0.0, 1.0))

    def _most_events(self, events: Floats, ground: Floats) -> float:
        """Return the share of events that the best map captures: cells by density, the last one in part."""
        order = np.argsort(-events / ground)
        flagged = np.clip((self.share - (np.cumsum(ground[order]) - ground[order])) / ground[order], 0.0, 1.0)
        return float(events[order] @ flagged)


@dataclass(frozen=True)
class Extreme:
    """The most extreme value of a measure among useful maps, and the limit of the audit on that side."""

    measure: str
    groups: str
    value: float
    limit: float
    lowest: bool  # whether the value and the limit are low ones

    @property
    def progress(self) -> float:
        """Return how far the value is on the way from an even map (0) to the limit (1)."""
        sign = -1 if self.lowest else 1
        moved, way = sign * (self.value - 1), sign * (self.limit - 1)
        return max(moved, 0.0) / way if way > 0 else 1.0  # beyond the limit, an even map crosses it

    def as_text(self, share: str) -> str:
        """Return the value in words."""
        value = f"{label_of(self.measure).lower()} of {self.value:.2f} ({self.groups})"
        if self.progress < 1:
            return (
                f"Even the most one-sided useful map of {share} has a {value}. The limit is {self.limit:g}, so the "
                "check could not fail."
            )
        return f"A useful map of {share} can have a {value}, beyond the limit of {self.limit:g}."


def check_power(context: CheckContext) -> list[Finding]:
    """Return how near to the limits of the group measures any useful map of the audited share could come."""
    return [_finding(context, residents) for residents in context.residents]


def _finding(context: CheckContext, residents: Residents) -> Finding:
    events = context.observed.sum(axis=(0, 2))
    by_group = events @ residents.shares
    enough = context.min_evidence.met(by_group, residents.areas_of_half) & (by_group > 0)
    lacking = [group for group, known in zip(residents.groups, enough, strict=True) if not known]
    value, detail, shortfall = float("nan"), "", ""
    if lacking:
        shortfall = f"too few events or areas for {', '.join(lacking)}"
    elif len(residents.groups) < 2:
        shortfall = "there is only one group, so groups cannot be compared"
    else:
        ground = context.grid.area_m2 if context.share_of == "land" else np.ones(len(events))
        maps = UsefulMaps(ground, events, context.land_share)
        extremes = list(_extremes(context, residents, events, maps))
        if extremes:
            best = max(extremes, key=lambda one: one.progress)
            # other processors may end at another map that is as good within the tolerance of the solver
            value = round(best.progress, _DIGITS)
            detail = best.as_text(f"{100 * context.land_share:g} % of the {context.share_of}")
        else:
            value, detail = 0.0, "Neither coverage_ratio nor need_adjusted_ratio has a fail limit."
    return context.finding(
        "group_table_power",
        (value,) * 3,
        dimension=residents.dimension,
        evidence=float(enough.sum()),
        detail=detail,
        shortfall=shortfall,
        advice="Merge small groups or test more periods." if shortfall else None,
    )


def _extremes(context: CheckContext, residents: Residents, events: Floats, maps: UsefulMaps) -> Iterator[Extreme]:
    """Yield the most extreme coverage ratio and need-adjusted ratios, where the audit has a fail limit."""
    names, shares, alive = residents.groups, residents.shares, (residents.total > 0).astype(float)
    burden, even = events[:, None] * shares / (events @ shares), alive / alive.sum()
    need = shares * (events @ alive) / (events @ shares) / alive.sum()
    if (limit := _limit(context, "coverage_ratio").fail_below) is not None:
        pairs = [(maps, burden[:, one], burden[:, two], (one, two)) for one, two in permutations(range(len(names)), 2)]
        value, (one, two) = _lowest(pairs)
        yield Extreme("coverage_ratio", f"{names[one]} / {names[two]}", value, limit, lowest=True)
    limits = _limit(context, "need_adjusted_ratio")
    if limits.fail_below is not None:
        value, at = _lowest([(maps, need[:, group], even, group) for group in range(len(names))])
        yield Extreme("need_adjusted_ratio", names[at], value, limits.fail_below, lowest=True)
    if limits.fail_above is not None:
        value, at = _lowest([(maps, even, need[:, group], group) for group in range(len(names))])
        yield Extreme("need_adjusted_ratio", names[at], 1 / value, limits.fail_above, lowest=False)


def _lowest(ratios: Sequence[tuple[UsefulMaps, Floats, Floats, Key]]) -> tuple[float, Key]:
    """Return the lowest of several ratios over useful maps, at most 1, and the key of that ratio."""
    value, found = 1.0, ratios[0][-1]
    for maps, top, bottom, key in ratios:
        lower = maps.lowest_ratio(top, bottom, value)
        value, found = (lower, key) if lower < value else (value, found)
    return value, found


def _limit(context: CheckContext, check: str) -> Limit:
    return context.limits.get(check, CATALOGUE[check].limit)
