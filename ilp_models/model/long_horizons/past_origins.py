"""Test long horizons: forecast from past origins, and compare with what was recorded and with naive forecasts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.compute import Compute
from ilp_models.domain.events import Events
from ilp_models.model.long_horizons.hierarchy import AREA, CITY, Hierarchy
from ilp_models.model.long_horizons.horizons import (
    DAY,
    MONTH,
    YEAR,
    LongHorizons,
    OriginForecast,
    forecast_origin,
    whole_months,
    with_horizon,
)
from ilp_models.model.long_horizons.series import SEASONS, Floats, SeriesForecaster
from ilp_models.stats.bootstrap import Bootstrap

BANDS: Final = {MONTH: ((1, 3), (4, 12), (13, 24), (25, 36)), DAY: ((1, 7), (8, 30), (31, 90))}
ALL_LEADS: Final = "all"
NEXT_YEAR: Final = "1-12 summed"
_LEAST_LEADS: Final = {MONTH: 3, DAY: 7}  # recorded after the latest origin
_TABLE_KEYS: Final = ("period_unit", "level", "crime_type", "leads")


def spread_origins(periods: pd.PeriodIndex, train: int, least: int, count: int) -> list[pd.Period]:
    """Return origins, evenly spaced from the first with enough history to the last with enough recorded leads."""
    first, last = train, len(periods) - least
    if count < 1 or last < first:
        return []
    return [periods[position] for position in np.unique(np.linspace(first, last, count).round().astype(int))]


def score_origins(
    events: Events,
    by_unit: dict[str, Hierarchy],
    method: SeriesForecaster,
    settings: LongHorizons,
    compute: Compute,
) -> pd.DataFrame:
    """Return the errors of past origins, pooled by level, crime type and band of leads.

    ``wape`` is the sum of absolute errors divided by the recorded counts. ``against_naive`` divides it by that of the
    latest count, repeated, and ``against_seasonal_naive`` by that of the latest season. Both have intervals over
    origins. ``coverage`` is that of the 90 % intervals.
    """
    parts: list[pd.DataFrame] = []
    city = Hierarchy((by_unit[DAY].areas[0],), events.crime_types)
    plans = [(MONTH, CITY, city, with_horizon(settings, areas=False), settings.origins)]
    if settings.area_months and len(by_unit[MONTH].areas) > 1:
        plans.append((MONTH, AREA, by_unit[MONTH], with_horizon(settings, areas=True), settings.area_origins))
    if settings.city_days:
        plans.append((DAY, CITY, city, settings, settings.origins))
    for unit, level, hierarchy, chosen, count in plans:
        periods = whole_months(events)
        if unit == DAY:
            periods = pd.period_range(periods[0].start_time, periods[-1].end_time, freq="D")
        train = settings.train_days if unit == DAY else method.train_periods
        origins = spread_origins(periods, train, _LEAST_LEADS[unit], count)
        made = [forecast_origin(events, first, hierarchy, method, chosen, compute) for first in origins]
        recorded = hierarchy.with_sums(hierarchy.count(events, periods, settings.merge or {}))
        if made:
            step = _step(origins)
            parts.append(_pooled(made, recorded, periods, level, settings.bootstrap, step))
    columns = [*_TABLE_KEYS, "origins", "forecasts", "wape", *_RATIOS, "coverage"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


_RATIOS: Final = tuple(
    f"{name}{end}" for name in ("against_naive", "against_seasonal_naive") for end in ("", "_low", "_high")
)


def _step(origins: Sequence[pd.Period]) -> int:
    """Return the smallest distance between origins, in periods."""
    return min((later.ordinal - earlier.ordinal for earlier, later in pairwise(origins)), default=1)


def _pooled(
    made: Sequence[OriginForecast],
    recorded: Floats,
    periods: pd.PeriodIndex,
    level: str,
    bootstrap: Bootstrap,
    step: int,
) -> pd.DataFrame:
    """Return the pooled errors of one level from several origins."""
    sums = pd.DataFrame([row for one in made for row in _errors(one, recorded, periods, level)])
    rows = []
    for (kind, leads), part in sums.groupby(["crime_type", "leads"], sort=False):
        block = max(1, -(-int(part["longest"].max()) // step))  # origins whose leads overlap are drawn together
        error = part["error"].to_numpy()
        found: dict[str, object] = {
            **dict(zip(_TABLE_KEYS, (made[0].unit, level, kind, leads), strict=True)),
            "origins": len(part),
            "forecasts": int(part["forecasts"].sum()),
            "wape": _share(error.sum(), part["recorded"].sum()),
        }
        for name in ("naive", "seasonal_naive"):
            ratio = replace(bootstrap, block=block).ratio(error, part[name].to_numpy())
            ends = (float(one) for one in (ratio.value, ratio.low, ratio.high))
            found |= dict(zip((f"against_{name}{end}" for end in ("", "_low", "_high")), ends, strict=True))
        rows.append(found | {"coverage": _share(part["inside"].sum(), part["forecasts"].sum())})
    return pd.DataFrame(rows)


def _share(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom else float("nan")


def _errors(one: OriginForecast, recorded: Floats, periods: pd.PeriodIndex, level: str) -> Iterator[dict[str, object]]:
    """Yield summed errors of one origin for each crime type and band of leads that was recorded."""
    start = one.periods[0].ordinal - periods[0].ordinal
    later = recorded[:, start : start + len(one.periods)]
    leads = later.shape[1]
    season = SEASONS[one.unit][0]
    ahead = np.arange(leads)
    last = one.counts[:, -season:]
    limits = one.quantiles(one.expected, one.variance)
    tables = {
        "error": np.abs(later - one.expected[:, :leads]),
        "naive": np.abs(later - last[:, -1:]),
        "seasonal_naive": np.abs(later - last[:, ahead % season]),
        "inside": (limits["q05"][:, :leads] <= later) & (later <= limits["q95"][:, :leads]),
        "recorded": later,
    }
    labels = one.hierarchy.labels
    for kind in labels.loc[labels["level"] == level, "crime_type"].unique():
        own = ((labels["level"] == level) & (labels["crime_type"] == kind)).to_numpy()
        bands = {f"{first}-{end}": (first, end) for first, end in BANDS[one.unit] if end <= leads}
        for band, (first, end) in (bands | {ALL_LEADS: (1, leads)}).items():
            chosen = {name: table[own, first - 1 : end] for name, table in tables.items()}
            if chosen["error"].size:
                yield {
                    "crime_type": kind,
                    "leads": band,
                    "longest": end,
                    "forecasts": chosen["error"].size,
                    **{name: float(table.sum()) for name, table in chosen.items()},
                }
        if one.unit == MONTH and leads >= YEAR:
            yield _year(one, kind, own, later)


def _year(one: OriginForecast, kind: str, own: np.ndarray, later: Floats) -> dict[str, object]:
    """Return the errors of the sum of the next 12 months."""
    year, total = one.next_year()[own], later[own, :YEAR].sum(axis=1)
    return {
        "crime_type": kind,
        "leads": NEXT_YEAR,
        "longest": YEAR,
        "forecasts": int(own.sum()),
        "error": float(np.abs(total - year["next_12_months"]).sum()),
        "naive": float(np.abs(total - YEAR * one.counts[own, -1]).sum()),
        "seasonal_naive": float(np.abs(total - year["last_12_months"]).sum()),
        "inside": float(((year["low"] <= total) & (total <= year["high"])).sum()),
        "recorded": float(total.sum()),
    }
