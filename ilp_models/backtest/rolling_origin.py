"""Rolling origins: the cutoffs of a backtest, and when forecasters are refitted."""

from dataclasses import dataclass
from numbers import Integral

import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events


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


@dataclass(frozen=True)
class RollingOrigin:
    """One cutoff at the start of each test period, over the latest whole periods of the data.

    Parameters
    ----------
    test_periods : int, default 52
        Number of cutoffs, one period apart.
    horizon : int, default 1
        Periods forecast from each cutoff: leads 1 to ``horizon``.
    refit_every : int, default 13
        Cutoffs between two fits. In between, forecasters keep their parameters and read the newer counts.
    end : str, optional
        ISO date: only periods that end on or before it are tested. Default: the end of the data.

    Raises
    ------
    InputError
        If a number is below 1 or ``end`` is not a date.

    Examples
    --------
    >>> RollingOrigin(test_periods=26, refit_every=4).horizon
    1
    """

    test_periods: int = 52
    horizon: int = 1
    refit_every: int = 13
    end: str | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("test_periods", "horizon", "refit_every"):
            given = getattr(self, name)
            if not isinstance(given, Integral) or given < 1:
                msg = f"backtest.{name}={given} must be a whole number, at least 1."
                raise InputError(msg)
            object.__setattr__(self, name, int(given))  # an integer of NumPy cannot be written as JSON
        if self.end is not None and pd.isna(pd.to_datetime(self.end, errors="coerce")):
            msg = f"backtest.end={self.end!r} is not a date. Write it as 2021-12-26."
            raise InputError(msg)

    def folds(self, events: Events, calendar: Calendar) -> tuple[Fold, ...]:
        """Return the folds, oldest first; the last ones have fewer leads where the data end.

        Raises InputError where no period is left for training.
        """
        whole = calendar.whole_periods(events.start, events.end - events.settles_after)
        if self.end is not None:
            whole = whole[whole.end_time <= pd.Timestamp(self.end) + pd.Timedelta(days=1)]
        if len(whole) <= self.test_periods:
            msg = (
                f"backtest.test_periods={self.test_periods} leaves no training data: the records cover {len(whole)} "
                f"whole {calendar.period_unit}(s) ({events.start.date()} to {events.end.date()}). Set fewer."
            )
            raise InputError(msg)
        tested = whole[-self.test_periods :]
        return tuple(
            Fold(period.start_time, tuple(tested[index : index + self.horizon]), index % self.refit_every == 0)
            for index, period in enumerate(tested)
        )

    def delay(self, events: Events, calendar: Calendar) -> int:
        """Return the largest number of periods before a cutoff whose counts were not yet complete."""
        folds = self.folds(events, calendar)
        return max(calendar.unsettled_periods(fold.cutoff, events.settles_after) for fold in folds)

    def chains(self, folds: tuple[Fold, ...]) -> tuple[tuple[Fold, ...], ...]:
        """Split folds into chains that start with a fit and can run in parallel."""
        starts = [index for index, fold in enumerate(folds) if fold.refit]
        stops = [*starts[1:], len(folds)]
        return tuple(folds[start:stop] for start, stop in zip(starts, stops, strict=True))
