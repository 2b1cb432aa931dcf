"""Crime types of a simulated city: yearly number, season, trend, weekend and near repeats."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class SimulatedType:
    """One crime type of a simulated city.

    Parameters
    ----------
    yearly : float
        Incidents per year in the whole city at its start, recorded or not, near repeats included.
    season : float, default 0.2
        Amplitude of the yearly wave of the background, as a share of its mean, 0 to 1.
    peak_day : float, default 200
        Day of the year on which the wave is highest.
    trend : float, default 0.0
        Yearly change of the logarithm of the background.
    offspring : float, default 0.25
        Expected number of near repeats that each incident triggers directly, 0 to 0.9.
    mean_days : float, default 7.0
        Mean time from an incident to its near repeat (exponential), days, at least 1.
    metres : float, default 150.0
        Standard deviation of the distance from an incident to its near repeat along each axis (Gaussian), metres.

    Raises
    ------
    InputError
        If a value lies outside its range.
    """

    yearly: float
    season: float = 0.2
    peak_day: float = 200.0
    trend: float = 0.0
    offspring: float = 0.25
    mean_days: float = 7.0
    metres: float = 150.0

    def __post_init__(self) -> None:
        """Refuse rates outside their ranges."""
        limits = {
            "yearly": (0.0, 1e7),
            "season": (0.0, 1.0),
            "peak_day": (0.0, 366.0),
            "trend": (-2.0, 2.0),
            "offspring": (0.0, 0.9),
            "mean_days": (1.0, 365.0),
            "metres": (1.0, 1e5),
        }
        for name, limit in limits.items():
            refuse_number(f"crime_types: {name}", getattr(self, name), limit)


def background_per_day(
    kinds: Sequence[SimulatedType], days: npt.NDArray[np.float64], start: pd.Timestamp, weekend: float
) -> npt.NDArray[np.float64]:
    """Return the expected background incidents of whole days, without near repeats, shape (types, days)."""
    dates = pd.DatetimeIndex(start + pd.to_timedelta(days, unit="D"))
    week = np.where(dates.day_of_week.to_numpy() >= 5, 1.0 + weekend, 1.0) / (1.0 + 2.0 * weekend / 7.0)
    rows = []
    for kind in kinds:
        wave = 1.0 + kind.season * np.cos(2 * np.pi * (dates.day_of_year.to_numpy() - kind.peak_day) / DAYS_PER_YEAR)
        level = kind.yearly * (1.0 - kind.offspring) / DAYS_PER_YEAR
        rows.append(level * wave * np.exp(kind.trend * days / DAYS_PER_YEAR) * week)
    return np.stack(rows)


def refuse_number(name: str, value: object, limits: tuple[float, float], *, whole: bool = False) -> None:
    """Raise unless a value is a number (a whole number) within limits."""
    number = Integral if whole else Real
    if isinstance(value, bool) or not isinstance(value, number) or not limits[0] <= float(value) <= limits[1]:
        kind = "a whole number" if whole else "a number"
        msg = f"{name}={value!r} is not usable; set {kind} from {limits[0]:.10g} to {limits[1]:.10g}."
        raise InputError(msg)
