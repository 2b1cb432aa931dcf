"""Groups of units of about equal risk within a crime type: what intervals are judged on and learned from."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError

_DIGITS: Final = 6  # of the logarithm: a rounding error must not move a unit to another group
_NOTHING: Final = 1e-12


@dataclass(frozen=True, eq=False)
class RiskGroups:
    """The expected counts at which one group ends and the next begins, for each crime type.

    Parameters
    ----------
    edges : tuple of ndarray
        Logarithms of expected counts, increasing, one array a crime type.
    """

    edges: tuple[npt.NDArray[np.float64], ...]

    @classmethod
    def from_expected(cls, expected: npt.NDArray[Any], groups: int) -> Self:
        """Return groups of about equally many units each."""
        if groups < 1:
            msg = f"groups={groups} must be at least 1."
            raise InputError(msg)
        parts = np.linspace(0, 1, groups + 1)[1:-1]
        logs = np.moveaxis(_logs(expected), 1, 0).reshape(expected.shape[1], -1)
        return cls(tuple(np.unique(np.quantile(one, parts, method="midpoint")) for one in logs))

    @property
    def most(self) -> int:
        """The largest number of groups of any crime type."""
        return 1 + max(len(one) for one in self.edges)

    def of(self, expected: npt.NDArray[Any], kind: int) -> npt.NDArray[np.int64]:
        """Return the group of each unit of one crime type, 0 for the least risk."""
        return np.asarray(np.searchsorted(self.edges[kind], _logs(expected), side="left"))


def _logs(expected: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(np.round(np.log(np.maximum(expected, _NOTHING)), _DIGITS))
