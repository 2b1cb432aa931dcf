"""Feature families and design matrices: the columns that regressions and trees learn from, and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.history import History


@dataclass(frozen=True)
class Column:
    """One column of a design matrix."""

    name: str  # unique, such as mean_half_life_8
    family: str  # its feature family, such as own_past
    words: str  # a phrase with {value} in it, such as "{value:.2f} events a week here lately"
    # own: a rate of this crime type; all: a rate of all types together. Regressions take the logarithm of rates,
    # relative to the offset of the same kind if there is one. Empty: the value is used unchanged.
    rate: str = ""
    age_years: float = 0.0  # mean age of the counts in it, as weighted; 0 for columns that are not means of counts


OWN_PAST: Final = Column(
    "cell_share", "own_past", "{value:.2%} of the city's events here, by past counts here and nearby"
)


class FeatureFamily(Protocol):
    """Computes columns of a design matrix from the past, in time linear in the size of the panel."""

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return the columns that this family adds, in the order in which `write` fills them."""
        ...

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: npt.NDArray[np.float32]) -> None:
        """Write the columns for consecutive target periods into ``out``: (periods, crime types, cells, columns).

        Only counts up to ``step`` periods before a target (at least 1) may be used for it.
        """
        ...


@dataclass(frozen=True, eq=False)
class Design:
    """A design matrix for some target periods."""

    values: npt.NDArray[np.float32]  # (rows, columns); rows in the order period, crime type, cell
    columns: tuple[Column, ...]
    log_offset: npt.NDArray[np.float64]  # log of the expected count that the regression starts from, per row; 0 without
    periods: pd.PeriodIndex  # the target periods
    shown: npt.NDArray[np.float32] | None = None  # values before logarithms, for readers; shape of values
    # City totals of the offset, (periods, crime types). Unlike log_offset they have no lower bound per cell.
    level: npt.NDArray[np.float64] | None = None

    def latest(self, count: int) -> Self:
        """Return the rows of the latest target periods with arrays of their own, so that the others can be freed."""
        first = len(self.values) - len(self.values) // len(self.periods) * count
        return replace(
            self,
            values=self.values[first:].copy(),
            log_offset=self.log_offset[first:].copy(),
            periods=self.periods[-count:],
            shown=None if self.shown is None else self.shown[first:].copy(),
            level=None if self.level is None else self.level[-count:].copy(),
        )


def all_columns(families: Sequence[FeatureFamily], history: History) -> tuple[Column, ...]:
    """Return the columns of several families, in order."""
    columns = tuple(column for family in families for column in family.columns(history))
    names = [column.name for column in columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        msg = f"Two feature families give the column {repeated[0]!r}; remove one or change its settings."
        raise ValueError(msg)
    return columns
