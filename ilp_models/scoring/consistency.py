"""Whether what happened is what the forecast distribution would bring about: tests of number, space and likelihood."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL
from ilp_models.stats.bootstrap import Bootstrap
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
_MEAN_STEP: Final = 0.05  # relative; units of nearly one mean are drawn together, which moves a result by < 0.01 sd
_DISPERSION_STEP: Final = 0.1
_TAIL: Final = 1e-10
_CHUNK: Final = 2_000_000  # counts held at a time


@dataclass(frozen=True, eq=False)
class _Units:
    """Counts, expected counts (as they are, and not below the floor) and dispersions, each (cells, periods)."""

    observed: Floats
    expected: Floats
    floored: Floats
    dispersion: Floats


def consistency(
    replay: Replay, resampling: Bootstrap, floor: float, tests: Sequence[str] = TESTS, draws: int = 1000
) -> pd.DataFrame:
    """Return tests of whether the counts are what the forecasts would bring about, as earthquake forecasts are tested.

    The number test asks for the total of events (Zechar, Gerstenberger and Rhoades 2010; negative binomial: Kagan
    2010, Werner et al. 2010), the space test for their places with the total of each type given (Zechar et al.
    2010), the likelihood test for the counts of all cells and periods together (Schorlemmer et al. 2007). All test
    periods are taken together and units as independent, which weeks are not: a shock common to the city fails a
    number test.
    """
    if not set(tests) <= set(TESTS) or not tests or draws < 1 or not floor > 0:
        msg = (
            f"Consistency needs tests out of {', '.join(TESTS)}, draws >= 1 and floor > 0, not "
            f"tests={list(tests)}, draws={draws}, floor={floor}."
        )
        raise InputError(msg)
    level = resampling.confidence
    names, parts = (*replay.crime_types, ALL), []
    for place, distribution in enumerate(DISTRIBUTIONS):
        types = _units(replay, floor, place)
        for order, test in enumerate(tests):
            generator = np.random.default_rng([resampling.seed, TESTS.index(test), place])
            if test == "number":
                rows = [_number(pool, level) for pool in (*([one] for one in types), types)]
            else:
                draw = _space if test == "space" else _likelihood
                rows = [_judged(*one, level) for one in zip(*draw(types, generator, draws), strict=True)]
            part = pd.DataFrame(rows, columns=list(_COLUMNS[5:]))
            parts.append(
                part.assign(kind=part.index, order=order, crime_type=names, distribution=distribution, test=test)
            )
    table = pd.concat(parts).sort_values(["kind", "order"], kind="stable", ignore_index=True)
    return table.assign(forecaster=replay.forecaster, lead=replay.lead)[list(_COLUMNS)]


def _units(replay: Replay, floor: float, scale: float) -> list[_Units]:
    """Return the units of each crime type, their dispersions times a factor: of 0 leaves Poisson distributions."""
    dispersion = replay.dispersion.broadcast_like(replay.expected).transpose(*DIMS)
    cubes = (np.asarray(cube.values, dtype=float) for cube in (replay.observed, replay.expected, dispersion))
    return [
        _Units(observed, expected, np.maximum(expected, floor), spread * scale)
        for observed, expected, spread in zip(*cubes, strict=True)
    ]


def _number(pool: list[_Units], level: float) -> tuple[object, ...]:
    observed = sum(float(one.observed.sum()) for one in pool)
    mean = sum(float(one.expected.sum()) for one in pool)
    excess = sum(float((one.dispersion * one.expected**2).sum()) for one in pool)
    total = stats.nbinom(mean**2 / excess, mean / (mean + excess)) if excess > 0 else stats.poisson(mean)
    more, fewer = float(total.sf(observed - 1)), float(total.cdf(observed))
    tail = (1 - level) / 2
    verdict = "too low" if more < tail else "too high" if fewer < tail else "consistent"
    return observed, float(total.ppf(tail)), float(total.ppf(1 - tail)), more, fewer, verdict


def _judged(observed: float, drawn: Floats, level: float) -> tuple[object, ...]:
    slack = 1e-9 * abs(observed)
    most, least = float((drawn <= observed + slack).mean()), float((drawn >= observed - slack).mean())
    low = float(np.quantile(drawn, 1 - level, method="inverted_cdf"))
    return observed, low, float(drawn.max()), most, least, "consistent" if most >= 1 - level else "inconsistent"


def _space(types: list[_Units], generator: np.random.Generator, draws: int) -> tuple[Floats, Floats]:
    """Return the log likelihoods of the counts of cells, and of counts drawn with the totals of the types.

    Rates of the cells vary as their dispersions say (gamma), and share out the events that happened. The last row,
    of all types together, adds up what is drawn for each.
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
        counts = [_placed(*one, size, generator) for one in zip(mean, spread, strict=True)]
        for kind, one in enumerate((*counts, np.sum(counts, axis=0))):
            drawn[kind, start : start + size] = _log_likelihood(one, means[kind], spreads[kind])
    return np.array(found), drawn


def _placed(mean: Floats, dispersion: Floats, size: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return counts (size, cells) of as many events as expected, on rates that vary around the mean ones."""
    shares = np.broadcast_to(mean, (size, len(mean)))
    if dispersion.any():
        spread = np.maximum(dispersion, 1e-8)
        shares = shares * generator.gamma(1 / spread, spread, shares.shape)
    total = shares.sum(axis=1, keepdims=True)
    return _shared_out(round(float(mean.sum())), shares / np.where(total > 0, total, 1.0), generator)


def _shared_out(events: int, shares: Floats, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return multinomial counts, one row for each row of shares.

    Poisson counts with a total given are multinomial: nearly all events are drawn so, which is much faster than one
    binomial draw a cell, and those that lack are placed one by one.
    """
    counts = generator.poisson(max(events - 2 * np.sqrt(events), 0.0) * shares)
    lacking = events - counts.sum(axis=1)
    over = np.flatnonzero(lacking < 0)
    counts[over] = generator.multinomial(events, shares[over])
    lacking[over] = 0
    ends = np.cumsum(shares, axis=1)
    for row, more in enumerate(lacking):
        places = np.searchsorted(ends[row, :-1], generator.random(more), side="right")
        counts[row] += np.bincount(places, minlength=shares.shape[1])
    return np.asarray(counts)


def _log_likelihood(counts: npt.NDArray[np.int64], mean: Floats, dispersion: Floats) -> Floats:
    """Return the log likelihood of each row of counts, looked up by cell and count."""
    most = np.arange(int(counts.max()) + 1)
    table = log_probability(most, mean[:, None], dispersion[:, None])
    return np.asarray(np.take(table.ravel(), np.arange(len(mean)) * len(most) + counts).sum(axis=1))


def _likelihood(types: list[_Units], generator: np.random.Generator, draws: int) -> tuple[Floats, Floats]:
    """Return the log likelihoods of the counts of all units, and of counts drawn, of all types together last.

    Units of nearly one mean and dispersion are drawn together: how many of them hold 0, 1, 2 .. events.
    """
    observed = np.array([log_probability(one.observed, one.floored, one.dispersion).sum() for one in types])
    drawn = np.zeros((len(types), draws))
    for kind, one in enumerate(types):
        for count, mean, dispersion in _alike(one.floored.ravel(), one.dispersion.ravel()):
            logs = _log_probabilities(mean, dispersion)
            chances = np.exp(logs)
            drawn[kind] += generator.multinomial(count, chances / chances.sum(), size=draws) @ logs
    return _with_sum(observed), _with_sum(drawn)


def _with_sum(values: Floats) -> Floats:
    return np.concatenate((values, values.sum(axis=0, keepdims=True)))


def _alike(mean: Floats, dispersion: Floats) -> Iterator[tuple[int, float, float]]:
    """Yield how many units are nearly alike, and their mean count and dispersion."""
    steps = np.log(mean) / _MEAN_STEP, np.log(np.maximum(dispersion, 1e-8)) / _DISPERSION_STEP
    row, column = (np.round(one - one.min()).astype(np.int64) for one in steps)
    code = row * (column.max() + 1) + column
    counts = np.bincount(code)
    held = np.flatnonzero(counts)
    means, spreads = (np.bincount(code, weights=values)[held] / counts[held] for values in (mean, dispersion))
    yield from zip(counts[held].tolist(), means.tolist(), spreads.tolist(), strict=True)


def _log_probabilities(mean: float, dispersion: float) -> Floats:
    """Return the log probabilities of 0, 1, 2 .. events, up to where no more are to be expected."""
    size = 1 / max(dispersion, 1e-8)
    most = int(stats.nbinom.isf(_TAIL, size, size / (size + mean)))
    return log_probability(np.arange(most + 1), mean, dispersion)
