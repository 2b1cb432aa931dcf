"""Data drift: how much the distributions of records changed, compared with differences within the audited periods."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.stats.rank_statistics import total_variation

Floats = npt.NDArray[np.float64]

MISSING_COORDINATES: Final = "records without coordinates"
COLUMNS: Final = [
    "part",
    "crime_type",
    "dimension",
    "group",
    "distance",
    "noise_median",
    "noise_high",
    "exceeds_noise",
    "share_before",
    "share_now",
    "count_before",
    "count_now",
]
_FEWEST_STRETCHES: Final = 8


@dataclass(frozen=True)
class CompositionShift:
    """How much one distribution over categories changed between the audited and the new periods."""

    # Total variation distance of the shares, half the sum of absolute differences: the share of events that would need
    # another category to make both distributions equal.
    distance: float
    # Median and upper quantile of the same distance between stretches of audited periods and the rest of them. A
    # stretch is as long as the new periods, at most half of the audited ones. This is the effect of chance and season.
    noise_median: float
    noise_high: float
    count_before: float  # events in the audited periods
    count_now: float  # events in the new periods

    @property
    def exceeds_noise(self) -> bool:
        """Whether the distance exceeds the upper quantile of distances within the audited periods."""
        return bool(self.distance > self.noise_high)

    @classmethod
    def from_counts(cls, counts: Floats, audited: int, confidence: float = 0.95) -> Self:
        """Return the shift of counts by period and category; the first ``audited`` rows are the audited periods."""
        before, now = counts[:audited], counts[audited:]
        first, second = before.sum(axis=0), now.sum(axis=0)
        median = high = float("nan")
        if audited >= _FEWEST_STRETCHES and len(now):
            length = min(len(now), audited // 2)
            rows = (np.arange(audited)[:, None] + np.arange(length)) % audited
            stretches = before[rows].sum(axis=1)
            distances = total_variation(stretches, first - stretches)
            if np.isfinite(distances).any():
                median, high = (float(one) for one in np.nanquantile(distances, (0.5, confidence)))
        distance = float(total_variation(first, second))
        return cls(distance, median, high, float(first.sum()), float(second.sum()))


def located_events(events: Events, grid: Grid, calendar: Calendar, periods: pd.PeriodIndex) -> pd.DataFrame:
    """Return the events of some periods with the area of each event."""
    ordinal = calendar.ordinals(events.table["occurred_at"])
    inside = (ordinal >= periods[0].ordinal) & (ordinal <= periods[-1].ordinal)
    at = grid.locate(replace(events, table=events.table[inside]))
    names = grid.cells.astype(str).to_numpy() if grid.parents.empty else grid.parents.iloc[:, 0].astype(object)
    named = np.array([*(name if isinstance(name, str) and name else "(no area)" for name in names), "(no cell)"])
    found = events.table.loc[inside, ["occurred_at", "crime_type"]]
    return found.assign(ordinal=ordinal[inside], area=named[at])


def composition_shifts(
    events: pd.DataFrame, periods: Sequence[int], audited: int, resolution: str, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the shifts of the distributions over crime types, weekdays, hours and areas."""
    row = events["ordinal"].to_numpy() - periods[0]
    inside = (row >= 0) & (row < len(periods))
    events, row = events[inside], row[inside]
    parts: dict[str, pd.Series] = {"area": events["area"].astype(str)}
    if resolution in ("moment", "day"):
        parts = {"weekday": events["occurred_at"].dt.day_of_week, **parts}
    if resolution == "moment":
        parts = {"hour of the day": events["occurred_at"].dt.hour, **parts}
    crime_types = events["crime_type"].astype(str)
    names = sorted(crime_types.unique())
    counts = _count_by_period(row, crime_types, len(periods))
    shifts = [_shift_row("crime type", "all", CompositionShift.from_counts(counts, audited, confidence))]
    for part, values in parts.items():
        if values.nunique() < 2:
            continue
        for name in ("all", *(names if len(names) > 1 else ())):
            own = np.ones(len(row), dtype=bool) if name == "all" else (crime_types == name).to_numpy()
            counts = _count_by_period(row[own], values[own], len(periods))
            shifts.append(_shift_row(part, name, CompositionShift.from_counts(counts, audited, confidence)))
    return pd.DataFrame(shifts, columns=COLUMNS)


def count_missing_coordinates(
    located: pd.DataFrame, missing: pd.DataFrame, weights: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return the number of records without coordinates by period, crime type, area and group."""
    lost = missing.assign(missing_coordinates=missing["count"].astype(float))
    both = pd.concat([located.assign(missing_coordinates=0.0), lost])
    both = both.rename(columns={"count": "records"})
    keys, numbers = ["period", "crime_type", "dimension", "group"], ["missing_coordinates", "records"]
    tables = [both.assign(dimension="", group="")]
    labelled = both[both["area"] != ""]
    if len(labelled):
        tables.append(labelled.assign(dimension="area", group=labelled["area"]))
    for dimension, shares in weights.items():
        known = labelled[labelled["area"].isin(shares.index)]
        for group in shares.columns:
            share = shares[group].reindex(known["area"]).to_numpy()
            weighted = {name: known[name].to_numpy(dtype=float) * share for name in numbers}
            tables.append(known.assign(dimension=dimension, group=str(group), **weighted))
    whole = pd.concat(tables, ignore_index=True)
    several = len(whole["crime_type"].unique()) > 1
    pooled = pd.concat([whole, whole.assign(crime_type="all")]) if several else whole
    return pooled.groupby(keys, as_index=False, sort=True, observed=True)[numbers].sum()


def missing_coordinates_shifts(
    table: pd.DataFrame, periods: Sequence[str], audited: int, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the shifts of the shares of records without coordinates."""
    position = {period: at for at, period in enumerate(periods)}
    shifts = []
    for (name, dimension, group), rows in table.groupby(["crime_type", "dimension", "group"], sort=False):
        counts = np.zeros((len(periods), 2))
        at = rows["period"].map(position).to_numpy(dtype=int)
        counts[at, 0] = rows["missing_coordinates"]
        counts[at, 1] = rows["records"] - rows["missing_coordinates"]
        row = _shift_row(MISSING_COORDINATES, str(name), _with_binomial_noise(counts, audited, confidence))
        before, now = (part.sum(axis=0) for part in (counts[:audited], counts[audited:]))
        shares = [float(part[0] / part.sum()) if part.sum() > 0 else float("nan") for part in (before, now)]
        row |= {"dimension": dimension, "group": group, "share_before": shares[0], "share_now": shares[1]}
        shifts.append(row)
    return pd.DataFrame(shifts, columns=COLUMNS)


def group_shares(table: pd.DataFrame, areas: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the share of each group among the residents of each area, by dimension."""
    if not set(table["area"]) & set(areas):
        msg = (
            f"Records name areas such as {next(iter(areas), 'none')!r}, the group table names areas such as "
            f"{table['area'].iloc[0]!r}. They have no name in common, so records without coordinates cannot be counted "
            "by group. Use the same area names in data.columns.area and audit.groups."
        )
        raise InputError(msg)
    shares = table.assign(share=table["population"] / table["residents"].where(table["residents"] > 0))
    return {
        str(dimension): rows.pivot_table(index="area", columns="group", values="share").fillna(0.0)
        for dimension, rows in shares.groupby("dimension")
    }


def _with_binomial_noise(counts: Floats, audited: int, confidence: float) -> CompositionShift:
    """Return the shift of a share. Its noise is at least that of a binomial count, which matters for few records."""
    shift = CompositionShift.from_counts(counts, audited, confidence)
    if not (shift.count_before > 0 and shift.count_now > 0):
        return shift
    lost, now = float(counts[:audited, 0].sum()), math.ceil(shift.count_now)
    most = stats.binom.ppf(confidence, now, (lost + 1) / (shift.count_before + 2)) / now - lost / shift.count_before
    return replace(shift, noise_high=max(shift.noise_high, float(most)))


def _count_by_period(row: npt.NDArray[np.int64], values: pd.Series, periods: int) -> Floats:
    codes, names = pd.factorize(values)
    flat = np.bincount(row * len(names) + codes, minlength=periods * len(names)).astype(float)
    return flat.reshape(periods, len(names)) if len(names) else np.zeros((periods, 1))


def _shift_row(part: str, crime_type: str, shift: CompositionShift) -> dict[str, object]:
    return {
        "part": part,
        "crime_type": crime_type,
        "dimension": "",
        "group": "",
        "distance": shift.distance,
        "noise_median": shift.noise_median,
        "noise_high": shift.noise_high,
        "exceeds_noise": shift.exceeds_noise,
        "share_before": float("nan"),
        "share_now": float("nan"),
        "count_before": shift.count_before,
        "count_now": shift.count_now,
    }
