"""Findings on the groups of one dimension: which have enough evidence, and what is said of those that have not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.residents import Residents
from ilp_models.domain.finding import Finding
from ilp_models.stats.bootstrap import Estimate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupFindings:
    """Makes findings on the groups of one dimension.

    Parameters
    ----------
    evidence : Evidence
        Limits and the least evidence.
    residents : Residents
        The groups.
    events : ndarray of float64
        Recorded events weighted by shares of residents, shape (crime types and their pool, groups).
    """

    evidence: CheckContext
    residents: Residents
    events: Floats

    @property
    def enough(self) -> npt.NDArray[np.bool_]:
        """Which groups have enough events and areas, shape (crime types and their pool, groups)."""
        return self.evidence.minimum.met(self.events, self.residents.areas_of_half)

    def by_group(self, check: str, title: str, estimate: Estimate, advice: str) -> list[Finding]:
        """Return a finding on each crime type and group."""
        return [
            self.evidence.judged(
                check,
                title,
                (float(estimate.value[at]), float(estimate.low[at]), float(estimate.high[at])),
                crime_type=self.evidence.scopes[at[0]],
                dimension=self.residents.dimension,
                group=self.residents.groups[at[1]],
                evidence=float(self.events[at]),
                thin=(thin := self._thin(at)),
                advice="Merge small groups or test more periods." if thin else advice,
            )
            for at in np.ndindex(*self.events.shape)
        ]

    def by_dimension(self, check: str, titles: Sequence[str], estimate: Estimate, advice: str) -> list[Finding]:
        """Return a finding on each crime type."""
        findings = []
        for row, (name, title) in enumerate(zip(self.evidence.scopes, titles, strict=True)):
            enough = self.enough[row]
            lacking = [group for group, known in zip(self.residents.groups, enough, strict=True) if not known]
            findings.append(
                self.evidence.judged(
                    check,
                    title,
                    (float(estimate.value[row]), float(estimate.low[row]), float(estimate.high[row])),
                    crime_type=name,
                    dimension=self.residents.dimension,
                    evidence=float(enough.sum()),
                    thin=f"for {', '.join(lacking)}" if lacking else "",
                    advice="Merge small groups or test more periods." if lacking else advice,
                )
            )
        return findings

    def _thin(self, at: tuple[int, ...]) -> str:
        count, areas, least = float(self.events[at]), int(self.residents.areas_of_half[at[1]]), self.evidence.minimum
        lacking = [
            *([f"{count:.0f} weighted events of {least.events:g}"] * (count < least.events)),
            *([f"half of the group lives in {areas} area(s), fewer than {least.areas}"] * (areas < least.areas)),
        ]
        return " and ".join(lacking)
