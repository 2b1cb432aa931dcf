"""What an allocation is to cover: counts or harm, each summed over crime types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ExpectedCount:
    """Expected events, one as good as another."""

    @property
    def name(self) -> str:
        """What is covered, in words."""
        return "expected count covered"

    def value(self, expected: Floats, crime_types: Sequence[str]) -> Floats:
        """Return what covering each cell and period in full is worth.

        Parameters
        ----------
        expected : ndarray of float64
            Expected events, shape (crime types, cells, periods).
        crime_types : sequence of str
            The crime types, in order.

        Returns
        -------
        ndarray of float64
            Events, shape (cells, periods).
        """
        del crime_types
        return np.asarray(expected.sum(axis=0), dtype=float)


@dataclass(frozen=True)
class ExpectedHarm:
    """Expected events weighted by the harm of their crime type.

    Parameters
    ----------
    weights : mapping of str to float
        Harm of one event of each crime type, >= 0, in any one unit (such as days of a sentence). There are none by
        default: what weighs how much is for those who answer for it to say.
    source : str
        Where the weights come from; it stands in every file.

    Raises
    ------
    InputError
        If there is no weight above 0, one is negative or no number, or the source is not named.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse weights that nobody stands for."""
        numbers = np.array([float(weight) for weight in self.weights.values()])
        if not (numbers.size and np.isfinite(numbers).all() and (numbers >= 0).all() and (numbers > 0).any()):
            msg = f"objective.weights={dict(self.weights)} must give each crime type a harm >= 0, one above 0."
            raise InputError(msg)
        if not self.source.strip():
            msg = (
                "objective.source must say where the harm weights come from, such as 'Cambridge Crime Harm Index 2020'."
            )
            raise InputError(msg)

    @property
    def name(self) -> str:
        """What is covered, in words."""
        return f"expected harm covered ({self.source})"

    def value(self, expected: Floats, crime_types: Sequence[str]) -> Floats:
        """Return what covering each cell and period in full is worth.

        Parameters
        ----------
        expected : ndarray of float64
            Expected events, shape (crime types, cells, periods).
        crime_types : sequence of str
            The crime types, in order; each needs a weight.

        Returns
        -------
        ndarray of float64
            Harm in the unit of the weights, shape (cells, periods).

        Raises
        ------
        InputError
            If a crime type has no weight.
        """
        missing = [kind for kind in crime_types if kind not in self.weights]
        if missing:
            msg = (
                f"objective.weights gives none to {', '.join(missing)}; name every crime type, with 0 to leave one out."
            )
            raise InputError(msg)
        weights = np.array([float(self.weights[kind]) for kind in crime_types])
        return np.asarray(np.tensordot(weights, expected, axes=1), dtype=float)
