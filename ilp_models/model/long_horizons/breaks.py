"""Estimate declared breaks, such as a lockdown or a new recording rule, and adjust the past for them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.model.long_horizons.series import Floats
from ilp_models.stats.level_shift import ShiftEstimate, estimate_shift

_MONTH: Final = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])")
LEAST_INSIDE: Final = 6  # months of a break that an estimate needs
LEAST_OUTSIDE: Final = 24


@dataclass(frozen=True)
class Break:
    """A lasting change of the recorded level that has a known reason.

    Parameters
    ----------
    start : str
        First month, such as ``2020-03``.
    end : str, optional
        Last month. Without one, the new level continues.
    why : str
        What happened.

    Raises
    ------
    InputError
        If a month cannot be read, the end is before the start, or the reason is empty.

    Examples
    --------
    >>> Break("2020-03", "2021-06", why="lockdown").months
    (Period('2020-03', 'M'), Period('2021-06', 'M'))
    """

    start: str
    end: str | None = None
    why: str = ""

    def __post_init__(self) -> None:
        """Refuse months that cannot be read, and a break without a reason."""
        first, last = self.months
        if last is not None and last < first:
            msg = f"breaks: end={self.end} is before start={self.start}. Exchange them."
            raise InputError(msg)
        if not str(self.why or "").strip():
            msg = f"breaks: the break of {self.start} has no reason. Say in why what happened."
            raise InputError(msg)

    @property
    def months(self) -> tuple[pd.Period, pd.Period | None]:
        """First and last month; the last is None while the new level continues."""
        return _month("start", self.start), None if self.end is None else _month("end", self.end)

    def inside(self, months: pd.PeriodIndex) -> np.ndarray:
        """Return which months lie in the break."""
        first, last = self.months
        found = np.asarray(months >= first)
        return found if last is None else found & np.asarray(months <= last)


def _month(name: str, text: str) -> pd.Period:
    if not _MONTH.fullmatch(str(text)):  # pandas reads "March" as that of the present year
        msg = f"breaks: {name}={text!r} is not a month. Write it as 2020-03."
        raise InputError(msg)
    return pd.Period(str(text), freq="M")


@dataclass(frozen=True)
class BreakEffect:
    """What a break did to one crime type, by what was known at an origin."""

    declared: Break
    crime_type: str
    estimate: ShiftEstimate
    adjusted: bool  # whether the past was adjusted; not with too few months, or without an estimate


def break_effects(
    breaks: Sequence[Break], months: pd.PeriodIndex, counts: dict[str, Floats]
) -> tuple[BreakEffect, ...]:
    """Return the effect of each declared break on the city's counts of each crime type.

    A break of which fewer than 6 months are known, or with fewer than 24 months outside it, is not estimated.
    """
    found = []
    for one in breaks:
        inside = one.inside(months)
        enough = inside.sum() >= LEAST_INSIDE and (~inside).sum() >= LEAST_OUTSIDE
        for kind, values in counts.items():
            estimate = estimate_shift(values, inside, 12) if enough else ShiftEstimate(*[float("nan")] * 3)
            found.append(BreakEffect(one, kind, estimate, bool(np.isfinite(estimate.factor))))
    return tuple(found)


def adjust_for_breaks(
    counts: Floats, days_or_months: pd.PeriodIndex, crime_types: Sequence[str], effects: Sequence[BreakEffect]
) -> Floats:
    """Return counts, shape (series, periods), as they would be at the level after the latest period.

    A break that has ended is divided out. While a break lasts, the periods before it are brought to its level.
    """
    months = days_or_months if days_or_months.freqstr == "M" else days_or_months.asfreq("M")
    adjusted = counts.astype(np.float64)
    for effect in effects:
        if not effect.adjusted:
            continue
        inside = effect.declared.inside(months)
        own = np.array([kind == effect.crime_type for kind in crime_types])
        lasting = bool(inside[-1])
        factor = effect.estimate.factor if lasting else 1 / effect.estimate.factor
        before = np.asarray(months < effect.declared.months[0])
        adjusted[np.ix_(own, before if lasting else inside)] *= factor
    return adjusted
