"""A seeded city whose true intensity is known: where tests and experiments can be marked against the truth."""

from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.simulated.expectation import Expectation, Seen
from ilp_models.data.simulated.layout import Layout, cell_shares, lay_out
from ilp_models.data.simulated.plan import CityPlan
from ilp_models.data.simulated.rates import SimulatedType, background_a_day
from ilp_models.data.simulated.records import days_since, draw_records, make_account, make_events
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.history import History

Floats = npt.NDArray[np.float64]


class SimulatedCity(CityPlan):
    """A square city of square districts, with near repeats, uneven groups of residents and incomplete records.

    Everything follows from the parameters, which are those of `CityPlan`: the same parameters give the same events to
    the bit.
    """

    @classmethod
    def white_noise(cls, **changes: Any) -> Self:
        """Return a city in which nothing can be learned but the level: the same risk everywhere and always."""
        flat = SimulatedType(yearly=5000.0, season=0.0, offspring=0.0)
        plain: dict[str, Any] = {
            "crime_types": {"noise": flat},
            "centres": 0,
            "roughness": 0.0,
            "weekend": 0.0,
            "composition_risk": 0.0,
        }
        return cls(**{**plain, **changes})

    def read(self) -> Events:
        """Return the recorded events; `Events.intake` reports how many incidents were never recorded."""
        records = draw_records(self, self._layout)
        events = make_events(self, records)
        report = make_account(self, events, len(records))
        return replace(events, city=report.source, intake=report)

    def truth(self) -> pd.DataFrame:
        """Return what happened and what was recorded of it."""
        records = draw_records(self, self._layout)
        counted = records.groupby(["area", "crime_type"], observed=False)["recorded"].agg(["size", "sum"])
        table = counted.rename(columns={"size": "occurred", "sum": "recorded"}).astype("int64").reset_index()
        return table.assign(rate=np.repeat(self._layout.rates, len(self.crime_types)))

    def groups(self) -> pd.DataFrame:
        """Return the residents of each district by group."""
        areas, names = self._layout.lattice.areas, list(self.group_shares)
        return pd.DataFrame(
            {
                "area": np.repeat(areas, len(names)),
                "dimension": self.dimension,
                "group": names * len(areas),
                "population": self._layout.residents.ravel(),
            }
        )

    def reporting_rates(self) -> pd.DataFrame:
        """Return the probability that an incident is recorded, by district."""
        return pd.DataFrame({"area": self._layout.lattice.areas, "rate": self._layout.rates})

    def expected(self, history: History, periods: pd.PeriodIndex) -> Floats:
        """Return the true expected recorded counts of cells, given what was known at a cutoff.

        Exact: the background, and the near repeats that the known events set off directly, for cells made of whole
        small squares; other cells take the share of each square that 16 points in it give them. Near repeats of
        near repeats, of incidents of the forecast periods and of incidents that are not in the records enter at
        their mean, all generations, spread on the lattice. What recorded events tell about unrecorded ones is not
        used: with complete records and no delay nothing is lost by that, else the forecast is right on average,
        but not the sharpest there could be. Ground outside the city expects nothing.
        """
        seen = self._seen(history.events)
        cutoff, known_from = days_since(self.start, pd.DatetimeIndex([history.cutoff, history.events.start]))
        edges = days_since(self.start, pd.DatetimeIndex([*periods.start_time, (periods[-1] + 1).start_time]))
        lattice, rates = self._layout.lattice, self._layout.rates[self._layout.lattice.district]

        def unseen(day: float) -> Floats:
            delay = self.reporting_delay_days
            reported = 0.0 if day < known_from else min(1.0, (cutoff - day) / delay) if delay else 1.0
            return np.asarray(1.0 - rates * reported)

        kinds = tuple(self.crime_types.values())
        background = partial(background_a_day, kinds, start=pd.Timestamp(self.start), weekend=self.weekend)
        truth = Expectation(lattice, kinds, self._layout.where, background, unseen)
        recorded = truth.over(seen, cutoff, edges) * rates[None, :, :, None]
        shares = cell_shares(lattice, (self.west, self.south), history.grid, history.events)
        return np.stack([shares @ one for one in recorded.reshape(len(kinds), -1, len(periods))])

    @cached_property
    def _layout(self) -> Layout:
        return lay_out(self)

    def _seen(self, events: Events) -> tuple[Seen, ...]:
        if events.crime_types != tuple(self.crime_types) or events.crs != self.crs:
            msg = (
                f"The records hold {', '.join(events.crime_types)} in {events.crs}, the simulated city "
                f"{', '.join(self.crime_types)} in {self.crs}: its truth holds for its own records only."
            )
            raise InputError(msg)
        table = events.table.sort_values("occurred_at", kind="stable")
        day = days_since(self.start, pd.DatetimeIndex(table["occurred_at"]))
        x, y = (table[name].to_numpy() - low for name, low in (("x", self.west), ("y", self.south)))
        kind = table["crime_type"].cat.codes.to_numpy()
        return tuple(Seen(day[kind == k], x[kind == k], y[kind == k]) for k in range(len(self.crime_types)))
