"""What a forecaster may know at a cutoff, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.layer import Layers
from ilp_models.domain.panel import Panel

_NO_LAYERS: Final = Layers()


@dataclass(frozen=True, eq=False)
class History:
    """Events known at a cutoff, counted over the periods that had settled by then.

    Make one with :meth:`at`, which cuts the future off.

    Parameters
    ----------
    events : Events
        Events reported before the cutoff.
    grid : Grid
        The cells.
    panel : Panel
        Counts of settled periods: those that ended at least ``events.settles_after`` before the cutoff.
    calendar : Calendar
        How time is cut into periods.
    cutoff : Timestamp
        The moment of the forecast, wall clock.
    layers : Layers, optional
        Context layers known at the cutoff.

    Raises
    ------
    InputError
        If an event or a period lies at or after the cutoff, or a layer is known later.
    """

    events: Events
    grid: Grid
    panel: Panel
    calendar: Calendar
    cutoff: pd.Timestamp
    layers: Layers = _NO_LAYERS

    def __post_init__(self) -> None:
        """Refuse whatever was not known at the cutoff."""
        if len(self.events) and self.events.table["reported_at"].max() >= self.cutoff:
            msg = f"A history at {self.cutoff} holds events reported later; make it with History.from_events."
            raise InputError(msg)
        if (self.panel.periods[-1] + 1).start_time > self.cutoff:
            msg = f"A history at {self.cutoff} holds a period that ends later; make it with History.from_events."
            raise InputError(msg)
        if self.layers.known_at(self.cutoff) is not self.layers:
            msg = f"A history at {self.cutoff} holds a layer that is known later; make it with History.from_events."
            raise InputError(msg)

    @classmethod
    def from_events(
        cls,
        cutoff: pd.Timestamp,
        events: Events,
        grid: Grid,
        calendar: Calendar,
        layers: Layers = _NO_LAYERS,
    ) -> Self:
        """Return what was known at a cutoff.

        Parameters
        ----------
        cutoff : Timestamp
            The moment of the forecast, wall clock.
        events : Events
            All events; those reported at or after the cutoff are left out here.
        grid : Grid
            The cells.
        calendar : Calendar
            How time is cut into periods.
        layers : Layers, optional
            Context layers; those known only after the cutoff are left out here.

        Returns
        -------
        History
            The known past.

        Raises
        ------
        InputError
            If no whole period had settled by the cutoff.
        """
        known = events.known_at(cutoff)
        settled = calendar.whole(known.start, min(known.end, cutoff - known.settles_after))
        if len(settled) == 0:
            msg = (
                f"No whole {calendar.period_unit} is known at {cutoff}; records start at {events.start}. "
                "Set a later cutoff, or give earlier records."
            )
            raise InputError(msg)
        panel = Panel.count(known, grid, calendar, settled)
        return cls(known, grid, panel, calendar, cutoff, layers.known_at(cutoff))

    def known_at(self, cutoff: pd.Timestamp) -> Self:
        """Return what was known at an earlier cutoff.

        Parameters
        ----------
        cutoff : Timestamp
            A moment at or before the cutoff of this history, wall clock.

        Returns
        -------
        History
            Of the same cells and layers.

        Raises
        ------
        InputError
            If the moment lies after the cutoff, or no whole period had settled by then.
        """
        if cutoff > self.cutoff:
            msg = f"A history at {self.cutoff} does not know what was known at {cutoff}."
            raise InputError(msg)
        return type(self).from_events(cutoff, self.events, self.grid, self.calendar, self.layers)

    def of_types(self, crime_types: Sequence[str]) -> Self:
        """Return the history of some crime types, as if no others were recorded.

        Parameters
        ----------
        crime_types : sequence of str
            Names among those of the events, in the order wanted.

        Returns
        -------
        History
            At the same cutoff.

        Raises
        ------
        InputError
            If a name is not among the crime types.
        """
        return type(self).from_events(
            self.cutoff, self.events.of_types(crime_types), self.grid, self.calendar, self.layers
        )

    @property
    def first_step(self) -> int:
        """The distance in periods from the last settled period to the first one after the cutoff, 1 without delay."""
        return int(self.calendar.ahead(self.cutoff, 1).asi8[0] - self.panel.periods.asi8[-1])

    def usable_periods(self, periods: pd.PeriodIndex, step: int) -> npt.NDArray[np.int64]:
        """Return how many periods of the panel may be used for each target period.

        Parameters
        ----------
        periods : PeriodIndex
            Consecutive target periods, past or future.
        step : int
            Distance from the last usable period to the target, >= 1.

        Returns
        -------
        ndarray of int64
            Numbers of periods from the start of the panel; 0 or less where nothing may be used.

        Raises
        ------
        InputError
            If a target would see itself, or periods that are not in the panel.
        """
        known = self.panel.periods.asi8
        seen = np.asarray(periods.asi8 - known[0] - step + 1, dtype=np.int64)
        if step < 1 or seen[-1] > len(known):
            msg = f"{periods[-1]} seen from {step} periods before needs counts that are not known at {self.cutoff}."
            raise InputError(msg)
        return seen
