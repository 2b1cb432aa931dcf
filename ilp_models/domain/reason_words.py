"""Reasons in words: the counts of a cell that were known at the cutoff, then what raises or lowers its forecast."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.domain.family_reasons import (
    CONTEXT,
    FAMILIES,
    FAMILY_KEYS,
    METHOD,
    NEIGHBOURS,
    OTHER_TYPES,
    RECENT,
    SEASON,
    TREND,
    USUAL,
    FamilyReasons,
)
from ilp_models.domain.history import History
from ilp_models.domain.panel import DIMS
from ilp_models.domain.recent_counts import YEAR_AGO

Floats = npt.NDArray[np.float64]

LATEST: Final = 4  # periods whose counts are named
COUNTS: Final = ("past_year", *(f"last_{place}" for place in range(LATEST, 0, -1)), "year_ago")
REASON_TABLE: Final = (*DIMS, "expected", "reference", *FAMILY_KEYS.values(), *COUNTS, "words")
_LEAST_CHANGE: Final = 0.02  # smaller changes of the forecast are not named
_MOST_REASONS: Final = 2
_MOSTLY: Final = 0.5  # share of the forecast above which a family is called its main reason
_SAME_WORDS: Final = {"week": "same week last year", "day": "same weekday last year", "month": "same month last year"}
_NUMBERS: Final = ("", "", "two ", "three ", "four ")
_BECAUSE: Final = {
    OTHER_TYPES: "because of other crime types here",
    SEASON: "because of the time of year and holidays",
    TREND: "because of the city-wide trend",
    CONTEXT: "because of what the context layers show nearby",
    METHOD: "by the method's own estimate",
}
_NOTHING: Final = f"No other reason changes it by {100 * _LEAST_CHANGE:.0f} % or more."
_CORNERS: Final = 5  # coordinates of the ring of a square


@dataclass(frozen=True, eq=False)
class KnownCounts:
    """Counts of each cell that were known at a cutoff; NaN where the records do not reach back far enough."""

    past_year: Floats  # over the latest year, (types, cells)
    last: Floats  # of the latest periods, oldest first, (types, cells, up to LATEST)
    year_ago: Floats  # of the same period a year before each target, (types, cells, periods)
    around: Floats  # mean count of a period around each cell over the latest year, (types, cells)
    unit: str
    per_year: int
    newest: bool  # whether the latest period ends at the cutoff
    cell_noun: str

    @classmethod
    def from_history(cls, history: History, periods: pd.PeriodIndex) -> Self:
        """Return the counts for some target periods."""
        counts, calendar, known = history.panel.by_period, history.calendar, history.panel.periods
        latest = counts[-calendar.per_year :].sum(axis=0, dtype=np.float64)
        enough = len(known) >= calendar.per_year
        place = periods.asi8 - known.asi8[0] - YEAR_AGO[calendar.period_unit]
        year_ago = np.full((*latest.shape, len(periods)), np.nan)
        there = (place >= 0) & (place < len(known))
        year_ago[..., there] = np.moveaxis(counts[place[there]], 0, -1)
        squares = bool((shapely.get_num_coordinates(history.grid.geometry) == _CORNERS).all())
        return cls(
            past_year=latest if enough else np.full(latest.shape, np.nan),
            last=np.moveaxis(counts[-LATEST:], 0, -1).astype(np.float64),
            year_ago=year_ago,
            around=history.grid.smoothed(latest / min(len(known), calendar.per_year), 1.0),
            unit=calendar.period_unit,
            per_year=calendar.per_year,
            newest=history.first_step == 1 and history.record_lag == 0,
            cell_noun="squares" if squares else "areas",
        )


def reason_table(reasons: FamilyReasons, history: History) -> pd.DataFrame:
    """Return one row for each unit with the columns of ``REASON_TABLE``; ``period`` is its first day.

    ``expected``, ``reference`` and the columns of the families are events, and reference and families add up to
    ``expected``. ``past_year``, ``last_4`` to ``last_1`` and ``year_ago`` are counts that were known at the cutoff,
    missing where the records do not reach back far enough. ``words`` is made from these fields.
    """
    counts = KnownCounts.from_history(history, reasons.expected.indexes["period"])
    table, shape = reasons.to_frame(), reasons.expected.shape
    table["period"] = table["period"].dt.start_time
    fields = {"past_year": counts.past_year[..., None], "year_ago": counts.year_ago}
    missing = np.full((*shape[:2], LATEST - counts.last.shape[2]), np.nan)
    last = np.concatenate([missing, counts.last], axis=2)
    fields |= {f"last_{LATEST - place}": last[..., [place]] for place in range(LATEST)}
    for name in COUNTS:
        table[name] = pd.array(np.broadcast_to(fields[name], shape).ravel(), dtype="Float64").astype("Int32")
    places = [position.ravel() for position in np.indices(shape)]
    parts = {family: reasons.part(family) for family in reasons.families}
    table["words"] = [
        _sentence(counts, {family: float(part[at]) for family, part in parts.items()}, float(expected), at)
        for at, expected in zip(zip(*places, strict=True), table["expected"], strict=True)
    ]
    return table[list(REASON_TABLE)]


def _sentence(counts: KnownCounts, parts: dict[str, float], expected: float, at: tuple[int, int, int]) -> str:
    return " ".join(filter(None, (_counts_text(counts, at), _changes_text(counts, parts, expected, at))))


def _counts_text(counts: KnownCounts, at: tuple[int, int, int]) -> str:
    """Return the recorded counts of a cell; what is not known is left out."""
    kind, cell, _ = at
    year, unit, clauses = counts.past_year[kind, cell], counts.unit, []
    if np.isfinite(year):
        mean = year / counts.per_year
        if mean >= 1:
            clauses.append(f"About {mean:.{0 if mean >= 3 else 1}f} a {unit} here over the past year")
        else:
            clauses.append(f"{f'{year:.0f}' if year else 'none'} here in the past year")
    last = counts.last[kind, cell]
    if len(last):
        which = f"last {_NUMBERS[len(last)]}{'' if counts.newest else 'recorded '}{unit}{'s' if len(last) > 1 else ''}"
        clauses.append(f"{which} {', '.join(f'{count:.0f}' for count in last)}")
    if np.isfinite(counts.year_ago[at]):
        clauses.append(f"{_SAME_WORDS[unit]} {counts.year_ago[at]:.0f}")
    text = "; ".join(clauses)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _changes_text(counts: KnownCounts, parts: dict[str, float], expected: float, at: tuple[int, int, int]) -> str:
    """Return what raises or lowers the forecast most, apart from the usual level of the cell."""
    if set(parts) == {METHOD}:
        return "This method's estimate cannot be split into reasons."
    strongest = sorted((one for one in FAMILIES if parts.get(one)), key=lambda one: -abs(parts[one]))
    changes: list[str] = []
    for family in strongest:
        without = expected - parts[family]
        if family == USUAL or len(changes) == _MOST_REASONS:
            continue
        why = _why(counts, family, at, up=parts[family] > 0)
        if parts[family] > _MOSTLY * expected:
            changes.append(f"mostly {why}")
        elif abs(parts[family]) >= _LEAST_CHANGE * without:
            changes.append(f"{'up' if parts[family] > 0 else 'down'} {abs(parts[family]) / without:.0%} {why}")
    text = ", ".join(changes).replace("%", " %")
    return f"{text[:1].upper()}{text[1:]}." if text else _NOTHING


def _why(counts: KnownCounts, family: str, at: tuple[int, int, int], *, up: bool) -> str:
    """Return why a family changes the forecast; it says *busier* or *quieter* only if the counts show it."""
    if family not in (RECENT, NEIGHBOURS):
        return _BECAUSE[family]
    kind, cell, _ = at
    usual = counts.past_year[kind, cell] / counts.per_year
    if family == RECENT:
        shown, noun = float(np.mean(counts.last[kind, cell])) - usual, f"the last {counts.unit}s here"
    else:
        shown, noun = counts.around[kind, cell] - usual, f"neighbouring {counts.cell_noun}"
    if (shown > 0) if up else (shown < 0):
        return f"because {noun} were {'busier' if up else 'quieter'}"
    return f"because of {noun}"
