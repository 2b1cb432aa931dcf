"""Allocation objective: expected counts, or expected harm, summed over crime types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.harm import harm_weights

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """Maximise expected events, or expected harm where weights are given.

    Parameters
    ----------
    harm : mapping of str to float, optional
        Harm of one event of each crime type, >= 0, in one unit such as days of a sentence. By default all events count
        the same. The package has no default weights: choosing them is a decision of the organisation.
    source : str, optional
        Source of the weights; written to every output file.

    Raises
    ------
    InputError
        If a weight is negative or not a number, all weights are 0, or the source is missing.

    Examples
    --------
    >>> Objective().name
    'expected count covered'
    """

    harm: Mapping[str, float] | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        """Check the weights and their source."""
        if self.harm is None:
            return
        harm_weights(self.harm, tuple(self.harm), "objective.harm")
        if not (self.source or "").strip():
            msg = "objective.source is empty. Name the source of the weights, such as 'sentencing guideline of 2020'."
            raise InputError(msg)

    @property
    def name(self) -> str:
        """The objective as text."""
        return "expected count covered" if self.harm is None else f"expected harm covered ({self.source})"

    def value(self, expected: Floats, crime_types: Sequence[str]) -> Floats:
        """Return the value of full coverage of each cell and period, shape (cells, periods)."""
        if self.harm is None:
            return np.asarray(expected.sum(axis=0), dtype=float)
        weights = harm_weights(self.harm, crime_types, "objective.harm")
        return np.asarray(np.tensordot(weights, expected, axes=1), dtype=float)
