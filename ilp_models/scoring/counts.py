"""Count scores: deviance, log score, CRPS, Brier score, pinball loss, and what to expect of true forecasts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import NEGATIVE_BINOMIAL, Replay
from ilp_models.stats.distributions import (
    LEVELS,
    chance_of_none,
    cumulative,
    half_mean_difference,
    log_probability,
    poisson_deviance,
)

Floats = npt.NDArray[np.float64]


def crps(observed: npt.ArrayLike, expected: npt.ArrayLike, dispersion: npt.ArrayLike) -> Floats:
    """Return the continuous ranked probability score of negative binomial forecasts, in events; smaller is better.

    The mean distance of a draw from the count minus half that of two draws, in closed form (Wei and Held 2014).
    """
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (observed, expected, dispersion)))
    distance = np.array(arrays[1])  # for a count of 0
    hit = arrays[0] > 0
    y, mean, spread = (one[hit] for one in arrays)
    above, chance = 1 - cumulative(y, mean, spread), np.exp(log_probability(y, mean, spread))
    beyond = mean * (above + (1 + spread * y) * chance)  # sum of k p(k) over k > y, by recurrence
    distance[hit] = y - mean + 2 * (beyond - y * above)
    return distance - half_mean_difference(arrays[1], arrays[2])


def sample_crps(observed: Floats, samples: Floats) -> Floats:
    """Return the CRPS of draws (the first axis of ``samples``), in events; smaller is better.

    The estimator of Ferro (2014): its expected value does not depend on the number of draws.
    """
    count = len(samples)
    ordered = np.sort(samples, axis=0)
    weights = (2.0 * np.arange(1, count + 1) - count - 1) / (count * (count - 1))
    return np.asarray(np.abs(samples - observed).mean(axis=0) - np.tensordot(weights, ordered, axes=1))


def mean_scores(observed: Floats, expected: Floats, floor: float) -> dict[str, Floats]:
    """Return scores of expected counts: deviance, squared error, totals; means over cells by type and period."""
    sums = expected.sum(axis=1), observed.sum(axis=1)
    return {
        "deviance": _cell_means(lambda y, mean: poisson_deviance(y, mean, floor), observed, expected),
        "squared_error": _cell_means(lambda y, mean: (y - mean) ** 2, observed, expected),
        "expected_total": sums[0],
        "observed_total": sums[1],
        "sum_ratio": np.divide(*sums, out=np.full(sums[0].shape, np.nan), where=sums[1] > 0),
    }


def _cell_means(score: Callable[..., npt.NDArray[Any]], *cubes: npt.NDArray[Any]) -> Floats:
    """Return means over cells by type and period; one type at a time, so that no array leaves the cache."""
    return np.stack([score(*parts).mean(axis=0) for parts in zip(*cubes, strict=True)])


def dispersions(replay: Replay) -> Floats:
    """Return the dispersion of each unit, (types, cells, periods)."""
    return np.asarray(replay.dispersion.broadcast_like(replay.expected).transpose(*DIMS).values, dtype=float)


def chances_of_none(expected: Floats, dispersion: Floats, floor: float) -> tuple[Floats, Floats]:
    """Return the probability of no event, and that of forecasts raised to the floor."""
    none, low = chance_of_none(expected, dispersion), expected < floor
    if not low.any():
        return none, none
    least = none.copy()
    least[low] = chance_of_none(floor, dispersion[low])
    return none, least


def distribution_scores(replay: Replay, floor: float) -> dict[str, Floats]:
    """Return scores of distributions and quantiles, as means over cells by crime type and period.

    A score that the distribution of a replay does not allow is left out. Counts are whole numbers: a quantile level
    is met when ``below <= level <= at most``, and an interval covers more than its level even with a correct
    distribution.
    """
    observed, expected = (np.asarray(cube.values, dtype=float) for cube in (replay.observed, replay.expected))
    scores: dict[str, Floats] = {}
    if replay.distribution == NEGATIVE_BINOMIAL:
        cubes = zip(observed, expected, dispersions(replay), strict=True)
        types = [_negative_binomial_scores(*one, floor) for one in cubes]
        scores |= {name: np.stack([one[name] for one in types]) for name in types[0]}
    elif replay.samples is not None:
        samples = np.asarray(replay.samples.values, dtype=float)
        scores["crps"] = sample_crps(observed, samples).mean(axis=1)
        scores["brier_any"] = (((samples == 0).mean(axis=0) - (observed == 0)) ** 2).mean(axis=1)
    return scores | _quantile_scores(replay, observed) if "quantiles" in replay.parts else scores


def _negative_binomial_scores(y: Floats, mean: Floats, dispersion: Floats, floor: float) -> dict[str, Floats]:
    """Return scores of the distributions of one crime type, as means over cells by period."""
    none, least = chances_of_none(mean, dispersion, floor)
    scores = {
        "log_score": -log_probability(y, np.maximum(mean, floor), dispersion),
        "crps": crps(y, mean, dispersion),
        "brier_any": (none - (y == 0)) ** 2,
        "log_any": -np.log(np.where(y == 0, least, 1 - least)),
    }
    return {name: score.mean(axis=0) for name, score in scores.items()}


def _quantile_scores(replay: Replay, observed: Floats) -> dict[str, Floats]:
    quantiles = dict(zip(QUANTILE_COLUMNS, np.asarray(replay.quantiles.values), strict=True))
    scores, pinball = {}, np.zeros(observed.shape[::2])
    for level, (name, quantile) in zip(LEVELS, quantiles.items(), strict=True):
        scores[f"below_{name}"] = _cell_means(np.less, observed, quantile)
        scores[f"at_most_{name}"] = _cell_means(np.less_equal, observed, quantile)
        loss = _cell_means(lambda y, q, at=level: np.maximum(at * (y - q), (at - 1) * (y - q)), observed, quantile)
        pinball += loss / len(LEVELS)
    for name, (low, high) in {"coverage_90": ("q05", "q95"), "coverage_50": ("q25", "q75")}.items():
        cubes = quantiles[low], observed, quantiles[high]
        scores[name] = _cell_means(lambda lower, y, upper: (lower <= y) & (y <= upper), *cubes)
    return {**scores, "pinball": pinball}
