"""History: everything that a forecaster may know at a cutoff."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events, check_events
from ilp_models.domain.grid import Grid
from ilp_models.domain.layer import Layers
from ilp_models.domain.panel import Panel

_NO_LAYERS: Final = Layers()


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """What a forecaster may know at a cutoff: events, counts and context layers.

    Every forecaster has ``fit(history)``. Make a history with `from_events`, which removes later data.

    Parameters
    ----------
    events : Events
        Events that were reported before the cutoff.
    grid : Grid
        The cells, such as those of ``SquareGrid(500).build(events)``.
    panel : Panel
        Counts by crime type, cell and settled period. A period is settled if it ended at least
        ``events.settles_after`` before the cutoff.
    calendar : Calendar
        How time is cut into periods.
    cutoff : Timestamp
        Time of the forecast, wall clock.
    layers : Layers, optional
        Context layers that were known at the cutoff.
    record_lag : int, default 0
        Whole periods before the cutoff of which nothing is known, because the records end earlier.

    Raises
    ------
    InputError
        If something was not known at the cutoff.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=60).read()
    >>> grid = ilp.SquareGrid(500).build(events)
    >>> ilp.History.from_events(pd.Timestamp("2020-01-06"), events, grid, ilp.Calendar())
    <History: 52 weeks known at 2020-01-06, 4 crime types, 324 cells>
    """

    events: Events
    grid: Grid
    panel: Panel
    calendar: Calendar
    cutoff: pd.Timestamp
    layers: Layers = _NO_LAYERS
    record_lag: int = 0

    def __post_init__(self) -> None:
        """Refuse data that were not known at the cutoff."""
        if len(self.events) and self.events.table["reported_at"].max() >= self.cutoff:
            msg = f"A history at {self.cutoff} holds events reported later; make it with History.from_events."
            raise InputError(msg)
        if (self.panel.periods[-1] + 1).start_time > self.cutoff:
            msg = f"A history at {self.cutoff} holds a period that ends later; make it with History.from_events."
            raise InputError(msg)
        if self.layers.known_at(self.cutoff) is not self.layers:
            msg = f"A history at {self.cutoff} holds a layer that is known later; make it with History.from_events."
            raise InputError(msg)

    def __repr__(self) -> str:
        """Return number of settled periods, cutoff, crime types and cells in one line."""
        known = f"{len(self.panel.periods)} {self.calendar.period_unit}s known at {self.cutoff.date()}"
        return f"<History: {known}, {len(self.events.crime_types)} crime types, {len(self.grid):,} cells>"

    @classmethod
    def from_events(
        cls,
        cutoff: pd.Timestamp,
        events: Events,
        grid: Grid,
        calendar: Calendar,
        layers: Layers = _NO_LAYERS,
        record_lag: int = 0,
    ) -> Self:
        """Return what was known at a cutoff: later events and layers are removed, settled periods are counted.

        Parameters
        ----------
        cutoff : Timestamp
            Time of the forecast, wall clock.
        events : Events
            All events, later ones included.
        grid : Grid
            The cells.
        calendar : Calendar
            How time is cut into periods.
        layers : Layers, optional
            Context layers.
        record_lag : int, default 0
            Whole periods before the cutoff of which nothing is known.

        Returns
        -------
        History
            Without anything that was known later.

        Raises
        ------
        InputError
            If no whole period was known at the cutoff.
        """
        check_events(events)
        moment = calendar.earlier(cutoff, record_lag)
        known = events.known_at(moment).counted()
        settled = calendar.whole_periods(known.start, min(known.end, moment - known.settles_after))
        if len(settled) == 0:
            msg = (
                f"No whole {calendar.period_unit} is known at {cutoff}; records start at {events.start}. "
                "Set a later cutoff, or give earlier records."
            )
            raise InputError(msg)
        panel = Panel.count(known, grid, calendar, settled)
        return cls(known, grid, panel, calendar, cutoff, layers.known_at(moment), record_lag)

    def known_at(self, cutoff: pd.Timestamp) -> Self:
        """Return what was known at an earlier cutoff, on the same cells."""
        if cutoff > self.cutoff:
            msg = f"A history at {self.cutoff} does not hold what was known at {cutoff}; use History.from_events."
            raise InputError(msg)
        return type(self).from_events(
            cutoff, self.events, self.grid, self.calendar, self.layers, record_lag=self.record_lag
        )

    def select_types(self, crime_types: Sequence[str]) -> Self:
        """Return the history of some crime types only, in the order given."""
        return type(self).from_events(
            self.cutoff,
            self.events.select_types(crime_types),
            self.grid,
            self.calendar,
            self.layers,
            record_lag=self.record_lag,
        )

    @property
    def first_step(self) -> int:
        """Number of periods from the last settled period to the first after the cutoff: 1 without reporting delay."""
        return int(self.calendar.next_periods(self.cutoff, 1).asi8[0] - self.panel.periods.asi8[-1])

    def usable_periods(self, periods: pd.PeriodIndex, step: int) -> npt.NDArray[np.int64]:
        """Return how many periods of the panel, from its start, may be used for each target; 0 or less means none.

        ``periods`` are consecutive targets, past or future. ``step`` is the distance from the last usable period to
        the target, at least 1.
        """
        known = self.panel.periods.asi8
        usable = np.asarray(periods.asi8 - known[0] - step + 1, dtype=np.int64)
        if step < 1 or usable[-1] > len(known):
            msg = (
                f"{periods[-1]} with step {step} needs counts that are not known at {self.cutoff}; "
                f"use a step of at least {self.first_step}."
            )
            raise InputError(msg)
        return usable
