"""What the parameters of a simulated city must satisfy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ilp_models.data.simulated_map import Lattice
from ilp_models.domain.errors import InputError

if TYPE_CHECKING:
    from ilp_models.data.simulated import SimulatedCity

_MOST_SQUARES = 400
_LIMITS = {
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


def refuse_impossible(city: SimulatedCity) -> None:
    """Return quietly unless a city cannot be.

    Parameters
    ----------
    city : SimulatedCity
        The parameters.

    Raises
    ------
    InputError
        For the first parameter that is out of range or fits no other.
    """
    for name, (low, high) in _LIMITS.items():
        value = getattr(city, name)
        if not low <= value <= high:
            msg = f"data.{name}={value} is out of range; give {low:g} to {high:g}."
            raise InputError(msg)
    _refuse_start(city.start)
    _refuse_lattice(city)
    _refuse_groups(city)


def _refuse_start(start: str) -> None:
    first = pd.to_datetime(start, format="%Y-%m-%d", errors="coerce")
    if pd.isna(first):
        msg = f"data.start={start!r} is no day; write it as 2019-01-07."
        raise InputError(msg)


def _refuse_lattice(city: SimulatedCity) -> None:
    metres = city.size_km * 1000
    district = metres / city.districts
    if abs(district / city.lattice_m - round(district / city.lattice_m)) > 1e-9:
        msg = (
            f"A district of {district:g} m does not hold whole squares of data.lattice_m={city.lattice_m:g}; "
            "change data.size_km, data.districts or data.lattice_m."
        )
        raise InputError(msg)
    if metres / city.lattice_m > _MOST_SQUARES:
        msg = (
            f"data.lattice_m={city.lattice_m:g} is too fine for {metres:g} m; give {metres / _MOST_SQUARES:g} or more."
        )
        raise InputError(msg)
    if not city.crime_types:
        msg = "data.crime_types is empty; give at least one crime type."
        raise InputError(msg)
    for name, kind in city.crime_types.items():
        if kind.metres > metres / 6:
            msg = f"data.crime_types.{name}.metres={kind.metres:g} is too far for a city of {metres:g} m; give a sixth."
            raise InputError(msg)
    areas = Lattice(1, city.districts, 1.0).areas
    for area, rate in city.reporting_by_area.items():
        if area not in areas or not 0.0 < rate <= 1.0:
            names = f"{areas[0]!r} to {areas[-1]!r}"
            msg = f"data.reporting_by_area: {area!r}: {rate} is not usable; give {names} a rate above 0, up to 1."
            raise InputError(msg)


def _refuse_groups(city: SimulatedCity) -> None:
    total = sum(city.group_shares.values())
    if abs(total - 1.0) > 1e-6 or min(city.group_shares.values(), default=0.0) <= 0.0:
        msg = f"data.group_shares must be > 0 and sum to 1; they sum to {total:g}."
        raise InputError(msg)
    if city.marked_group not in city.group_shares:
        msg = f"data.marked_group={city.marked_group!r} is no group; choose one of {', '.join(city.group_shares)}."
        raise InputError(msg)
