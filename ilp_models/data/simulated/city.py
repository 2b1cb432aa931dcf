"""Simulated city: an event source whose true expected counts are known."""

from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.simulated.expectation import Expectation, RecordedIncidents
from ilp_models.data.simulated.layout import Layout, build_layout, cell_shares
from ilp_models.data.simulated.plan import CityPlan
from ilp_models.data.simulated.rates import SimulatedType, background_per_day
from ilp_models.data.simulated.records import build_events, build_report, days_since, draw_records
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.history import History

Floats = npt.NDArray[np.float64]


class SimulatedCity(CityPlan):
    """A square city with near repeats, unevenly spread groups of residents and incomplete records.

    The parameters are those of `ilp_models.data.simulated.plan.CityPlan`. The same parameters always give the same
    events.

    Examples
    --------
    >>> SimulatedCity(seed=7, weeks=60).read()
    <Events: 18,685 events, 4 crime types, 2019-01-07 to 2020-03-02, simulated city, seed 7, EPSG:32617>
    """

    publisher: ClassVar[str] = "simulated city"

    @classmethod
    def white_noise(cls, **changes: Any) -> Self:
        """Return a city with the same risk at all places and times, in which only the level can be learned."""
        flat = SimulatedType(yearly=5000.0, season=0.0, offspring=0.0)
        constant: dict[str, Any] = {
            "crime_types": {"noise": flat},
            "centres": 0,
            "roughness": 0.0,
            "weekend": 0.0,
            "composition_risk": 0.0,
        }
        return cls(**{**constant, **changes})

    def read(self) -> Events:
        """Return the recorded events; `Events.intake` reports how many incidents were never recorded."""
        records = draw_records(self, self._layout)
        events = build_events(self, records)
        report = build_report(self, events, len(records))
        return replace(events, city=report.source, intake=report, simulated=True)

    def truth(self) -> pd.DataFrame:
        """Return incidents that occurred and incidents recorded, by area and crime type."""
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
        """Return the true expected recorded counts, shape (types, cells, periods), given what is known at the cutoff.

        The background and the direct near repeats of known events are exact for cells made of whole small squares.
        Other cells receive the share of each square that 16 points give them. Near repeats of later generations, of
        the forecast periods and of unrecorded incidents enter at their mean. Recorded events are not used to infer
        unrecorded ones, so with incomplete records the forecast is unbiased but not the sharpest possible. Cells
        outside the city expect 0.
        """
        recorded = self._recorded(history.events)
        cutoff, known_from = days_since(self.start, pd.DatetimeIndex([history.cutoff, history.events.start]))
        edges = days_since(self.start, pd.DatetimeIndex([*periods.start_time, (periods[-1] + 1).start_time]))
        lattice, rates = self._layout.lattice, self._layout.rates[self._layout.lattice.district]

        def unrecorded(day: float) -> Floats:
            delay = self.reporting_delay_days
            reported = 0.0 if day < known_from else min(1.0, (cutoff - day) / delay) if delay else 1.0
            return np.asarray(1.0 - rates * reported)

        kinds = tuple(self.crime_types.values())
        background = partial(background_per_day, kinds, start=pd.Timestamp(self.start), weekend=self.weekend)
        truth = Expectation(lattice, kinds, self._layout.risk, background, unrecorded)
        expected = truth.expected_counts(recorded, cutoff, edges) * rates[None, :, :, None]
        shares = cell_shares(lattice, (self.west, self.south), history.grid, history.events)
        return np.stack([shares @ one for one in expected.reshape(len(kinds), -1, len(periods))])

    @cached_property
    def _layout(self) -> Layout:
        return build_layout(self)

    def _recorded(self, events: Events) -> tuple[RecordedIncidents, ...]:
        if events.crime_types != tuple(self.crime_types) or events.crs != self.crs:
            msg = (
                f"The records hold {', '.join(events.crime_types)} in {events.crs}, the simulated city "
                f"{', '.join(self.crime_types)} in {self.crs}. Use true_intensity with the records of the same city."
            )
            raise InputError(msg)
        table = events.table.sort_values("occurred_at", kind="stable")
        day = days_since(self.start, pd.DatetimeIndex(table["occurred_at"]))
        x, y = (table[name].to_numpy() - low for name, low in (("x", self.west), ("y", self.south)))
        kind = table["crime_type"].cat.codes.to_numpy()
        return tuple(
            RecordedIncidents(day[kind == k], x[kind == k], y[kind == k]) for k in range(len(self.crime_types))
        )
