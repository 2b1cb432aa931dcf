"""The design of a trial, fixed before its first day: terms, units, assignment and what it promises."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import Governance, is_blank

Shift = tuple[int, int]  # first hour, and the hour at which it ends

_FORMAT: Final = 1
_DATES: Final = ("ethics_review_date", "public_notice_date")
_OF_GOVERNANCE: Final = ("goal", "success_criterion", "harm_to_watch", "decided_by")


@dataclass(frozen=True)
class TrialTerms:
    """What must be settled before units are drawn. A design with an empty field is refused.

    Parameters
    ----------
    goal : str, optional
        What acting on the forecast is to achieve.
    success_criterion : str, optional
        Which result counts as success, such as ``10 % fewer burglaries, interval below 0``.
    harm_to_watch : str, optional
        What may get worse, such as exposure of a group, stops or complaints, and how it is observed.
    decided_by : str, optional
        Who decides on the result, and by when.
    dose : str, optional
        What treated units get, such as ``two patrols of 15 minutes a day``.
    ethics_review_by, ethics_review_date, ethics_review_reference : str, optional
        Independent review: who, when (ISO 8601), and the number or address of its opinion.
    public_notice_date, public_notice_reference : str, optional
        When and where the public was informed.

    Raises
    ------
    InputError
        If a date cannot be read.

    Examples
    --------
    >>> from datetime import date
    >>> TrialTerms(goal="fewer burglaries").faults(date(2026, 1, 5))[0]
    'success_criterion is empty'
    """

    goal: str | None = None
    success_criterion: str | None = None
    harm_to_watch: str | None = None
    decided_by: str | None = None
    dose: str | None = None
    ethics_review_by: str | None = None
    ethics_review_date: str | None = None
    ethics_review_reference: str | None = None
    public_notice_date: str | None = None
    public_notice_reference: str | None = None

    def __post_init__(self) -> None:
        """Convert values to text and refuse dates that cannot be read."""
        for one in fields(self):
            value = getattr(self, one.name)
            if value is not None:
                object.__setattr__(self, one.name, str(value))
        for name in _DATES:
            self._day(name)

    def _day(self, name: str) -> date | None:
        text = getattr(self, name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError as error:
            msg = f"terms.{name}={text} is not a date. Write it as 2027-01-31."
            raise InputError(msg) from error

    def with_defaults(self, governance: Governance) -> Self:
        """Return the terms where empty texts on the goal are those in the governance of a forecast."""
        empty = [name for name in _OF_GOVERNANCE if is_blank(getattr(self, name) or "")]
        return replace(self, **{name: getattr(governance, name) for name in empty})

    def faults(self, start: date) -> tuple[str, ...]:
        """Return which fields are empty, or dated after the first day of the trial."""
        empty = [f"{one.name} is empty" for one in fields(self) if is_blank(getattr(self, one.name) or "")]
        days = {name: day for name in _DATES if (day := self._day(name))}
        late = [f"{name} {day} is after the first day, {start}" for name, day in days.items() if day > start]
        return (*empty, *late)


@dataclass(frozen=True)
class TrialDesign:
    """A trial as it was fixed before its first day. Its digest is in the register.

    Attributes
    ----------
    terms : TrialTerms
        Goal, success criterion, reviews.
    scheme : str
        Name of the scheme of assignment, such as ``matched pairs``; ``observational`` if nothing was drawn.
    scheme_settings : mapping
        Settings of the scheme.
    unit_kind : str
        ``cells``, ``clusters`` or ``areas``.
    units : tuple of str
        Names of the units.
    cells, zones : tuple of tuple of str
        Cells of each unit, and cells of the zone around it, which belongs to no unit.
    blocks : tuple of int
        Block of each unit; -1 for a unit that takes no part.
    assignment : tuple of str
        One word of 0 and 1 for each unit, one sign a period; 1 is treated.
    start : str
        First day, ISO 8601.
    periods, periods_before : int
        Periods of the trial, and periods before it that it is compared with.
    period_unit, week_start, time_zone : str
        The calendar of the trial.
    outcomes : tuple of str
        Crime types whose counts are compared.
    found_by_patrols : tuple of str
        Crime types that patrols find; they are reported apart, because patrols raise their records.
    seed : int
        Seed of the assignment.
    promise : mapping
        ``effect, power, low, high, level, least_effect, least_power`` of the power simulation.
    evidence : mapping
        Digests of records, grid, forecast and decision that the design rests on.
    signed : mapping
        ``who`` and ``reason`` if a trial below the least power was signed; otherwise empty.
    shifts : tuple of tuple of int
        For each unit, first hour of the shift that is treated and counted, and the hour at which it ends; empty for
        all hours. A place in several shifts is several units.

    Raises
    ------
    InputError
        If parts do not fit together.
    """

    terms: TrialTerms
    scheme: str
    scheme_settings: Mapping[str, Any]
    unit_kind: str
    units: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    zones: tuple[tuple[str, ...], ...]
    blocks: tuple[int, ...]
    assignment: tuple[str, ...]
    start: str
    periods: int
    periods_before: int
    period_unit: str
    week_start: str
    time_zone: str
    outcomes: tuple[str, ...]
    found_by_patrols: tuple[str, ...]
    seed: int
    promise: Mapping[str, float]
    evidence: Mapping[str, str]
    signed: Mapping[str, str] = field(default_factory=dict)
    shifts: tuple[Shift, ...] = ()

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        as_shifts(list(dict.fromkeys(self.shifts)))
        lengths = {len(one) for one in (self.units, self.cells, self.zones, self.blocks, self.assignment)}
        if lengths != {len(self.units)} or len(set(self.units)) < len(self.units):
            msg = "A trial design needs units with different names, each with cells, zone, block and assignment."
            raise InputError(msg)
        for unit, word in zip(self.units, self.assignment, strict=True):
            if len(word) != self.periods or set(word) - set("01"):
                msg = f"The assignment of unit {unit} must be one word of {self.periods} signs 0 or 1."
                raise InputError(msg)
        if len(self.shifts) not in (0, len(self.units)):
            msg = f"A trial design needs no shifts or one for each unit, not {len(self.shifts)}."
            raise InputError(msg)
        for units in self.units_by_shift.values():
            owned = [cell for one in units for cell in self.cells[one]]
            if len(set(owned)) < len(owned):
                twice = next(cell for cell in owned if owned.count(cell) > 1)
                msg = f"Cell {twice} belongs to two units of the trial. Give each cell to one unit."
                raise InputError(msg)
            if inside := set(owned).intersection(cell for one in units for cell in self.zones[one]):
                msg = f"Cell {min(inside)} is in a unit and in the zone around one. Widen the distance between units."
                raise InputError(msg)

    @property
    def units_by_shift(self) -> dict[Shift | None, list[int]]:
        """Positions of the units of each shift; None for all hours."""
        found: dict[Shift | None, list[int]] = {}
        for at in range(len(self.units)):
            found.setdefault(self.shifts[at] if self.shifts else None, []).append(at)
        return found

    @property
    def unit_text(self) -> str:
        """What the units are, in words."""
        return f"{self.unit_kind} by shift" if len(self.units_by_shift) > 1 else self.unit_kind

    @property
    def shifts_text(self) -> str:
        """Which hours are treated and counted, as a sentence; empty for all hours."""
        texts = [shift_text(one) for one in self.units_by_shift if one is not None]
        if len(texts) > 1:
            return f"Each place is a unit in each of these shifts: {', '.join(texts)}. Only crimes in its hours count."
        return f"Treatment is from {texts[0]}, and only crimes in these hours count." if texts else ""

    @property
    def hours_after_midnight(self) -> int:
        """Hours of the last night that are after the last day, because a shift crosses midnight; 0 if none does."""
        return max((end for first, end in self.shifts if end < first), default=0)

    @property
    def treated(self) -> npt.NDArray[np.bool_]:
        """The assignment, shape (units, periods)."""
        return np.array([[sign == "1" for sign in word] for word in self.assignment], dtype=bool)

    @property
    def first_period(self) -> pd.Period:
        """The first period; InputError if the first day is not the first day of a period."""
        day = pd.Timestamp(self.start)
        period = pd.Period(day, freq=Calendar(self.period_unit, self.week_start).freq)
        if period.start_time != day:
            msg = (
                f"The trial starts on {self.start}, and its {self.period_unit} on {period.start_time:%Y-%m-%d}. "
                "A trial starts with a whole period; design it again."
            )
            raise InputError(msg)
        return period

    @property
    def span(self) -> pd.PeriodIndex:
        """The periods of the trial."""
        return pd.period_range(self.first_period, periods=self.periods)

    @property
    def randomised(self) -> bool:
        """Whether the assignment was drawn."""
        return self.scheme != "observational"

    def to_json(self) -> str:
        """Return the design as JSON text with sorted keys."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, sort_keys=True, indent=1, ensure_ascii=False) + "\n"

    def digest(self) -> str:
        """Return the SHA-256 of the design."""
        return digest_of(self.to_json().encode())

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the design that `to_json` wrote; InputError if it cannot be read."""
        try:
            plain = json.loads(text)
            if plain.pop("format") != _FORMAT:
                msg = "The trial design has another format. Use the version of the package that wrote it."
                raise InputError(msg)
            plain["terms"] = TrialTerms(**plain["terms"])
            for name in ("units", "blocks", "assignment", "outcomes", "found_by_patrols"):
                plain[name] = tuple(plain[name])
            for name in ("cells", "zones", "shifts"):
                plain[name] = tuple(map(tuple, plain[name]))
            return cls(**plain)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            msg = (
                f"The trial design cannot be read ({error}). Give the file trial.json of `ilp design-trial`, unchanged."
            )
            raise InputError(msg) from error


def as_shifts(shifts: Sequence[Any]) -> tuple[Shift, ...]:
    """Return shifts; InputError unless each has two different whole hours of the day, and no two overlap."""
    for one in shifts:
        hours = list(one) if isinstance(one, Sequence) else [one]
        whole = [hour for hour in hours if isinstance(hour, int) and not isinstance(hour, bool) and 0 <= hour <= 23]
        if len(whole) != 2 or len(hours) != 2 or whole[0] == whole[1]:
            msg = (
                f"shifts={shifts}: {one} must be the first hour of a shift and the hour at which it ends, from 0 "
                "(midnight) to 23, such as [[18, 2]]. Leave it empty for all hours."
            )
            raise InputError(msg)
    checked = tuple((int(first), int(end)) for first, end in shifts)
    covered = [(first + step) % 24 for first, end in checked for step in range((end - first) % 24)]
    if twice := [hour for hour in covered if covered.count(hour) > 1]:
        msg = f"shifts={shifts}: the hour from {twice[0]}:00 is in two of them. Give shifts that do not overlap."
        raise InputError(msg)
    return checked


def shift_text(shift: Shift) -> str:
    """Return a shift as words: 18:00 to 2:00."""
    return f"{shift[0]}:00 to {shift[1]}:00"


def shift_code(shift: Shift) -> str:
    """Return a shift as part of the name of a unit: 18-02."""
    return f"{shift[0]:02d}-{shift[1]:02d}"
