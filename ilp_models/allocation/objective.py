"""What an allocation is to cover: counts or harm, each summed over crime types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.harm import harm_weights

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """Expected events, one as good as another, or weighted by the harm of their crime type.

    Parameters
    ----------
    harm : mapping of str to float, optional
        Harm of one event of each crime type, >= 0, in any one unit (such as days of a sentence); by default events are
        counted. There are no weights in the package: what weighs how much is for those who answer for it to say.
    source : str, optional
        Where the weights come from; it stands in every file.

    Raises
    ------
    InputError
        If a weight is negative or no number, none is above 0, or their source is not named.
    """

    harm: Mapping[str, float] | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        """Refuse weights that nobody stands for."""
        if self.harm is None:
            return
        harm_weights(self.harm, tuple(self.harm), "objective.harm")
        if not (self.source or "").strip():
            msg = (
                "objective.source must say where the harm weights come from, such as 'a sentencing guideline of 2020'."
            )
            raise InputError(msg)

    @property
    def name(self) -> str:
        """What is covered, in words."""
        return "expected count covered" if self.harm is None else f"expected harm covered ({self.source})"

    def value(self, expected: Floats, crime_types: Sequence[str]) -> Floats:
        """Return what covering each cell and period in full is worth."""
        if self.harm is None:
            return np.asarray(expected.sum(axis=0), dtype=float)
        weights = harm_weights(self.harm, crime_types, "objective.harm")
        return np.asarray(np.tensordot(weights, expected, axes=1), dtype=float)
