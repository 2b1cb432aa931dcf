"""Design matrices: what a regression sees of each unit, and the words for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.history import History


@dataclass(frozen=True)
class Column:
    """One column of a design matrix.

    Parameters
    ----------
    name : str
        Unique, such as ``mean_half_life_8``.
    family : str
        The feature family it belongs to, such as ``exponential_means``.
    words : str
        A phrase for readers with ``{value}`` in it, such as ``{value:.2f} events a week here of late``.
    rate : {"", "own", "all"}, default ""
        ``own``: a rate of this crime type, ``all``: one of all types together. A regression takes rates as
        logarithms, relative to its offset of the same kind where it has one. Empty: taken as it is.
    """

    name: str
    family: str
    words: str
    rate: str = ""


OWN_PAST: Final = Column(
    "cell_share", "own_past", "{value:.2%} of the city's events here, by what was counted here and around"
)


class FeatureFamily(Protocol):
    """Some columns computed from the past of a panel, in time linear in its size."""

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return the columns this family adds.

        Parameters
        ----------
        history : History
            Names of crime types and the calendar are read from it.

        Returns
        -------
        tuple of Column
            In the order in which :meth:`write` fills them.
        """
        ...

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: npt.NDArray[np.float32]) -> None:
        """Fill the family's columns for some target periods, each seen from ``step`` periods before it.

        Parameters
        ----------
        history : History
            The known past.
        periods : PeriodIndex
            Consecutive target periods, past or future.
        step : int
            Only counts up to ``step`` periods before a target may be used for it, >= 1.
        out : ndarray of float32
            Shape (periods, crime types, cells, columns of this family), written in place.
        """
        ...


@dataclass(frozen=True, eq=False)
class Design:
    """A design matrix for some target periods.

    Parameters
    ----------
    values : ndarray of float32
        Shape (rows, columns); rows in the order period, crime type, cell.
    columns : tuple of Column
        Names, families and words of the columns.
    log_offset : ndarray of float64
        Natural logarithm of the expected count that the regression starts from, one value a row; 0 without offset.
    periods : PeriodIndex
        The target periods.
    shown : ndarray of float32, optional
        The values before logarithms, for readers; shape of ``values``.
    level : ndarray of float64, optional
        City totals of the offset, shape (periods, crime types), events. The offset itself is kept away from 0, which
        adds up over many quiet cells; these totals are not.
    """

    values: npt.NDArray[np.float32]
    columns: tuple[Column, ...]
    log_offset: npt.NDArray[np.float64]
    periods: pd.PeriodIndex
    shown: npt.NDArray[np.float32] | None = None
    level: npt.NDArray[np.float64] | None = None

    def latest(self, count: int) -> Self:
        """Return the rows of the latest target periods."""
        first = len(self.values) - len(self.values) // len(self.periods) * count
        return replace(
            self,
            values=self.values[first:],
            log_offset=self.log_offset[first:],
            periods=self.periods[-count:],
            shown=None if self.shown is None else self.shown[first:],
            level=None if self.level is None else self.level[-count:],
        )


def all_columns(families: Sequence[FeatureFamily], history: History) -> tuple[Column, ...]:
    """Return the columns of several families, in order."""
    columns = tuple(column for family in families for column in family.columns(history))
    names = [column.name for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"Two feature families give the column {twice[0]!r}; rename one."
        raise ValueError(msg)
    return columns
