"""Composition: which fitted forecasters a combined forecast is made of, so that an audit can see all their columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Member:
    """One fitted forecaster of a combination."""

    name: str
    forecaster: Any  # fitted; also one that has no weight at present, so that its columns are known
    weights: npt.NDArray[np.float64]  # of each crime type, >= 0
    area_of: npt.NDArray[np.int64] | None = None  # position of each cell's area, for forecasts of larger areas
    cells: int | None = None  # only the first cells of the member are those of the combination; None: all of them


@dataclass(frozen=True, eq=False)
class Composition:
    """The members of a combined forecast. It is their weighted sum, apart from a correction of the level."""

    members: tuple[Member, ...]
    logarithmic: bool = False  # the sum is of logarithms of forecasts
