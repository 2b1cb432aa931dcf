"""Spans without records that are improbable under the recorded rate: probably missing files, not absence of crime."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data import validation
from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import is_blank
from ilp_models.domain.intake import IntakeFinding

Floats = npt.NDArray[np.float64]

IMPROBABLE: Final = 1e-6  # probability that records of this rate have such a gap anywhere
_EVIDENCE: Final = {"D": 28, "M": 3}  # days or months with records that a rate needs
_SHORTEST: Final = {"D": 3, "M": 1}  # offices may be closed on two days
_AROUND: Final = {"D": 28, "M": 3}  # periods before and after a gap that give the rate, at least
_WEEK: Final = 7
_STOP_DAYS: Final = 28  # shortest gap of one crime type or area that is flagged
_EXAMPLES: Final = 5


@dataclass(frozen=True)
class Gap:
    """A span without records: first and last day, and the events that were expected in it."""

    first: pd.Timestamp
    last: pd.Timestamp
    expected: float

    def __str__(self) -> str:
        """Return the dates and the expected number."""
        return f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d} (about {self.expected:,.0f} expected)"


@dataclass(frozen=True)
class KnownGap:
    """A span without records that the user declares, with the reason."""

    first: pd.Timestamp
    last: pd.Timestamp
    reason: str

    @classmethod
    def from_settings(cls, settings: Sequence[Mapping[str, str]]) -> tuple[Self, ...]:
        """Return the gaps of ``data.known_gaps``: a list of ``from``, ``to`` and ``reason``."""
        return tuple(cls._from_one(one) for one in settings)

    @classmethod
    def _from_one(cls, one: Mapping[str, str]) -> Self:
        if not isinstance(one, Mapping) or set(one) != {"from", "to", "reason"} or is_blank(str(one["reason"] or "")):
            msg = (
                f"data.known_gaps={one!r} needs from, to and reason: {{from: 2021-03-01, to: 2021-03-31, reason: ...}}."
            )
            raise InputError(msg)
        first = validation.moment("data.known_gaps.from", str(one["from"]))
        last = validation.moment("data.known_gaps.to", str(one["to"]))
        if first is None or last is None or first > last:
            msg = f"data.known_gaps: from={one['from']} must not be later than to={one['to']}. Exchange them."
            raise InputError(msg)
        return cls(first.normalize(), last.normalize(), str(one["reason"]))

    def __str__(self) -> str:
        """Return dates and reason."""
        return f"no records from {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}: {self.reason}"


def find_gaps(
    times: pd.Series, start: pd.Timestamp, end: pd.Timestamp, *, monthly: bool = False, tests: int = 1
) -> list[Gap]:
    """Return the spans of [start, end) without events whose probability, over all positions, is below the limit.

    The rate is the lower one of the rates before and after the span, so that seasons and level shifts are no gaps. The
    probability is that of a negative binomial count with the dispersion of the other weeks (or months). Other empty
    months are left out of rate and dispersion if they are half as many as those of the span.

    >>> days = pd.Series(pd.date_range("2021-01-01", "2021-12-31", freq="h"))
    >>> [str(gap) for gap in find_gaps(days[days.dt.month != 6], days.min(), days.max())]
    ['2021-06-01 to 2021-06-30 (about 720 expected)']
    """
    freq = "M" if monthly else "D"
    periods = pd.period_range(start, end - pd.Timedelta(1, "us"), freq=freq)
    at = times.dt.to_period(freq).astype("int64").to_numpy() - periods[0].ordinal
    counts = np.bincount(at, minlength=len(periods)).astype(float)
    if (counts > 0).sum() < _EVIDENCE[freq]:
        return []
    weekdays = np.arange(len(counts)) % _WEEK if freq == "D" else np.zeros(len(counts), dtype=int)
    positions, found = len(counts) * tests, []
    for first, last in runs_of_zero(counts):
        if last - first + 1 < _SHORTEST[freq]:
            continue
        series, run = _without_other_gaps(counts, first, last) if monthly else (counts, slice(first, last + 1))
        expected = _expected_events(series, weekdays[: len(series)], run, _AROUND[freq])
        if positions * np.exp(-expected) >= IMPROBABLE:  # dispersion only raises the probability
            continue
        if positions * np.exp(-expected * _dispersion_factor(series, run, monthly=monthly)) < IMPROBABLE:
            found.append(Gap(periods[first].start_time, periods[last].end_time.normalize(), expected))
    return found


def recorded_until(times: pd.Series, start: pd.Timestamp, end: pd.Timestamp, *, monthly: bool = False) -> pd.Timestamp:
    """Return the end of the records, or the start of an improbable gap that reaches it, declared or not."""
    gaps = find_gaps(times, start, end, monthly=monthly)
    open_end = bool(gaps) and gaps[-1].last >= (end - pd.Timedelta(1, "us")).normalize()
    return gaps[-1].first if open_end else end


def _without_other_gaps(counts: Floats, first: int, last: int) -> tuple[Floats, slice]:
    """Return the counts without other missing months, which must not lower the rate, and the run among them."""
    kept = np.ones(len(counts), dtype=bool)
    for start, stop in runs_of_zero(counts):
        kept[start : stop + 1] = start == first or 2 * (stop - start + 1) < last - first + 1
    start = int(kept[:first].sum())
    return counts[kept], slice(start, start + last - first + 1)


def _expected_events(counts: Floats, weekdays: npt.NDArray[np.int64], run: slice, around: int) -> float:
    """Return the expected events of a run of empty periods, at the lower one of the rates before and after it."""
    length = run.stop - run.start
    width = max(around, length)
    sides = counts[max(run.start - width, 0) : run.start], counts[run.stop : run.stop + width]
    rate = min(float(side.mean()) for side in sides if len(side))
    inside = weekdays[run]
    usual = np.bincount(weekdays, weights=counts) / (np.bincount(weekdays) - np.bincount(inside, minlength=_WEEK))
    return rate * float(usual[inside].sum()) / float(counts.sum() / (len(counts) - length))


def _dispersion_factor(counts: Floats, run: slice, *, monthly: bool) -> float:
    """Return minus the log probability of no event for each expected event: 1 for Poisson counts, else less."""
    known = np.concatenate((counts[: run.start], counts[run.stop :]))
    blocks = known if monthly else known[: len(known) // _WEEK * _WEEK].reshape(-1, _WEEK).sum(axis=1)
    fano = float(blocks.var(ddof=1) / blocks.mean()) if len(blocks) > 1 and blocks.mean() > 0 else 1.0
    return float(np.log(fano) / (fano - 1)) if fano > 1 else 1.0


def runs_of_zero(row: npt.NDArray[np.generic]) -> Iterator[tuple[int, int]]:
    """Yield first and last position of each run of zeros."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (row == 0).astype(np.int8), [0]))))
    yield from ((int(first), int(last) - 1) for first, last in edges.reshape(-1, 2))


def undeclared(gaps: Sequence[Gap], known: Sequence[KnownGap]) -> list[Gap]:
    """Return the gaps that no declared gap covers; a day at each end may differ."""
    day = pd.Timedelta(1, "D")
    return [
        gap for gap in gaps if not any(one.first <= gap.first + day and gap.last - day <= one.last for one in known)
    ]


def stops(events: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, *, monthly: bool) -> list[IntakeFinding]:
    """Return findings on crime types and areas whose records stop for at least four weeks, with the dates."""
    found = []
    for column, unit in (("crime_type", "types"), ("area", "areas")):
        if column not in events:
            continue
        groups = events.groupby(column, observed=True)["occurred_at"]
        gaps = [
            (str(name), gap)
            for name, times in groups
            for gap in find_gaps(times, start, end, monthly=monthly, tests=groups.ngroups)
            if gap.last - gap.first >= pd.Timedelta(_STOP_DAYS - 1, "D")
        ]
        names = {name for name, _ in gaps}
        if names:
            rule, share = f"records of {unit} stop", len(names) / groups.ngroups
            note = "improbable at the rate before and after: probably missing records, or a change of recording."
            examples = tuple(f"{name}: {gap}" for name, gap in gaps[:_EXAMPLES])
            found.append(IntakeFinding(rule, "flagged", len(names), share, examples, note, unit))
    return found


def gaps_text(missing: Sequence[Gap]) -> str:
    """Return which spans have no record, and how to declare them."""
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    first = missing[0]
    return (
        f"no record from {', '.join(map(str, missing[:3]))}{more}. Missing files would count as absence of crime. Add "
        "them, set data.start or data.end, or declare the gap: "
        f"'data.known_gaps=[{{from: {first.first:%Y-%m-%d}, to: {first.last:%Y-%m-%d}, reason: ...}}]'."
    )
