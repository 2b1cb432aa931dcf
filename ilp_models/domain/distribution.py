"""Count distributions in the mean-dispersion form: variance = mean + dispersion * mean**2 (0: Poisson)."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
Floats = npt.NDArray[np.float64]

_SMALLEST_DISPERSION: Final = 1e-8
_DISPERSIONS: Final = (1e-4, 50.0)


def log_probability(count: npt.ArrayLike, mean: npt.ArrayLike, dispersion: npt.ArrayLike) -> Floats:
    """Return the log probability of counts under a negative binomial distribution.

    Parameters
    ----------
    count : array_like
        Observed counts.
    mean : array_like
        Expected counts, > 0.
    dispersion : array_like
        Extra variance as a multiple of the squared mean, >= 0; values below 1e-8 are read as Poisson.

    Returns
    -------
    ndarray of float64
        Natural logarithms, of the broadcast shape.

    Examples
    --------
    >>> float(log_probability(0, 2.0, 0.0))
    -2.0
    >>> round(float(log_probability(0, 2.0, 0.5)), 4) == round(float(-2 * np.log(2.0)), 4)
    True
    """
    y, mu, alpha = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (count, mean, dispersion)))
    poisson = special.xlogy(y, mu) - mu - special.gammaln(y + 1)
    if not (alpha > _SMALLEST_DISPERSION).any():
        return np.asarray(poisson)
    size = 1.0 / np.maximum(alpha, _SMALLEST_DISPERSION)
    negative_binomial = (
        special.gammaln(y + size)
        - special.gammaln(size)
        - special.gammaln(y + 1)
        - size * np.log1p(mu / size)
        + special.xlogy(y, mu / (size + mu))
    )
    return np.asarray(np.where(alpha > _SMALLEST_DISPERSION, negative_binomial, poisson))


def quantiles(mean: npt.ArrayLike, dispersion: npt.ArrayLike, levels: tuple[float, ...] = LEVELS) -> Floats:
    """Return the smallest counts whose cumulative probability reaches each level.

    Parameters
    ----------
    mean : array_like
        Expected counts, >= 0.
    dispersion : array_like
        As in :func:`log_probability`; broadcast against ``mean``.
    levels : tuple of float
        Probabilities between 0 and 1.

    Returns
    -------
    ndarray of float64
        Whole counts, shape (levels, *mean.shape).

    Examples
    --------
    >>> quantiles([0.0, 3.0], 0.0, (0.5, 0.95))[:, 1]
    array([3., 6.])
    """
    mu, alpha = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(dispersion, dtype=float))
    result = np.empty((len(levels), *mu.shape))
    for value in np.unique(alpha):
        chosen = alpha == value
        result[:, chosen] = _quantiles_of_one_dispersion(mu[chosen], float(value), levels)
    return result


def _quantiles_of_one_dispersion(mu: Floats, alpha: float, levels: tuple[float, ...]) -> Floats:
    """Look quantiles up by the means at which they step, which is exact and costs a sort, not a solver a cell."""
    top = int(_ppf(np.array(max(levels)), np.array(mu.max(initial=0.0) + 1e-9), alpha)) + 1
    counts = np.arange(top, dtype=float)
    return np.stack([np.searchsorted(_step_means(counts, alpha, p), mu, side="left") for p in levels]).astype(float)


def _ppf(level: Floats, mu: Floats, alpha: float) -> Floats:
    if alpha <= _SMALLEST_DISPERSION:
        return np.asarray(stats.poisson.ppf(level, mu))
    size = 1.0 / alpha
    return np.asarray(stats.nbinom.ppf(level, size, size / (size + mu)))


def _step_means(counts: Floats, alpha: float, level: float) -> Floats:
    """Return the largest mean at which each count is still the quantile, by inverting the distribution in the mean."""
    if alpha <= _SMALLEST_DISPERSION:
        return np.asarray(special.gammainccinv(counts + 1, level))
    size = 1.0 / alpha
    success = special.betaincinv(size, counts + 1, level)
    return np.asarray(size * (1.0 - success) / success)


def fit_dispersion(count: npt.NDArray[np.generic], mean: npt.NDArray[np.generic]) -> float:
    """Return the maximum-likelihood dispersion of counts around forecasts made before they were seen.

    Parameters
    ----------
    count : ndarray
        Observed counts.
    mean : ndarray
        Forecasts of the same shape, > 0.

    Returns
    -------
    float
        Dispersion >= 0; 0 when the counts vary no more than a Poisson distribution allows.
    """
    y = np.asarray(count, dtype=float).ravel()
    mu = np.maximum(np.asarray(mean, dtype=float).ravel(), 1e-9)
    hit = y > 0
    counts, means, zeros = y[hit], mu[hit], mu[~hit]
    cheapest = -float(log_probability(counts, means, 0.0).sum() - zeros.sum())

    def loss(log_alpha: float) -> float:
        alpha = float(np.exp(log_alpha))
        empty = -np.log1p(alpha * zeros).sum() / alpha  # most units are empty, and need no gamma function
        return -float(log_probability(counts, means, alpha).sum() + empty)

    found = optimize.minimize_scalar(loss, bounds=np.log(_DISPERSIONS), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x)) if found.fun < cheapest else 0.0
