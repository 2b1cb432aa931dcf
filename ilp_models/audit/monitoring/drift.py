"""Drift of inputs: how far counts by category moved, beside how far they move between stretches of the reference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ilp_models.domain.errors import InputError
from ilp_models.stats.rank_statistics import total_variation

Floats = npt.NDArray[np.float64]

WITHOUT_PLACE: Final = "records without a place"
COLUMNS: Final = [
    "part",
    "crime_type",
    "dimension",
    "group",
    "distance",
    "noise_median",
    "noise_high",
    "beyond",
    "share_before",
    "share_now",
    "count_before",
    "count_now",
]
_FEWEST_STRETCHES: Final = 8


@dataclass(frozen=True)
class Shift:
    """How far one distribution over categories moved.

    Parameters
    ----------
    distance : float
        Total variation distance of the new periods' shares from those of the reference, half the sum of absolute
        differences: the share of events that would have to be of another category to make both alike.
    noise_median, noise_high : float
        Median and upper quantile of the same distance between every stretch of the reference as long as the new periods
        (half of the reference at most) and the rest of the reference: what chance and season alone give.
    count_before, count_now : float
        Events in the reference and in the new periods.
    """

    distance: float
    noise_median: float
    noise_high: float
    count_before: float
    count_now: float

    @property
    def beyond(self) -> bool:
        """Whether the distribution moved further than stretches of the reference differ."""
        return bool(self.distance > self.noise_high)

    @classmethod
    def from_counts(cls, counts: Floats, audited: int, level: float = 0.95) -> Self:
        """Return the shift between the audited and the new periods."""
        before, now = counts[:audited], counts[audited:]
        first, second = before.sum(axis=0), now.sum(axis=0)
        median = high = float("nan")
        if audited >= _FEWEST_STRETCHES and len(now):
            length = min(len(now), audited // 2)
            rows = (np.arange(audited)[:, None] + np.arange(length)) % audited
            stretches = before[rows].sum(axis=1)
            apart = total_variation(stretches, first - stretches)
            if np.isfinite(apart).any():
                median, high = (float(one) for one in np.nanquantile(apart, (0.5, level)))
        distance = float(total_variation(first, second))
        return cls(distance, median, high, float(first.sum()), float(second.sum()))


def mixes(
    events: pd.DataFrame, periods: Sequence[int], audited: int, resolution: str, level: float = 0.95
) -> pd.DataFrame:
    """Return how far the mix of crime types and the patterns in time and space moved."""
    row = events["ordinal"].to_numpy() - periods[0]
    inside = (row >= 0) & (row < len(periods))
    events, row = events[inside], row[inside]
    parts: dict[str, pd.Series] = {"area": events["area"].astype(str)}
    if resolution in ("moment", "day"):
        parts = {"weekday": events["occurred_at"].dt.day_of_week, **parts}
    if resolution == "moment":
        parts = {"hour of the day": events["occurred_at"].dt.hour, **parts}
    kinds = events["crime_type"].astype(str)
    named = sorted(kinds.unique())
    found = [_told("crime type", "all", Shift.from_counts(_counted(row, kinds, len(periods)), audited, level))]
    for part, values in parts.items():
        if values.nunique() < 2:
            continue
        for kind in ("all", *(named if len(named) > 1 else ())):
            own = np.ones(len(row), dtype=bool) if kind == "all" else (kinds == kind).to_numpy()
            counts = _counted(row[own], values[own], len(periods))
            found.append(_told(part, kind, Shift.from_counts(counts, audited, level)))
    return pd.DataFrame(found, columns=COLUMNS)


def without_place(placed: pd.DataFrame, unplaced: pd.DataFrame, weights: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return how many records had no place, by period, crime type, area and group."""
    both = pd.concat([placed.assign(unplaced=0.0), unplaced.assign(unplaced=unplaced["count"].astype(float))])
    both = both.rename(columns={"count": "records"})
    keys, numbers = ["period", "crime_type", "dimension", "group"], ["unplaced", "records"]
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


def place_shifts(table: pd.DataFrame, periods: Sequence[str], audited: int, level: float = 0.95) -> pd.DataFrame:
    """Return how far the shares of records without a place moved."""
    position = {period: at for at, period in enumerate(periods)}
    found = []
    for (kind, dimension, group), rows in table.groupby(["crime_type", "dimension", "group"], sort=False):
        counts = np.zeros((len(periods), 2))
        at = rows["period"].map(position).to_numpy(dtype=int)
        counts[at, 0] = rows["unplaced"]
        counts[at, 1] = rows["records"] - rows["unplaced"]
        one = _told(WITHOUT_PLACE, str(kind), _at_least_chance(counts, audited, level))
        before, now = (part.sum(axis=0) for part in (counts[:audited], counts[audited:]))
        shares = [float(part[0] / part.sum()) if part.sum() > 0 else float("nan") for part in (before, now)]
        one |= {"dimension": dimension, "group": group, "share_before": shares[0], "share_now": shares[1]}
        found.append(one)
    return pd.DataFrame(found, columns=COLUMNS)


def group_shares(table: pd.DataFrame, areas: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the share of each group among the residents of each area, by dimension."""
    if not set(table["area"]) & set(areas):
        msg = (
            f"Records name areas such as {next(iter(areas), 'none')!r} and the group table such as "
            f"{table['area'].iloc[0]!r}: without a common name, places lost cannot be told by group."
        )
        raise InputError(msg)
    shares = table.assign(share=table["population"] / table["residents"].where(table["residents"] > 0))
    return {
        str(dimension): rows.pivot_table(index="area", columns="group", values="share").fillna(0.0)
        for dimension, rows in shares.groupby("dimension")
    }


def _at_least_chance(counts: Floats, audited: int, level: float) -> Shift:
    """Return the shift of a share, its noise no smaller than independent records give: few lost records are few."""
    shift = Shift.from_counts(counts, audited, level)
    if not (shift.count_before > 0 and shift.count_now > 0):
        return shift
    lost, now = float(counts[:audited, 0].sum()), math.ceil(shift.count_now)
    most = stats.binom.ppf(level, now, (lost + 1) / (shift.count_before + 2)) / now - lost / shift.count_before
    return replace(shift, noise_high=max(shift.noise_high, float(most)))


def _counted(row: npt.NDArray[np.int64], values: pd.Series, periods: int) -> Floats:
    codes, names = pd.factorize(values)
    flat = np.bincount(row * len(names) + codes, minlength=periods * len(names)).astype(float)
    return flat.reshape(periods, len(names)) if len(names) else np.zeros((periods, 1))


def _told(part: str, crime_type: str, shift: Shift) -> dict[str, object]:
    return {
        "part": part,
        "crime_type": crime_type,
        "dimension": "",
        "group": "",
        "distance": shift.distance,
        "noise_median": shift.noise_median,
        "noise_high": shift.noise_high,
        "beyond": shift.beyond,
        "share_before": float("nan"),
        "share_now": float("nan"),
        "count_before": shift.count_before,
        "count_now": shift.count_now,
    }
