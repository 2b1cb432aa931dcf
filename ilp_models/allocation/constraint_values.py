"""Measure the constraints of an allocation rule on a finished plan, such as one with changes made by hand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ilp_models.allocation.constraints import Bounds, ExposureCap, bounds_by_group
from ilp_models.domain.allocation import AllocationInput, ConstraintValue, Effort, GroupsOfCells

Floats = npt.NDArray[np.float64]

_NO_BOUND: Final = float("inf")


@dataclass(frozen=True, eq=False)
class PlanValues:
    """One plan, and the values that constraints limit. Each method yields one value for each bound and period."""

    effort: Effort
    share: Floats  # (cells, periods): covered share, the expectation over draws
    inputs: AllocationInput

    def exposure(self, dimension: str, cap: ExposureCap) -> Iterator[ConstraintValue]:
        """Yield the exposure ratio of each group that has a cap."""
        groups = self.inputs.groups_of(dimension)
        people = groups.by_group
        for place, group, most in bounds_by_group(groups, cap.cap, without=cap.reference):
            others = groups.total - people[:, place]
            if cap.reference is not None:
                others = people[:, groups.groups.index(cap.reference)]
            if people[:, place].sum() > 0 and others.sum() > 0:
                ours, theirs = (one @ self.share / one.sum() for one in (people[:, place], others))
                name = f"exposure of {dimension}/{group} relative to {cap.reference or 'the rest'}"
                remedy = f"raise allocation.exposure.{dimension}.cap"
                yield from _by_period(name, _ratios(ours, theirs), (-_NO_BOUND, most), remedy)

    def coverage(self, groups: GroupsOfCells, floor: Bounds) -> Iterator[ConstraintValue]:
        """Yield the coverage of each group that has a minimum."""
        expected = np.zeros_like(self.share) if self.inputs.expected is None else self.inputs.expected
        for place, group, least in bounds_by_group(groups, floor):
            events = expected * groups.shares[:, [place]]
            known = events.sum(axis=0) > 0
            covered = np.where(known, _ratios((events * self.share).sum(axis=0), events.sum(axis=0)), np.nan)
            remedy = f"lower allocation.coverage.{groups.dimension}"
            yield from _by_period(f"coverage of {groups.dimension}/{group}", covered, (least, _NO_BOUND), remedy)

    def districts(self, minimum: Bounds) -> Iterator[ConstraintValue]:
        """Yield the effort of the chosen cells in each district that has a minimum."""
        for district, amount in self._effort_by_district(np.where(self._chosen, self.effort.amount, 0.0)):
            least = minimum.get(district) if isinstance(minimum, Mapping) else minimum
            if district and least is not None:
                bounds = (float(least), _NO_BOUND)
                yield from _by_period(f"effort for district {district}", amount, bounds, "lower allocation.districts")

    def district_cap(self, most: float) -> Iterator[ConstraintValue]:
        """Yield the effort of each district; cells without a district count as one."""
        for district, amount in self._effort_by_district(self.effort.amount):
            name = f"effort for {f'district {district}' if district else 'cells without a district'}"
            yield from _by_period(name, amount, (-_NO_BOUND, most), "raise allocation.most")

    def spacing(self, metres: float) -> Iterator[ConstraintValue]:
        """Yield the smallest distance between the centres of two chosen cells, in metres."""
        nearest = np.full(self.share.shape[1], _NO_BOUND)
        for period, chosen in enumerate(self._chosen.T):
            if chosen.sum() > 1:
                centres = self.inputs.centres[chosen]
                nearest[period] = cKDTree(centres).query(centres, k=2)[0][:, 1].min()
        yield from _by_period("distance of chosen cells", nearest, (metres, _NO_BOUND), "lower allocation.spacing")

    def patrol_areas(self, most: int) -> Iterator[ConstraintValue]:
        """Yield the number of connected areas that the chosen cells form."""
        links = self.inputs.neighbours.tocsr()
        numbers = np.array(
            [connected_components(links[one][:, one], directed=False)[0] if one.any() else 0 for one in self._chosen.T],
            dtype=float,
        )
        remedy = "raise allocation.patrol_areas"
        yield from _by_period("number of connected patrol areas", numbers, (-_NO_BOUND, most), remedy)

    @property
    def _chosen(self) -> npt.NDArray[np.bool_]:
        """Cells with effort that were not drawn at random."""
        return np.asarray((self.effort.amount > 0) & (self.effort.inclusion >= 1))

    def _effort_by_district(self, amount: Floats) -> Iterator[tuple[str, Floats]]:
        names = self.inputs.districts.astype(str)
        for district in np.unique(names):
            yield str(district), amount[names == district].sum(axis=0)


def _by_period(name: str, values: Floats, bounds: tuple[float, float], remedy: str) -> Iterator[ConstraintValue]:
    for period, value in enumerate(values):
        if not np.isnan(value):
            yield ConstraintValue(name, period, float(value), float(bounds[0]), float(bounds[1]), remedy)


def _ratios(above: Floats, below: Floats) -> Floats:
    """Return above / below; 0 / 0 is 0, since no resident is exposed, and x / 0 is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(above > 0, above / below, 0.0)
