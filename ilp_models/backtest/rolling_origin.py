"""Rolling origins: which cutoffs are replayed, and when methods learn anew."""

from dataclasses import dataclass

import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.fold import Fold


@dataclass(frozen=True)
class RollingOrigin:
    """A cutoff at the start of each test period, over the latest whole periods of the data.

    Parameters
    ----------
    test_periods : int, default 52
        Number of cutoffs, one period apart.
    horizon : int, default 1
        Periods forecast from each cutoff: leads 1 to ``horizon``.
    refit_every : int, default 13
        Cutoffs between two fits; in between methods keep what they learned and see the newer counts.
    end : str, optional
        ISO date; only periods that end on or before it are tested. By default the end of the data.

    Raises
    ------
    InputError
        If a number is below 1 or ``end`` is no date.
    """

    test_periods: int = 52
    horizon: int = 1
    refit_every: int = 13
    end: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that replay nothing."""
        for name in ("test_periods", "horizon", "refit_every"):
            if getattr(self, name) < 1:
                msg = f"backtest.{name}={getattr(self, name)} must be at least 1."
                raise InputError(msg)
        if self.end is not None and pd.isna(pd.to_datetime(self.end, errors="coerce")):
            msg = f"backtest.end={self.end!r} is no date; write it as 2021-12-26."
            raise InputError(msg)

    def folds(self, events: Events, calendar: Calendar) -> tuple[Fold, ...]:
        """Return the folds, oldest first.

        Parameters
        ----------
        events : Events
            The records; only the span they cover is read.
        calendar : Calendar
            How time is cut into periods.

        Returns
        -------
        tuple of Fold
            ``test_periods`` folds; the last ones forecast fewer leads where the data end.

        Raises
        ------
        InputError
            If the data are too short to leave anything to learn from.
        """
        whole = calendar.whole(events.start, events.end - events.settles_after)
        if self.end is not None:
            whole = whole[whole.end_time <= pd.Timestamp(self.end) + pd.Timedelta(days=1)]
        if len(whole) <= self.test_periods:
            msg = (
                f"backtest.test_periods={self.test_periods} leaves nothing to learn from: the data hold {len(whole)} "
                f"whole {calendar.period_unit}(s) ({events.start.date()} to {events.end.date()}). Set fewer, or give "
                "more."
            )
            raise InputError(msg)
        tested = whole[-self.test_periods :]
        return tuple(
            Fold(period.start_time, tuple(tested[index : index + self.horizon]), index % self.refit_every == 0)
            for index, period in enumerate(tested)
        )

    def delay(self, events: Events, calendar: Calendar) -> int:
        """Return how many periods before a cutoff had not settled by then, the most at any cutoff.

        Parameters
        ----------
        events : Events
            The records.
        calendar : Calendar
            How time is cut into periods.

        Returns
        -------
        int
            0 where the counts of every period are known at its end.
        """
        folds = self.folds(events, calendar)
        return max(calendar.unsettled(fold.cutoff, events.settles_after) for fold in folds)

    def chains(self, folds: tuple[Fold, ...]) -> tuple[tuple[Fold, ...], ...]:
        """Return the folds in runs that begin with a fit, each of which can be worked on by itself.

        Parameters
        ----------
        folds : tuple of Fold
            As returned by :meth:`folds`.

        Returns
        -------
        tuple of tuple of Fold
            Runs in order.
        """
        starts = [index for index, fold in enumerate(folds) if fold.refit]
        stops = [*starts[1:], len(folds)]
        return tuple(folds[start:stop] for start, stop in zip(starts, stops, strict=True))
