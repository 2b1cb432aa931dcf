"""Calibration for reports: counts beside forecasts in bins."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL
from ilp_models.stats.bootstrap import Bootstrap

Floats = npt.NDArray[np.float64]


def calibration(replay: Replay, resampling: Bootstrap, bins: int = 10) -> pd.DataFrame:
    """Return mean forecasts and mean counts in bins of equally many units."""
    if bins < 1:
        msg = f"Calibration needs at least one bin, not {bins}."
        raise InputError(msg)
    parts = [
        _binned(expected, observed, bins, resampling).assign(crime_type=kind)
        for kind, expected, observed in _pools(replay)
    ]
    table = pd.concat(parts, ignore_index=True).assign(forecaster=replay.forecaster, lead=replay.lead)
    return table[["forecaster", "lead", "crime_type", "bin", "expected", "observed", "low", "high", "n"]]


def bin_of(expected: Floats, bins: int) -> tuple[npt.NDArray[np.intp], int]:
    """Return the bin of each unit, of bins with equally many units by expected count."""
    edges = np.unique(np.quantile(expected, np.arange(1, bins) / bins))
    return np.searchsorted(edges, expected, side="right"), len(edges) + 1


def _pools(replay: Replay) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield each crime type and all of them, as (units, periods)."""
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
    kept = sums[2].sum(axis=0) > 0
    estimate = resampling.ratio(sums[1][:, kept], sums[2][:, kept])
    units = sums[2][:, kept].sum(axis=0)
    return pd.DataFrame(
        {
            "bin": np.arange(1, int(kept.sum()) + 1),
            "expected": sums[0][:, kept].sum(axis=0) / units,
            "observed": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "n": units.astype(int),
        }
    )
