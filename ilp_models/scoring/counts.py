"""Count scores: deviance, log score, CRPS, Brier score, pinball loss and the noise floor of the deviance."""

import numpy as np
import numpy.typing as npt
from scipy import interpolate, special

from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.stats.distributions import LEVELS, cumulative, half_mean_difference, log_probability, poisson_deviance

Floats = npt.NDArray[np.float64]


def crps(observed: npt.ArrayLike, expected: npt.ArrayLike, dispersion: npt.ArrayLike) -> Floats:
    """Return the continuous ranked probability score of negative binomial forecasts, in events; smaller is better.

    The mean distance of a draw from the count minus half that of two draws, in closed form (Wei and Held 2014).
    """
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (observed, expected, dispersion)))
    distance = np.array(arrays[1])  # for a count of 0
    hit = arrays[0] > 0
    y, mean, spread = (one[hit] for one in arrays)
    beyond = mean * (1 - cumulative(y - 1, mean * (1 + spread), spread / (1 + spread)))  # sum of k p(k) over k > y
    distance[hit] = y - mean + 2 * (beyond - y * (1 - cumulative(y, mean, spread)))
    return distance - half_mean_difference(arrays[1], arrays[2])


def mean_scores(observed: Floats, expected: Floats, floor: float) -> dict[str, Floats]:
    """Return scores of expected counts: deviance, squared error, totals; means over cells by type and period."""
    sums = expected.sum(axis=1), observed.sum(axis=1)
    return {
        "deviance": poisson_deviance(observed, expected, floor).mean(axis=1),
        "squared_error": ((observed - expected) ** 2).mean(axis=1),
        "expected_total": sums[0],
        "observed_total": sums[1],
        "sum_ratio": np.divide(*sums, out=np.full(sums[0].shape, np.nan), where=sums[1] > 0),
    }


def distribution_scores(replay: Replay, floor: float) -> dict[str, Floats]:
    """Return scores of distributions and quantiles, as means over cells by crime type and period.

    Counts are whole numbers: a quantile level is met when ``below <= level <= at most``, and an interval covers more
    than its level even with a correct distribution.
    """
    observed, expected = (np.asarray(cube.values, dtype=float) for cube in (replay.observed, replay.expected))
    dispersion = np.asarray(replay.dispersion.broadcast_like(replay.expected).transpose(*DIMS).values, dtype=float)
    scores = {
        "log_score": -log_probability(observed, np.maximum(expected, floor), dispersion).mean(axis=1),
        "crps": crps(observed, expected, dispersion).mean(axis=1),
        "brier_any": ((cumulative(0.0, expected, dispersion) - (observed == 0)) ** 2).mean(axis=1),
    }
    quantiles = dict(zip(QUANTILE_COLUMNS, np.asarray(replay.quantiles.values), strict=True))
    pinball = np.zeros_like(scores["log_score"])
    for level, (name, quantile) in zip(LEVELS, quantiles.items(), strict=True):
        scores[f"below_{name}"] = (observed < quantile).mean(axis=1)
        scores[f"at_most_{name}"] = (observed <= quantile).mean(axis=1)
        error = observed - quantile
        pinball += np.maximum(level * error, (level - 1) * error).mean(axis=1) / len(LEVELS)
    for name, (low, high) in {"coverage_90": ("q05", "q95"), "coverage_50": ("q25", "q75")}.items():
        scores[name] = ((quantiles[low] <= observed) & (observed <= quantiles[high])).mean(axis=1)
    return {**scores, "pinball": pinball}


def noise_floor_deviance(mean: npt.ArrayLike, floor: float) -> Floats:
    """Return the expected Poisson deviance of a forecast of the true rates: the noise floor."""
    rate = np.asarray(mean, dtype=float)
    forecast = np.maximum(rate, floor)
    logs = _expected_log_successor(rate)
    return np.asarray(2.0 * (rate * logs - special.xlogy(rate, forecast) - rate + forecast))


def _expected_log_successor(rate: Floats) -> Floats:
    """Return E log(Y + 1) for Poisson counts, since E[Y log Y] = rate * E log(Y + 1).

    Computed at means evenly spaced in their square root, and interpolated.
    """
    top = np.sqrt(rate.max(initial=0.0)) + 0.1
    roots = np.linspace(0.0, top, int(min(np.ceil(top / 0.02), 1000)) + 8)
    nodes = roots**2
    first = np.floor(np.maximum(nodes - 12 * roots, 0.0))
    counts = first[:, None] + np.arange(int(24 * top) + 40)
    logs = special.xlogy(counts, nodes[:, None]) - nodes[:, None] - special.gammaln(counts + 1)
    values = (np.exp(logs) * np.log1p(counts)).sum(axis=1)
    return np.asarray(interpolate.CubicSpline(roots, values)(np.sqrt(rate)))
