"""Calibration curves, PIT histograms and quantile coverage of stored forecasts."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import LEVELS, cumulative

Floats = npt.NDArray[np.float64]


def calibration_table(replay: Replay, resampling: Bootstrap, bins: int = 10) -> pd.DataFrame:
    """Return mean forecasts and mean counts in bins of equally many units, with intervals."""
    if bins < 1:
        msg = f"bins={bins}: calibration needs at least one bin."
        raise InputError(msg)
    parts = [
        _binned(expected, observed, bins, resampling).assign(crime_type=kind)
        for kind, expected, observed in _pool_counts(replay)
    ]
    table = pd.concat(parts, ignore_index=True).assign(forecaster=replay.forecaster, lead=replay.lead)
    return table[["forecaster", "lead", "crime_type", "bin", "expected", "observed", "low", "high", "n"]]


def bin_of(expected: Floats, bins: int) -> tuple[npt.NDArray[np.intp], int]:
    """Return the bin of each unit and the number of bins; bins hold equally many units by expected count."""
    edges = np.unique(np.quantile(expected, np.arange(1, bins) / bins))
    return np.searchsorted(edges, expected, side="right"), len(edges) + 1


def _pool_counts(replay: Replay) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield expected and recorded counts, each (units, periods), for each crime type and for all of them."""
    expected, observed = (np.asarray(part.values, dtype=float) for part in (replay.expected, replay.observed))
    yield from zip(replay.crime_types, expected, observed, strict=True)
    periods = len(replay.periods)
    yield ALL, expected.reshape(-1, periods), observed.reshape(-1, periods)


def _binned(expected: Floats, observed: Floats, bins: int, resampling: Bootstrap) -> pd.DataFrame:
    (code, count), periods = bin_of(expected, bins), expected.shape[1]
    flat = (code * periods + np.arange(periods)).ravel()
    sums = [
        np.bincount(flat, weights=weights, minlength=count * periods).reshape(count, periods).T.astype(float)
        for weights in (expected.ravel(), observed.ravel(), np.ones(expected.size))
    ]
    filled = sums[2].sum(axis=0) > 0
    estimate = resampling.ratio(sums[1][:, filled], sums[2][:, filled])
    units = sums[2][:, filled].sum(axis=0)
    return pd.DataFrame(
        {
            "bin": np.arange(1, int(filled.sum()) + 1),
            "expected": sums[0][:, filled].sum(axis=0) / units,
            "observed": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "n": units.astype(int),
        }
    )


def pit_histogram(replay: Replay, resampling: Bootstrap, bins: int = 10) -> pd.DataFrame:
    """Return the share of counts in equal bins of their forecast probability.

    The non-randomised PIT (probability integral transform) of counts of Czado, Gneiting and Held (2009). A count
    spreads evenly between the forecast probabilities of fewer events and of at most as many. With correct forecasts
    every bin holds ``1 / bins``. A U shape means too narrow, a hill too wide, a slope too low or too high.
    """
    if bins < 1:
        msg = f"bins={bins}: a PIT histogram needs at least one bin."
        raise InputError(msg)
    observed, expected, dispersion = _cubes(replay)
    fewer, most = cumulative(observed - 1, expected, dispersion), cumulative(observed, expected, dispersion)
    width = np.maximum(most - fewer, np.finfo(float).tiny)
    reached = [np.clip((edge / bins - fewer) / width, 0.0, 1.0).mean(axis=1) for edge in range(1, bins)]
    ends = np.stack([np.zeros_like(observed[:, 0]), *reached, np.ones_like(observed[:, 0])])
    shares = np.moveaxis(np.diff(ends, axis=0), 2, 0)  # (periods, bins, types)
    shares = np.concatenate((shares, shares.mean(axis=2, keepdims=True)), axis=2)
    estimate = resampling.ratio(shares, np.ones_like(shares))
    kinds, cells, periods = observed.shape
    names = [*replay.crime_types, ALL]
    return pd.DataFrame(
        {
            "forecaster": replay.forecaster,
            "lead": replay.lead,
            "crime_type": np.repeat(np.array(names, dtype=object), bins),
            "bin": np.tile(np.arange(1, bins + 1), len(names)),
            "low": estimate.low.T.ravel(),
            "high": estimate.high.T.ravel(),
            "share": estimate.value.T.ravel(),
            "n": np.repeat([cells * periods] * kinds + [kinds * cells * periods], bins),
        }
    )


def coverage_by_decile(replay: Replay, resampling: Bootstrap, deciles: int = 10) -> pd.DataFrame:
    """Return how often counts are below each forecast quantile, in bins of equally many units by risk.

    Counts are whole numbers, so even a correct forecast has less than p of the counts below its quantile q at level
    p, and more than p at or below q. ``coverage`` counts those below q and, of those equal to q, the fraction
    ``(p - F(q - 1)) / (F(q) - F(q - 1))`` with F the forecast distribution. Its expected value is exactly p.
    """
    if deciles < 1:
        msg = f"deciles={deciles}: coverage needs at least one bin."
        raise InputError(msg)
    parts = [_quantile_coverage(*pool, deciles, resampling) for pool in _pool_quantiles(replay)]
    table = pd.concat(parts, ignore_index=True).assign(forecaster=replay.forecaster, lead=replay.lead)
    first = ["forecaster", "lead", "crime_type"]
    return table[first + [name for name in table.columns if name not in first]]


def _cubes(replay: Replay) -> tuple[Floats, Floats, Floats]:
    """Return counts, expected counts and dispersions, each (types, cells, periods)."""
    dispersion = replay.dispersion.broadcast_like(replay.expected).transpose(*DIMS)
    return (
        np.asarray(replay.observed.values, dtype=float),
        np.asarray(replay.expected.values, dtype=float),
        np.asarray(dispersion.values, dtype=float),
    )


def _pool_quantiles(replay: Replay) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield expected counts (units, periods) and quantile facts for each crime type and for all of them.

    The facts, (levels, 5, units, periods), are the probabilities of fewer and of at most as many events as the
    quantile, whether that happened, and the part that the coverage counts.
    """
    observed, expected, dispersion = _cubes(replay)
    facts = np.empty((len(LEVELS), 5, *observed.shape), dtype=np.float32)
    for index, level in enumerate(LEVELS):
        quantile = np.asarray(replay.quantiles.values[index], dtype=float)
        fewer, most = cumulative(quantile - 1, expected, dispersion), cumulative(quantile, expected, dispersion)
        below, met = observed < quantile, observed == quantile
        part = np.clip((level - fewer) / np.maximum(most - fewer, np.finfo(float).tiny), 0.0, 1.0)
        facts[index] = fewer, most, below, below | met, below + met * part
    yield from ((kind, expected[at], facts[:, :, at]) for at, kind in enumerate(replay.crime_types))
    periods = expected.shape[2]
    yield ALL, expected.reshape(-1, periods), facts.reshape(*facts.shape[:2], -1, periods)


def _quantile_coverage(kind: str, expected: Floats, facts: Floats, deciles: int, resampling: Bootstrap) -> pd.DataFrame:
    code, count = bin_of(expected, deciles)
    periods = expected.shape[1]
    flat = (code * periods + np.arange(periods)).ravel()

    def sums(weights: Floats) -> Floats:
        """Add up units within each period (rows) and bin (columns)."""
        added = np.bincount(flat, weights=weights.ravel(), minlength=count * periods)
        return np.asarray(added.reshape(count, periods).T, dtype=float)

    units, risk = sums(np.ones_like(expected)), sums(expected)
    filled = units.sum(axis=0) > 0
    units, risk = units[:, filled], risk[:, filled]
    total = units.sum(axis=0)
    names = ("nominal_low", "nominal_high", "below", "at_most")
    parts = []
    for level, values in zip(LEVELS, facts, strict=True):
        shares = {name: sums(part)[:, filled].sum(axis=0) / total for name, part in zip(names, values, strict=False)}
        estimate = resampling.ratio(sums(values[4])[:, filled], units)
        shares |= {"coverage": estimate.value, "low": estimate.low, "high": estimate.high, "n": total.astype(int)}
        parts.append(
            pd.DataFrame(
                {"decile": np.arange(1, len(total) + 1), "expected": risk.sum(axis=0) / total, "level": level, **shares}
            )
        )
    return pd.concat(parts, ignore_index=True).assign(crime_type=kind)
