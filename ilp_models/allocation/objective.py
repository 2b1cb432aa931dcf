"""Allocation objective: expected events, or the harm of expected events, summed over crime types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.harm import HarmSources, set_of_name, sets_side_by_side
from ilp_models.domain.harm_weights import HarmWeights, align_weights

Floats = npt.NDArray[np.float64]

HARM_COLUMNS: Final = ("harm_set", "reading", "covered", "expected", "share", "unit", "title", "date", "left_out")


@dataclass(frozen=True)
class Objective:
    """What an allocation covers: expected events, or their harm under one harm set.

    Parameters
    ----------
    harm : str, optional
        Name of the harm set whose harm is covered; by default, and only, what was audited.
    harm_sets : sequence or mapping of HarmSet, optional
        Two or more harm sets. The result shows the harm covered under each of them. By default those of the audit.

    Raises
    ------
    InputError
        If there is only one set, or ``harm`` is none of them.

    Examples
    --------
    >>> Objective().harm is None
    True
    """

    harm: str | None = None
    harm_sets: HarmSources = ()

    def __post_init__(self) -> None:
        """Check that the set is one of those given."""
        set_of_name(sets_side_by_side(self.harm_sets), self.harm, "objective.harm")

    def weights(self, crime_types: Sequence[str]) -> tuple[HarmWeights, ...]:
        """Return the weights of some crime types under every harm set."""
        return tuple(one.for_types(crime_types) for one in sets_side_by_side(self.harm_sets))


@dataclass(frozen=True)
class CoverageValue:
    """What full coverage of a cell is worth: its expected events, or their harm where weights are given."""

    harm: Mapping[str, float] = field(default_factory=dict)  # of one crime, by crime type; empty: events count
    harm_set: str = ""  # name of the set that the weights are from

    @property
    def name(self) -> str:
        """The objective as text."""
        return f"expected harm covered (harm set {self.harm_set})" if self.harm else "expected count covered"

    def of(self, expected: Floats, crime_types: Sequence[str]) -> Floats:
        """Return the value of full coverage of each cell and period, shape (cells, periods)."""
        if not self.harm:
            return np.asarray(expected.sum(axis=0), dtype=float)
        return np.asarray(np.tensordot(align_weights(self.harm, crime_types), expected, axes=1), dtype=float)


def harm_covered(
    share: Floats, expected: Floats, crime_types: Sequence[str], sets: Sequence[HarmWeights]
) -> pd.DataFrame:
    """Return the expected harm in covered areas under every harm set and reading, and its share of all harm.

    ``share`` is the covered part of each cell and period, ``expected`` has the shape (types, cells, periods).
    """
    covered, whole = (share * expected).sum(axis=(1, 2)), expected.sum(axis=(1, 2))
    rows = []
    for one in sets:
        for reading in one.readings:
            weights = one.aligned(crime_types, reading)
            harm, total = float(weights @ covered), float(weights @ whole)
            part = harm / total if total > 0 else np.nan
            rows.append((one.name, reading, harm, total, part, one.unit, one.title, one.date, ", ".join(one.left_out)))
    return pd.DataFrame(rows, columns=list(HARM_COLUMNS))
