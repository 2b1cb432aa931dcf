"""Data quality: default values, gaps and level shifts in the records. They are flagged, never removed."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import Transformer

from ilp_models.data.gaps import runs_of_zero, stops
from ilp_models.domain.events import Events
from ilp_models.domain.intake import IntakeFinding
from ilp_models.domain.overused_points import overused, point_codes

Counts = npt.NDArray[np.int64]

_EXCESS: Final = 1.25
_DEVIATIONS: Final = 5.0
_GAP_MEAN: Final = 10.0
_YEAR: Final = 12
_SHIFT_RATIO: Final = 1.5
_SHIFT_DEVIATIONS: Final = 6.0
_EXAMPLES: Final = 5
_DECIMALS: Final = 4  # of a degree: about 10 m, the size of a point


def quality_findings(events: Events, resolution: str) -> list[IntakeFinding]:
    """Return all data quality findings."""
    return [
        *types_without_events(events),
        *default_values(events.table, resolution),
        *overused_points(events),
        *gaps_and_shifts(events.table, events.start, events.end),
        *stops(events.table, events.start, events.end, monthly=resolution == "month"),
    ]


def count_by_type(events: Events) -> dict[str, int]:
    """Return the number of events of each crime type."""
    counts = events.table["crime_type"].value_counts()
    return {name: int(counts[name]) for name in events.crime_types}


def types_without_events(events: Events) -> list[IntakeFinding]:
    """Return a finding on declared crime types without an event."""
    counts = count_by_type(events)
    empty = [name for name, size in counts.items() if size == 0]
    if not empty:
        return []
    rule, share = "crime types without events", len(empty) / len(counts)
    note = "they stay in every forecast; remove them from data.crime_types if they are not wanted."
    return [IntakeFinding(rule, "flagged", len(empty), share, tuple(empty[:_EXAMPLES]), note, "types")]


def default_values(events: pd.DataFrame, resolution: str) -> list[IntakeFinding]:
    """Return findings on values that are probably defaults: first of the month, midnight and noon."""
    times = events["occurred_at"].dt
    found = []
    if resolution != "month":
        days = np.bincount(times.day, minlength=32)
        found += _spike("day 1 of the month", int(days[1]), float(days[2:29].mean()), len(events))
    if resolution == "moment":
        hours = np.bincount(times.hour, minlength=24)
        for hour in (0, 12):
            usual = float(hours[[hour - 1, hour + 1]].mean())
            found += _spike(f"hour {hour}", int(hours[hour]), usual, len(events))
    return found


def gaps_and_shifts(events: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> list[IntakeFinding]:
    """Return findings on months without records of a type and on months where the level of a type shifts."""
    first = pd.Period(start, freq="M")
    first += int(first.start_time < start)
    months = pd.period_range(first, pd.Period(end, freq="M") - 1, freq="M")
    if len(months) == 0:
        return []
    names = [str(name) for name in events["crime_type"].cat.categories]
    month = events["occurred_at"].dt.to_period("M").astype("int64").to_numpy() - months[0].ordinal
    inside = (month >= 0) & (month < len(months))
    flat = events["crime_type"].cat.codes.to_numpy().astype(np.int64)[inside] * len(months) + month[inside]
    counts = np.bincount(flat, minlength=len(names) * len(months)).reshape(len(names), len(months))
    return _gaps(counts, names, months) + _shifts(counts, names, months)


def _spike(value: str, count: int, usual: float, total: int) -> list[IntakeFinding]:
    if count <= _EXCESS * usual or count - usual <= _DEVIATIONS * np.sqrt(usual):
        return []
    note = f"{count:,} instead of about {usual:,.0f}: probably entered where the true value was not known."
    return [IntakeFinding(f"{value} is overrepresented", "flagged", count, count / total, note=note)]


def overused_points(events: Events) -> list[IntakeFinding]:
    """Return a finding on points with too many events, in degrees, with their area and most frequent crime type."""
    table = events.table
    codes = point_codes(table["x"].to_numpy(dtype=float), table["y"].to_numpy(dtype=float))
    often = overused(codes)
    if not often.any():
        return []
    over = pd.Series(codes[often]).value_counts()
    degrees = Transformer.from_crs(events.crs, 4326, always_xy=True)
    examples = []
    for code, count in over.head(_EXAMPLES).items():
        here = table[codes == code]
        lon, lat = degrees.transform(here["x"].median(), here["y"].median())
        area = "" if "area" not in here or here["area"].isna().all() else f" in {here['area'].mode().iloc[0]}"
        place = f"lon {lon:.{_DECIMALS}f}, lat {lat:.{_DECIMALS}f}{area}"
        examples.append(f"{place}: {count:,}, most {here['crime_type'].mode().iloc[0]}")
    note = (
        f"{len(over)} of {codes.max() + 1:,} points: busy places, or default coordinates of incidents without a place; "
        "data.exclude takes artefacts out."
    )
    count = int(often.sum())
    rule = "single points are overrepresented"
    return [IntakeFinding(rule, "flagged", count, count / len(table), tuple(examples), note)]


def _gaps(counts: Counts, names: list[str], months: pd.PeriodIndex) -> list[IntakeFinding]:
    runs = [
        (name, *run)
        for name, row in zip(names, counts, strict=True)
        if row.mean() >= _GAP_MEAN
        for run in runs_of_zero(row)
    ]
    if not runs:
        return []
    total = sum(last - first + 1 for _, first, last in runs)
    examples = tuple(f"{name}: {months[first]} to {months[last]}" for name, first, last in runs[:_EXAMPLES])
    note = (
        "probably missing records, not absence of crime; set data.start and data.end around the gap or get the records."
    )
    return [IntakeFinding("months without records", "flagged", total, total / counts.size, examples, note, "months")]


def _shifts(counts: Counts, names: list[str], months: pd.PeriodIndex) -> list[IntakeFinding]:
    examples = [
        f"{name}: from {before:.0f} to {after:.0f} a month at {months[at]}"
        for name, row in zip(names, counts, strict=True)
        for at, before, after in _shifts_of(row)
    ]
    if not examples:
        return []
    note = "the 12 months after and before differ by half or more: crime, law or recording practice changed."
    share = len(examples) / counts.size
    return [IntakeFinding("level shifts", "flagged", len(examples), share, tuple(examples[:_EXAMPLES]), note, "months")]


def _shifts_of(row: Counts) -> Iterator[tuple[int, float, float]]:
    """Yield the strongest shifts between the 12 months before and after each month, at least a year apart."""
    # stats.level_shift tests one shift of any size net of trend and season; here each large change counts, trends too
    if len(row) < 2 * _YEAR:
        return
    sums = np.concatenate(([0], np.cumsum(row)))
    at = np.arange(_YEAR, len(row) - _YEAR + 1)
    before, after = sums[at] - sums[at - _YEAR], sums[at + _YEAR] - sums[at]
    strength = np.abs(np.log((after + 0.5) / (before + 0.5)))
    significant = np.abs(after - before) > _SHIFT_DEVIATIONS * np.sqrt(np.maximum(after + before, 1))
    strength = np.where(significant & (strength > np.log(_SHIFT_RATIO)), strength, 0.0)
    while strength.max() > 0:
        best = int(np.argmax(strength))
        yield int(at[best]), before[best] / _YEAR, after[best] / _YEAR
        strength[max(best - _YEAR, 0) : best + _YEAR + 1] = 0.0
