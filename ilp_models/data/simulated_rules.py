"""What the parameters of a simulated city must satisfy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ilp_models.data.simulated_map import Lattice
from ilp_models.domain.errors import InputError

if TYPE_CHECKING:
    from ilp_models.data.simulated import SimulatedCity

_MOST_SQUARES = 400
_WHOLE = ("seed", "districts", "weeks", "centres", "population")
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
    for name, limits in _LIMITS.items():
        refuse_number(f"data.{name}", getattr(city, name), limits, whole=name in _WHOLE)
    _refuse_start(city.start)
    _refuse_lattice(city)
    _refuse_groups(city)


def refuse_number(name: str, value: object, limits: tuple[float, float], *, whole: bool = False) -> None:
    """Return quietly unless a value is no number of the kind and size asked for.

    Parameters
    ----------
    name : str
        The setting, for the message.
    value : object
        What was given.
    limits : tuple of float
        Lowest and highest value allowed.
    whole : bool, default False
        Whether only whole numbers will do.

    Raises
    ------
    InputError
        If the value is of another type or out of range.
    """
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not limits[0] <= value <= limits[1]:
        kind = "a whole number" if whole else "a number"
        msg = f"{name}={value!r} is not usable; give {kind} from {limits[0]:.10g} to {limits[1]:.10g}."
        raise InputError(msg)


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
        if area not in areas:
            msg = f"data.reporting_by_area names {area!r}; the districts are {areas[0]!r} to {areas[-1]!r}."
            raise InputError(msg)
        refuse_number(f"data.reporting_by_area.{area}", rate, (0.0, 1.0))


def _refuse_groups(city: SimulatedCity) -> None:
    for name, share in city.group_shares.items():
        refuse_number(f"data.group_shares.{name}", share, (1e-6, 1.0))
    total = sum(city.group_shares.values())
    if abs(total - 1.0) > 1e-6:
        msg = f"data.group_shares must sum to 1, not {total:g}."
        raise InputError(msg)
    if city.marked_group not in city.group_shares:
        msg = f"data.marked_group={city.marked_group!r} is no group; choose one of {', '.join(city.group_shares)}."
        raise InputError(msg)
