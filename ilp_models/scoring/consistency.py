"""Consistency tests of CSEP: number (N), space (S) and likelihood (L) test of recorded counts against forecasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import NEGATIVE_BINOMIAL, Replay
from ilp_models.domain.scores import ALL
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.count_draws import draw_with_total, log_probability_table
from ilp_models.stats.distributions import log_probability

Floats = npt.NDArray[np.float64]

TESTS: Final = ("number", "space", "likelihood")
DISTRIBUTIONS: Final = ("poisson", "negative_binomial")

_COLUMNS: Final = (
    "forecaster",
    "lead",
    "crime_type",
    "test",
    "distribution",
    "observed",
    "quantile_low",
    "quantile_high",
    "delta_1",
    "delta_2",
    "verdict",
)
_MEAN_STEP: Final = 0.05  # relative; units with nearly equal means are drawn together, which moves results by < 0.01 sd
_DISPERSION_STEP: Final = 0.1
_TAIL: Final = 1e-10
_CHUNK: Final = 2_000_000  # counts in memory at a time


@dataclass(frozen=True, eq=False)
class _TypeUnits:
    """Counts, expected counts (unchanged, and not below the floor) and dispersions, each (cells, periods)."""

    observed: Floats
    expected: Floats
    floored: Floats
    dispersion: Floats


def consistency(
    replay: Replay, resampling: Bootstrap, floor: float, tests: Sequence[str] = TESTS, draws: int = 1000
) -> pd.DataFrame:
    """Return the N, S and L tests of recorded counts against forecast distributions, as used for earthquakes.

    Number test: the total of events (Zechar, Gerstenberger and Rhoades 2010; negative binomial: Kagan 2010, Werner et
    al. 2010). Space test: their places, given the total of each type (Zechar et al. 2010). Likelihood test: the counts
    of all cells and periods (Schorlemmer et al. 2007). All test periods are pooled and units treated as independent,
    which weeks are not: a shock to the whole city fails the number test.
    """
    if not set(tests) <= set(TESTS) or not tests or draws < 1 or not floor > 0:
        msg = (
            f"Consistency tests need tests from {', '.join(TESTS)}, draws >= 1 and floor > 0, not "
            f"tests={list(tests)}, draws={draws}, floor={floor}."
        )
        raise InputError(msg)
    level = resampling.confidence
    names, parts = (*replay.crime_types, ALL), []
    known = DISTRIBUTIONS if replay.distribution == NEGATIVE_BINOMIAL else DISTRIBUTIONS[:1]
    for place, distribution in enumerate(known):
        types = _units(replay, floor, place)
        for order, test in enumerate(tests):
            generator = np.random.default_rng([resampling.seed, TESTS.index(test), place])
            if test == "number":
                rows = [_number_test(pool, level) for pool in (*([one] for one in types), types)]
            else:
                draw = _simulate_space if test == "space" else _simulate_likelihood
                rows = [_simulation_test(*one, level) for one in zip(*draw(types, generator, draws), strict=True)]
            part = pd.DataFrame(rows, columns=list(_COLUMNS[5:]))
            parts.append(
                part.assign(kind=part.index, order=order, crime_type=names, distribution=distribution, test=test)
            )
    table = pd.concat(parts).sort_values(["kind", "order"], kind="stable", ignore_index=True)
    return table.assign(forecaster=replay.forecaster, lead=replay.lead)[list(_COLUMNS)]


def _units(replay: Replay, floor: float, scale: float) -> list[_TypeUnits]:
    """Return the units of each crime type, with dispersions times a factor; 0 gives Poisson distributions."""
    dispersion = replay.dispersion.broadcast_like(replay.expected).transpose(*DIMS) if scale else 0 * replay.expected
    cubes = (np.asarray(cube.values, dtype=float) for cube in (replay.observed, replay.expected, dispersion))
    return [
        _TypeUnits(observed, expected, np.maximum(expected, floor), spread * scale)
        for observed, expected, spread in zip(*cubes, strict=True)
    ]


def _number_test(pool: list[_TypeUnits], level: float) -> tuple[object, ...]:
    observed = sum(float(one.observed.sum()) for one in pool)
    mean = sum(float(one.expected.sum()) for one in pool)
    excess = sum(float((one.dispersion * one.expected**2).sum()) for one in pool)
    total = stats.nbinom(mean**2 / excess, mean / (mean + excess)) if excess > 0 else stats.poisson(mean)
    more, fewer = float(total.sf(observed - 1)), float(total.cdf(observed))
    tail = (1 - level) / 2
    verdict = "too low" if more < tail else "too high" if fewer < tail else "consistent"
    return observed, float(total.ppf(tail)), float(total.ppf(1 - tail)), more, fewer, verdict


def _simulation_test(observed: float, drawn: Floats, level: float) -> tuple[object, ...]:
    slack = 1e-9 * abs(observed)
    most, least = float((drawn <= observed + slack).mean()), float((drawn >= observed - slack).mean())
    low = float(np.quantile(drawn, 1 - level, method="inverted_cdf"))
    return observed, low, float(drawn.max()), most, least, "consistent" if most >= 1 - level else "inconsistent"


def _simulate_space(types: list[_TypeUnits], generator: np.random.Generator, draws: int) -> tuple[Floats, Floats]:
    """Return log likelihoods of recorded counts by cell, and of simulated counts with the same totals by type.

    Rates of the cells follow gamma distributions with their dispersions and share the recorded events. The last row
    pools all types and sums their draws.
    """
    observed = np.stack([one.observed.sum(axis=1) for one in types])
    rate = np.stack([one.floored.sum(axis=1) for one in types])
    spread = np.stack([(one.dispersion * one.floored**2).sum(axis=1) for one in types]) / rate**2
    mean = rate / rate.sum(axis=1, keepdims=True) * observed.sum(axis=1, keepdims=True)
    means = np.vstack((mean, mean.sum(axis=0)))
    spreads = np.vstack((spread, (spread * mean**2).sum(axis=0) / np.maximum(means[-1], 1e-100) ** 2))
    found = [
        _log_likelihood(counts[None].astype(np.int64), *one)[0]
        for counts, *one in zip(_with_sum(observed), means, spreads, strict=True)
    ]
    drawn = np.empty((len(means), draws))
    rows = max(1, _CHUNK // rate.size)
    for start in range(0, draws, rows):
        size = min(rows, draws - start)
        counts = [draw_with_total(*one, size, generator) for one in zip(mean, spread, strict=True)]
        for kind, one in enumerate((*counts, np.sum(counts, axis=0))):
            drawn[kind, start : start + size] = _log_likelihood(one, means[kind], spreads[kind])
    return np.array(found), drawn


def _log_likelihood(counts: npt.NDArray[np.int64], mean: Floats, dispersion: Floats) -> Floats:
    """Return the log likelihood of each row of counts, looked up by cell and count."""
    most = int(counts.max())
    table = log_probability_table(mean, dispersion, most)
    return np.asarray(np.take(table, np.arange(len(mean)) * (most + 1) + counts).sum(axis=1))


def _simulate_likelihood(types: list[_TypeUnits], generator: np.random.Generator, draws: int) -> tuple[Floats, Floats]:
    """Return log likelihoods of the recorded and of simulated counts of all units; the last row pools all types.

    Units with nearly equal mean and dispersion are drawn together: how many of them have 0, 1, 2 .. events.
    """
    observed = np.array([log_probability(one.observed, one.floored, one.dispersion).sum() for one in types])
    drawn = np.zeros((len(types), draws))
    for kind, one in enumerate(types):
        units, mean, dispersion = _group_units(one.floored.ravel(), one.dispersion.ravel())
        size = 1 / np.maximum(dispersion, 1e-8)
        most = stats.nbinom.isf(_TAIL, size, size / (size + mean)).astype(np.int64)
        logs = log_probability_table(mean, dispersion, int(most.max()))
        for count, row, end in zip(units, logs, most + 1, strict=True):
            chances = np.exp(row[:end])
            drawn[kind] += generator.multinomial(count, chances / chances.sum(), size=draws) @ row[:end]
    return _with_sum(observed), _with_sum(drawn)


def _with_sum(values: Floats) -> Floats:
    return np.concatenate((values, values.sum(axis=0, keepdims=True)))


def _group_units(mean: Floats, dispersion: Floats) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Return groups of nearly equal units: their numbers, mean counts and dispersions."""
    steps = np.log(mean) / _MEAN_STEP, np.log(np.maximum(dispersion, 1e-8)) / _DISPERSION_STEP
    row, column = (np.round(one - one.min()).astype(np.int64) for one in steps)
    code = row * (column.max() + 1) + column
    counts = np.bincount(code)
    filled = np.flatnonzero(counts)
    means, spreads = (np.bincount(code, weights=values)[filled] / counts[filled] for values in (mean, dispersion))
    return counts[filled], means, spreads
