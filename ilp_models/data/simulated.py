"""A seeded city whose true intensity is known: where tests and experiments can be marked against the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.simulated_expectation import Expectation, Seen
from ilp_models.data.simulated_layout import Layout, cell_shares, lay_out
from ilp_models.data.simulated_rates import SimulatedType, background_a_day
from ilp_models.data.simulated_records import days_since, draw_records, make_account, make_events
from ilp_models.data.simulated_rules import refuse_impossible
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.history import History
from ilp_models.domain.intake import IntakeReport

Floats = npt.NDArray[np.float64]


def _default_types() -> dict[str, SimulatedType]:
    return {
        "assault": SimulatedType(yearly=6500.0, season=0.15, peak_day=195.0, offspring=0.2, mean_days=10.0),
        "burglary": SimulatedType(yearly=5000.0, season=0.2, peak_day=320.0, trend=-0.04, offspring=0.35),
        "robbery": SimulatedType(yearly=2500.0, season=0.1, peak_day=300.0, offspring=0.25),
        "vehicle_theft": SimulatedType(yearly=6000.0, season=0.2, peak_day=15.0, trend=0.06, offspring=0.3),
    }


@dataclass(frozen=True)
class SimulatedCity:
    """A square city of square districts, with near repeats, uneven groups of residents and incomplete records.

    Everything follows from the parameters: the same parameters give the same events to the bit.

    Parameters
    ----------
    seed : int, default 1
        Decides the map, the residents and the incidents.
    size_km : float, default 9
        Side of the city, kilometres.
    lattice_m : float, default 100
        Side of the small squares on which the background is constant, metres.
    districts : int, default 6
        Districts along each side; each is a whole number of small squares. Their names are the area labels.
    start : str, default "2019-01-07"
        First day.
    weeks : int, default 260
        Length, weeks of seven days.
    crime_types : mapping of str to SimulatedType, optional
        The crime types by name; by default four.
    centres : int, default 6
        Smooth centres of the background; 0 for none.
    roughness : float, default 0.6
        Standard deviation of the logarithm of the background from one small square to the next, along streets.
    weekend : float, default 0.15
        How much higher the background is on Saturdays and Sundays, as a share.
    population : int, default 180000
        Residents.
    group_shares : mapping of str to float, optional
        Groups of residents and their shares in the city, summing to 1; by default three.
    dimension : str, default "community"
        What the groups are groups of.
    segregation : float, default 0.5
        How unevenly the groups live: standard deviation between districts of each group's log weight; 0 for evenly.
    marked_group : str, default "cedar"
        The group that ``composition_risk`` and ``reporting_slope`` speak of.
    composition_risk : float, default 0.05
        Change of the logarithm of the background for one standard deviation of the marked group's share.
    reporting_rate : float, default 0.8
        Probability that an incident is recorded, 0 to 1.
    reporting_slope : float, default 0
        Change of that probability as the marked group's share rises from 0 to 1; 0.5 plants over-recording.
    reporting_by_area : mapping of str to float, optional
        Probability of recording in some districts, instead of the two rules above.
    reporting_delay_days : float, default 0
        Longest time from an incident to its report, days; each delay between 0 and that is equally likely.
    time_zone : str, default "Etc/GMT+5"
        Zone whose wall clock the times show; the default never changes its clocks.
    crs : str, default "EPSG:32617"
        Projected CRS in metres.
    west, south : float, default 680000 and 4700000
        South-west corner, metres in ``crs``; lengths are true there in that CRS.

    Raises
    ------
    InputError
        If a value lies outside its range, or parts do not fit together.
    """

    seed: int = 1
    size_km: float = 9.0
    lattice_m: float = 100.0
    districts: int = 6
    start: str = "2019-01-07"
    weeks: int = 260
    crime_types: Mapping[str, SimulatedType] = field(default_factory=_default_types)
    centres: int = 6
    roughness: float = 0.6
    weekend: float = 0.15
    population: int = 180_000
    group_shares: Mapping[str, float] = field(default_factory=lambda: {"amber": 0.55, "birch": 0.3, "cedar": 0.15})
    dimension: str = "community"
    segregation: float = 0.5
    marked_group: str = "cedar"
    composition_risk: float = 0.05
    reporting_rate: float = 0.8
    reporting_slope: float = 0.0
    reporting_by_area: Mapping[str, float] = field(default_factory=dict)
    reporting_delay_days: float = 0.0
    time_zone: str = "Etc/GMT+5"
    crs: str = "EPSG:32617"
    west: float = 680_000.0
    south: float = 4_700_000.0

    def __post_init__(self) -> None:
        """Refuse a city that cannot be."""
        refuse_impossible(self)

    @classmethod
    def white_noise(cls, **changes: Any) -> Self:
        """Return a city in which nothing can be learned but the level: the same risk everywhere and always.

        Parameters
        ----------
        **changes : object
            Other parameters of the class.

        Returns
        -------
        SimulatedCity
            Without centres, streets, weekend, link to residents, season, trend or near repeats.
        """
        flat = SimulatedType(yearly=5000.0, season=0.0, offspring=0.0)
        plain: dict[str, Any] = {
            "crime_types": {"noise": flat},
            "centres": 0,
            "roughness": 0.0,
            "weekend": 0.0,
            "composition_risk": 0.0,
        }
        return cls(**{**plain, **changes})

    def read(self) -> tuple[Events, IntakeReport]:
        """Return the recorded events and the account of their intake.

        Returns
        -------
        tuple of Events and IntakeReport
            Events carry the district as ``area``; incidents that were never recorded are in neither.
        """
        records = draw_records(self, self._layout)
        events = make_events(self, records)
        return events, make_account(self, events, len(records))

    def truth(self) -> pd.DataFrame:
        """Return what happened and what was recorded of it.

        Returns
        -------
        DataFrame
            Columns ``area``, ``crime_type``, ``occurred``, ``recorded`` (incidents) and ``rate`` (probability of
            recording); one row for each district and crime type, zeros included.
        """
        records = draw_records(self, self._layout)
        counted = records.groupby(["area", "crime_type"], observed=False)["recorded"].agg(["size", "sum"])
        table = counted.rename(columns={"size": "occurred", "sum": "recorded"}).astype("int64").reset_index()
        return table.assign(rate=np.repeat(self._layout.rates, len(self.crime_types)))

    def groups(self) -> pd.DataFrame:
        """Return the residents of each district by group.

        Returns
        -------
        DataFrame
            Columns ``area``, ``dimension``, ``group``, ``population``; the groups exclude each other and sum to the
            population.
        """
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
        """Return the probability that an incident is recorded, by district.

        Returns
        -------
        DataFrame
            Columns ``area`` and ``rate``.
        """
        return pd.DataFrame({"area": self._layout.lattice.areas, "rate": self._layout.rates})

    def expected(self, history: History, periods: pd.PeriodIndex) -> Floats:
        """Return the true expected recorded counts of cells, given what was known at a cutoff.

        Exact: the background, and the near repeats that the known events set off directly, for cells made of whole
        small squares; other cells take the share of each square that 16 points in it give them. Near repeats of
        near repeats, of incidents of the forecast periods and of incidents that are not in the records enter at
        their mean, all generations, spread on the lattice. What recorded events tell about unrecorded ones is not
        used: with complete records and no delay nothing is lost by that, else the forecast is right on average,
        but not the sharpest there could be. Ground outside the city expects nothing.

        Parameters
        ----------
        history : History
            What was known at the cutoff; nothing else is read.
        periods : PeriodIndex
            Consecutive periods that start at or after the cutoff.

        Returns
        -------
        ndarray of float64
            Expected recorded events, shape (types, cells, periods).

        Raises
        ------
        InputError
            If the history is not of this city.
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
