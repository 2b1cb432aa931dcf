"""What a fitted self-exciting process says about repeats: how many, how late and how far away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ilp_models.domain.events import Events

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RepeatProcess:
    """Repeats of one crime type; records of one day and place count as one incident."""

    incidents: int
    triggered_share: float  # of the incidents: those that the process counts as repeats of an earlier one
    shuffled_share: float  # the largest such share that the same fit gives if the dates are shuffled
    edges: Floats  # edges of the bins of delay, days, ascending; a bin includes its first day
    repeats: Floats  # expected direct repeats of one incident in each bin
    scales: Floats  # standard deviations of the Gaussians of distance along each axis, metres
    shares: Floats  # of the Gaussians; they sum to 1

    @property
    def offspring(self) -> float:
        """The expected number of direct repeats of one incident."""
        return float(self.repeats.sum())


# returns the process of each crime type, or why there is none, from events and edges of the bins of delay
RepeatModel = Callable[[Events, Floats], Mapping[str, RepeatProcess | str]]
