"""Folds: the steps of a backtest."""

from dataclasses import dataclass

import pandas as pd

from ilp_models.domain.errors import InputError


@dataclass(frozen=True)
class Fold:
    """A cutoff and the periods to forecast from it.

    Parameters
    ----------
    cutoff : Timestamp
        The moment of the forecast.
    periods : tuple of Period
        The periods to forecast, leads 1, 2, ...; the first starts at or after the cutoff.
    refit : bool
        Whether the forecaster is refitted here, or only updated with the newer counts.

    Raises
    ------
    InputError
        If a period starts before the cutoff.
    """

    cutoff: pd.Timestamp
    periods: tuple[pd.Period, ...]
    refit: bool = True

    def __post_init__(self) -> None:
        """Refuse to forecast the past."""
        if not self.periods or self.periods[0].start_time < self.cutoff:
            msg = f"A fold at {self.cutoff} must have periods that start at or after its cutoff."
            raise InputError(msg)
