"""Parameters of a simulated city, with their checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from ilp_models.data.simulated.layout import CityMap
from ilp_models.data.simulated.rates import SimulatedType, refuse_number
from ilp_models.domain.errors import InputError

_MAX_SQUARES = 400
_INTEGERS = ("seed", "districts", "weeks", "centres", "population")
_LIMITS = {
    "seed": (0, 2**32 - 1),
    "size_km": (0.5, 100.0),
    "lattice_m": (10.0, 1000.0),
    "districts": (1, 50),
    "weeks": (1, 2000),
    "centres": (0, 1000),
    "roughness": (0.0, 3.0),
    "weekend": (0.0, 5.0),
    "population": (1, 100_000_000),
    "segregation": (0.0, 5.0),
    "composition_risk": (-2.0, 2.0),
    "reporting_rate": (0.05, 1.0),
    "reporting_slope": (-10.0, 10.0),
    "reporting_delay_days": (0.0, 365.0),
}


def _default_types() -> dict[str, SimulatedType]:
    return {
        "assault": SimulatedType(yearly=6500.0, season=0.15, peak_day=195.0, offspring=0.2, mean_days=10.0),
        "burglary": SimulatedType(yearly=5000.0, season=0.2, peak_day=320.0, trend=-0.04, offspring=0.35),
        "robbery": SimulatedType(yearly=2500.0, season=0.1, peak_day=300.0, offspring=0.25),
        "vehicle_theft": SimulatedType(yearly=6000.0, season=0.2, peak_day=15.0, trend=0.06, offspring=0.3),
    }


@dataclass(frozen=True)
class CityPlan:
    """The parameters of a simulated city.

    Parameters
    ----------
    seed : int, default 1
        Seed of the map, the residents and the incidents.
    size_km : float, default 9
        Side of the city, kilometres.
    lattice_m : float, default 100
        Side of the small squares on which the background is constant, metres.
    districts : int, default 6
        Districts along each side; each holds a whole number of small squares. Their names are the area labels.
    start : str, default "2019-01-07"
        First day.
    weeks : int, default 260
        Length of the records, weeks.
    crime_types : mapping of str to SimulatedType, optional
        The crime types by name; by default four.
    centres : int, default 6
        Number of smooth centres of the background.
    roughness : float, default 0.6
        Standard deviation of the logarithm of the background between neighbouring small squares, along streets.
    weekend : float, default 0.15
        Increase of the background on Saturdays and Sundays, as a share.
    population : int, default 180000
        Residents.
    group_shares : mapping of str to float, optional
        Groups of residents and their shares in the city, summing to 1; by default three.
    dimension : str, default "community"
        Name of the dimension of the groups, such as ethnicity.
    segregation : float, default 0.5
        Standard deviation between districts of each group's log weight; 0 spreads all groups evenly.
    marked_group : str, default "cedar"
        The group to which ``composition_risk`` and ``reporting_slope`` refer.
    composition_risk : float, default 0.05
        Change of the logarithm of the background for one standard deviation of the marked group's share.
    reporting_rate : float, default 0.8
        Probability that an incident is recorded, 0 to 1.
    reporting_slope : float, default 0
        Change of that probability as the marked group's share rises from 0 to 1; 0.5 simulates over-recording.
    reporting_by_area : mapping of str to float, optional
        Probability of recording in single districts; replaces the two settings above.
    reporting_delay_days : float, default 0
        Maximum time from an incident to its report, days; delays are uniform between 0 and this.
    time_zone : str, default "Etc/GMT+5"
        Time zone of the records; the default has no daylight saving time.
    crs : str, default "EPSG:32617"
        Projected CRS in metres.
    west, south : float, default 680000 and 4700000
        South-west corner, metres in ``crs``.

    Raises
    ------
    InputError
        If a value lies outside its range, or values do not fit together.
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
        """Refuse impossible parameters."""
        for name, limits in _LIMITS.items():
            refuse_number(f"data.{name}", getattr(self, name), limits, whole=name in _INTEGERS)
        _refuse_start(self.start)
        _refuse_lattice(self)
        _refuse_groups(self)


def _refuse_start(start: str) -> None:
    first = pd.to_datetime(start, format="%Y-%m-%d", errors="coerce")
    if pd.isna(first):
        msg = f"data.start={start!r} is not a day; write it as 2019-01-07."
        raise InputError(msg)


def _refuse_lattice(city: CityPlan) -> None:
    metres = city.size_km * 1000
    district = metres / city.districts
    if abs(district / city.lattice_m - round(district / city.lattice_m)) > 1e-9:
        msg = (
            f"A district of {district:g} m is not a whole number of squares of data.lattice_m={city.lattice_m:g}; "
            "change data.size_km, data.districts or data.lattice_m."
        )
        raise InputError(msg)
    if metres / city.lattice_m > _MAX_SQUARES:
        msg = f"data.lattice_m={city.lattice_m:g} is too fine for {metres:g} m; set {metres / _MAX_SQUARES:g} or more."
        raise InputError(msg)
    if not city.crime_types:
        msg = "data.crime_types is empty; set at least one crime type."
        raise InputError(msg)
    for name, kind in city.crime_types.items():
        if kind.metres > metres / 6:
            msg = f"data.crime_types.{name}.metres={kind.metres:g} is too large; set at most {metres / 6:g}."
            raise InputError(msg)
    areas = CityMap(1, city.districts, 1.0).areas
    for area, rate in city.reporting_by_area.items():
        if area not in areas:
            msg = f"data.reporting_by_area has no district {area!r}; use {areas[0]!r} to {areas[-1]!r}."
            raise InputError(msg)
        refuse_number(f"data.reporting_by_area.{area}", rate, (0.0, 1.0))


def _refuse_groups(city: CityPlan) -> None:
    for name, share in city.group_shares.items():
        refuse_number(f"data.group_shares.{name}", share, (1e-6, 1.0))
    total = sum(city.group_shares.values())
    if abs(total - 1.0) > 1e-6:
        msg = f"data.group_shares must sum to 1, not {total:g}."
        raise InputError(msg)
    if city.marked_group not in city.group_shares:
        msg = f"data.marked_group={city.marked_group!r} is not a group; choose one of {', '.join(city.group_shares)}."
        raise InputError(msg)
