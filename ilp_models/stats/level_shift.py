"""Level shifts of monthly or other seasonal counts: find the largest one, and estimate declared ones."""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import statsmodels.api as sm
from scipy.stats import norm

Floats = npt.NDArray[np.float64]

_BLOCK: Final = 6  # consecutive residuals that are drawn together


@dataclass(frozen=True)
class LevelShift:
    """The largest shift of the level of a series: its first position, and the p-value of no shift at all."""

    position: int
    p_value: float


def largest_shift(counts: Floats, season: int, *, edge: int = 12, draws: int = 499, seed: int = 0) -> LevelShift | None:
    """Return the shift with the largest F statistic, or None if the series is too short.

    Square roots of counts are regressed on a quadratic trend, the season and a step at each position (Andrews 1993).
    The p-value compares the largest statistic with those of series without a step, whose residuals are drawn in blocks.
    """
    # the intake (data.quality) lists each change by half or more from year to year, which can be a trend
    size = len(counts)
    positions = np.arange(edge, size - edge)
    free = size - 4 - max(season - 1, 0)
    if not len(positions) or free < edge or not counts.any():
        return None
    time = np.linspace(-1, 1, size)
    columns = np.column_stack([_columns(size, season), time**2])  # a curved trend is no shift either
    basis = np.linalg.qr(columns)[0]
    steps = (np.arange(size)[:, None] >= positions).astype(np.float64)
    steps -= basis @ (basis.T @ steps)
    usable = (steps**2).sum(axis=0) > 1e-8
    if not usable.any():
        return None
    steps, positions = steps[:, usable], positions[usable]
    steps /= np.linalg.norm(steps, axis=0)
    roots = np.sqrt(counts)
    residuals = roots - basis @ (basis.T @ roots)
    if (residuals**2).sum() <= 1e-9 * max((roots**2).sum(), 1):
        return None
    statistics = _statistics(residuals[:, None], steps, free)[:, 0]
    generator = np.random.default_rng(seed)
    # without its own step a shifted series gives residuals of the usual size
    best = steps[:, statistics.argmax()]
    plain = residuals - best * (best @ residuals)
    plain *= np.sqrt(size / free)
    starts = generator.integers(size, size=(draws, -(-size // _BLOCK)))
    drawn = ((starts[:, :, None] + np.arange(_BLOCK)) % size).reshape(draws, -1)[:, :size]
    sample = plain[drawn].T
    sample -= basis @ (basis.T @ sample)
    largest = _statistics(sample, steps, free).max(axis=0)
    p_value = (1 + int((largest >= statistics.max()).sum())) / (draws + 1)
    return LevelShift(int(positions[statistics.argmax()]), p_value)


def _statistics(residuals: Floats, steps: Floats, free: int) -> Floats:
    """Return the F statistic of each step (rows) in each series of residuals (columns)."""
    explained = (steps.T @ residuals) ** 2
    rest = np.maximum((residuals**2).sum(axis=0) - explained, 1e-12)
    return np.asarray(explained / rest * free)


@dataclass(frozen=True)
class ShiftEstimate:
    """The factor by which a level changed, with its 95 % interval; NaN where it cannot be estimated."""

    factor: float
    low: float
    high: float


_UNKNOWN: Final = ShiftEstimate(float("nan"), float("nan"), float("nan"))


def estimate_shift(counts: Floats, inside: npt.NDArray[np.bool_], season: int) -> ShiftEstimate:
    """Return the factor of the periods inside, from a log-linear regression on trend, season and a step.

    A quasi-Poisson regression: the dispersion is estimated, so that over-dispersed counts widen the interval.
    """
    if not counts[~inside].any() or not counts[inside].any():
        return _UNKNOWN
    return fit_log_linear(counts, np.column_stack([_columns(len(counts), season), inside.astype(np.float64)]))


def fit_log_linear(counts: Floats, columns: Floats) -> ShiftEstimate:
    """Return the factor of the last column in a quasi-Poisson regression, unknown if it cannot be fitted."""
    if not counts.any() or np.linalg.matrix_rank(columns) < columns.shape[1] or len(counts) <= columns.shape[1] + 1:
        return _UNKNOWN
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = sm.GLM(counts, columns, family=sm.families.Poisson()).fit(scale="X2")
    except (np.linalg.LinAlgError, ValueError):
        return _UNKNOWN
    log, error = float(fitted.params[-1]), float(fitted.bse[-1])
    if not np.isfinite([log, error]).all():
        return _UNKNOWN
    reach = float(norm.ppf(0.975)) * error
    return ShiftEstimate(float(np.exp(log)), float(np.exp(log - reach)), float(np.exp(log + reach)))


def _columns(size: int, season: int) -> Floats:
    """Return a constant, a linear trend and the periods of the season."""
    time = np.arange(size)
    phases = [(time % season == phase).astype(np.float64) for phase in range(1, season)]
    return np.column_stack([np.ones(size), time / size, *phases])
