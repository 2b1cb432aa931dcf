"""Poisson and negative binomial counts, where variance = mean + dispersion * mean**2 (dispersion 0: Poisson)."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import interpolate, optimize, special, stats

LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
Floats = npt.NDArray[np.float64]

_SMALLEST_DISPERSION: Final = 1e-8
_SERIES_DISPERSION: Final = 0.005  # the hypergeometric series is slow below this value and fails for much smaller ones
_DISPERSIONS: Final = (1e-4, 50.0)
_FEW: Final = 32  # means of one dispersion; fewer do not repay a table of all counts
_FEW_EVENTS: Final = 12  # up to which probabilities are summed
_UNITS_A_TABLE: Final = 200  # units of one dispersion below which a table costs more than it saves
_LARGEST_IN_TABLE: Final = 100.0  # mean; up to 1,000 nodes
_QUADRATURE_STEP: Final = 0.0625  # errors below 2e-9 for means up to 2,500
_COUNTS_A_MEAN: Final = 8  # that a table may have for each of its means


def poisson_deviance(observed: npt.ArrayLike, expected: npt.ArrayLike, floor: float) -> Floats:
    """Return the Poisson deviance of each unit; 0 for a forecast equal to the count, smaller is better."""
    y, mean = np.asarray(observed, dtype=float), np.maximum(np.asarray(expected, dtype=float), floor)
    return np.asarray(2.0 * (special.xlogy(y, y / mean) - y + mean))


def log_probability(count: npt.ArrayLike, mean: npt.ArrayLike, dispersion: npt.ArrayLike) -> Floats:
    """Return the log probability of counts under a negative binomial distribution."""
    y, mu, alpha = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (count, mean, dispersion)))
    result, hit = np.array(_log_none(mu, alpha)), y != 0
    y, mu, alpha = y[hit], mu[hit], alpha[hit]
    poisson = special.xlogy(y, mu) - mu - special.gammaln(y + 1)
    if not (alpha > _SMALLEST_DISPERSION).any():
        result[hit] = poisson
        return result
    size = 1.0 / np.maximum(alpha, _SMALLEST_DISPERSION)
    negative_binomial = (
        special.gammaln(y + size)
        - special.gammaln(size)
        - special.gammaln(y + 1)
        - size * np.log1p(mu / size)
        + special.xlogy(y, mu / (size + mu))
    )
    result[hit] = np.where(alpha > _SMALLEST_DISPERSION, negative_binomial, poisson)
    return result


def chance_of_none(mean: npt.ArrayLike, dispersion: npt.ArrayLike) -> Floats:
    """Return the negative binomial probability of a count of 0."""
    return np.asarray(np.exp(_log_none(np.asarray(mean, dtype=float), np.asarray(dispersion, dtype=float))))


def _log_none(mean: Floats, alpha: Floats) -> Floats:
    spread = np.maximum(alpha, _SMALLEST_DISPERSION)
    return np.asarray(-np.where(alpha > _SMALLEST_DISPERSION, np.log1p(spread * mean) / spread, mean))


def cumulative(count: npt.ArrayLike, mean: npt.ArrayLike, dispersion: npt.ArrayLike) -> Floats:
    """Return the negative binomial probability of at most ``count`` events."""
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (count, mean, dispersion)))
    y, mu, alpha = (np.atleast_1d(one) for one in arrays)
    result, wide = np.zeros(y.shape), alpha > _SMALLEST_DISPERSION
    few = (y >= 0) & (y <= _FEW_EVENTS)
    poisson, rest = (y > _FEW_EVENTS) & ~wide, (y > _FEW_EVENTS) & wide
    result[few] = _summed(y[few], mu[few], np.where(wide, alpha, 0.0)[few])
    result[poisson] = special.gammaincc(y[poisson] + 1, mu[poisson])
    size, chance = 1.0 / alpha[rest], alpha[rest] * mu[rest] / (1 + alpha[rest] * mu[rest])
    result[rest] = special.betaincc(y[rest] + 1, size, chance)
    return result.reshape(arrays[0].shape)


def _summed(y: Floats, mu: Floats, alpha: Floats) -> Floats:
    """Return the sum of the probabilities of 0 to ``y`` events by recurrence; faster than beta functions for few."""
    total = chance_of_none(mu, alpha)
    open_units = np.flatnonzero(y > 0)
    chance, total = total[open_units], total
    for event in range(1, int(y.max(initial=0.0)) + 1):
        left = y[open_units] >= event
        open_units, chance = open_units[left], chance[left]
        m, a = mu[open_units], alpha[open_units]
        chance = chance * m * (1 + a * (event - 1)) / (event * (1 + a * m))
        total[open_units] += chance
    return np.asarray(np.minimum(total, 1.0))


def expected_deviance(mean: npt.ArrayLike, dispersion: npt.ArrayLike, floor: float) -> Floats:
    """Return the expected Poisson deviance of forecasts whose means and dispersions are true; dispersion 0: Poisson."""
    rate, alpha = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(dispersion, dtype=float))
    alpha = np.where(alpha > _SMALLEST_DISPERSION, alpha, 0.0)
    logs, values = np.empty(rate.shape), np.unique(alpha)
    if len(values) > max(_FEW, rate.size / _UNITS_A_TABLE):
        logs[...] = _expected_log_successor(rate.ravel(), alpha.ravel()).reshape(rate.shape)
    else:
        for value in values:
            at = alpha == value
            logs[at] = _interpolated_logs(rate[at], float(value))
    forecast = np.maximum(rate, floor)
    return np.asarray(2.0 * (rate * logs - special.xlogy(rate, forecast) - rate + forecast))


def _interpolated_logs(rate: Floats, alpha: float) -> Floats:
    """Compute at means evenly spaced in their square root, and interpolate."""
    top = np.sqrt(rate.max(initial=0.0)) + 0.1
    roots = np.linspace(0.0, top, int(min(np.ceil(top / 0.02), 1000)) + 8)
    nodes = _expected_log_successor(roots**2, np.full(roots.shape, alpha))
    return _even_spline(roots, nodes, np.sqrt(rate))


def _expected_log_successor(mean: Floats, alpha: Floats) -> Floats:
    """Return E[Y log Y] / mean, which is E log(Z + 1) of the size-biased count Z: negative binomial, wider by one size.

    log(z + 1) is the integral of (exp(-t) - exp(-(z + 1) t)) / t, so the expectation needs only the generating function
    of Z. The double-exponential substitution makes the trapezoidal rule exact to rounding (Takahasi and Mori 1974).
    """
    total = np.zeros(mean.shape)
    size = np.where(alpha > 0, 1 / np.where(alpha > 0, alpha, 1.0) + 1, 1.0)
    for step in np.arange(-3.5, 4.0, _QUADRATURE_STEP):
        time = np.exp(step - np.exp(-step))
        log_ratio = np.where(alpha > 0, size * np.log1p(-alpha * mean * np.expm1(-time)), -mean * np.expm1(-time))
        total -= np.exp(-time) * np.expm1(-log_ratio) * (1 + np.exp(-step))
    return np.asarray(total * _QUADRATURE_STEP)


def half_mean_difference(mean: npt.ArrayLike, dispersion: npt.ArrayLike) -> Floats:
    """Return half the mean absolute difference between two independent negative binomial counts.

    This is the expected CRPS of a correct forecast distribution, in closed form (Wei and Held 2014).
    """
    mu, alpha = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(dispersion, dtype=float))
    values = np.unique(alpha)
    if len(values) * _UNITS_A_TABLE < mu.size and mu.max(initial=0.0) < _LARGEST_IN_TABLE:
        result = np.empty(mu.shape)
        for value in values:
            at = alpha == value
            result[at] = _interpolated_half_difference(mu[at], float(value))
        return result
    return _exact_half_difference(mu, alpha)


def _interpolated_half_difference(mu: Floats, alpha: float) -> Floats:
    """Interpolate the ratio to the mean, which is smooth in the root of the mean; exact to 1e-8."""
    top = np.sqrt(mu.max(initial=0.0)) + 0.1
    roots = np.linspace(0.0, top, int(np.ceil(top / 0.01)) + 8)
    means = np.maximum(roots**2, 1e-12)
    ratios = _exact_half_difference(means, np.full(means.shape, alpha)) / means
    return mu * _even_spline(roots, ratios, np.sqrt(mu))


def _even_spline(knots: Floats, values: Floats, at: Floats) -> Floats:
    """Interpolate between evenly spaced knots from 0 on: a division finds the piece, which is faster than a search."""
    parts = interpolate.CubicSpline(knots, values).c
    piece = np.minimum((at / knots[1]).astype(np.intp), len(knots) - 2)
    step = at - knots[piece]
    total = parts[0][piece]
    for part in parts[1:]:
        total = total * step + part[piece]
    return np.asarray(total)


def _exact_half_difference(mu: Floats, alpha: Floats) -> Floats:
    spread = np.maximum(alpha, _SERIES_DISPERSION)
    if not (alpha > _SMALLEST_DISPERSION).any():
        return _poisson_half_difference(mu)
    result = _half_difference(mu, spread)
    low = alpha < _SERIES_DISPERSION
    if low.any():
        mu, alpha, spread = mu[low], alpha[low], spread[low]
        ratio = result[low] / _poisson_half_difference(mu * (1 + spread * mu))
        nearly = 1 + (ratio - 1) * alpha / spread  # for so small a dispersion the ratio is almost linear in it
        result[low] = _poisson_half_difference(mu * (1 + alpha * mu)) * nearly
    return result


def _half_difference(mu: Floats, alpha: Floats) -> Floats:
    variance = mu * (1 + alpha * mu)
    exact = variance * special.hyp2f1(1 / alpha + 1, 0.5, 2.0, -4 * alpha * variance)
    if np.isfinite(exact).all():
        return np.asarray(exact)
    rates = mu * special.poch(1 / alpha + 1, -0.5) / np.sqrt(np.pi)
    thousands = np.hypot(rates, np.sqrt(mu / np.pi))  # gamma-distributed rates plus Poisson noise
    return np.asarray(np.where(np.isfinite(exact), exact, thousands))


def _poisson_half_difference(mean: Floats) -> Floats:
    positive = np.maximum(mean, 1e-300)
    return np.asarray(positive * (special.ive(0, 2 * positive) + special.ive(1, 2 * positive)))


def quantiles(mean: npt.ArrayLike, dispersion: npt.ArrayLike, levels: tuple[float, ...] = LEVELS) -> Floats:
    """Return the quantiles of negative binomial counts: the smallest counts that reach each level."""
    mu, alpha = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(dispersion, dtype=float))
    result, few = np.empty((len(levels), *mu.shape)), np.zeros(mu.shape, dtype=bool)
    for value in np.unique(alpha):
        chosen = alpha == value
        means = mu[chosen]
        if means.size < max(_FEW, means.max() / _COUNTS_A_MEAN):
            few |= chosen
        else:
            result[:, chosen] = _quantiles_of_one_dispersion(means, float(value), levels)
    if few.any():
        result[:, few] = [_search_quantiles(mu[few], alpha[few], level) for level in levels]
    return result


def _quantiles_of_one_dispersion(mu: Floats, alpha: float, levels: tuple[float, ...]) -> Floats:
    """Look quantiles up in the means at which they step: exact, and a sort instead of a solver for each cell."""
    top = int(_ppf(max(levels), np.array([mu.max()]) + 1e-9, np.array([alpha]))[0]) + 1
    counts = np.arange(top, dtype=float)
    spread = np.full(top, alpha)
    steps = [_step_means(counts, spread, level) for level in levels]
    return np.stack([np.searchsorted(one, mu, side="left") for one in steps]).astype(float)


def _search_quantiles(mu: Floats, alpha: Floats, level: float) -> Floats:
    """Return the quantiles that a table would have, by single steps from those of scipy, which can be off by one."""
    counts = np.maximum(_ppf(level, mu, alpha), 0.0)
    while True:
        low = (counts > 0) & (_step_means(np.maximum(counts - 1, 0), alpha, level) >= mu)
        high = _step_means(counts, alpha, level) < mu
        if not (low | high).any():
            return counts
        counts += high.astype(float) - low


def _ppf(level: float, mu: Floats, alpha: Floats) -> Floats:
    poisson = alpha <= _SMALLEST_DISPERSION
    result = np.empty(mu.shape)
    result[poisson] = stats.poisson.ppf(level, mu[poisson])
    size = 1.0 / alpha[~poisson]
    result[~poisson] = stats.nbinom.ppf(level, size, size / (size + mu[~poisson]))
    return result


def _step_means(counts: Floats, alpha: Floats, level: float) -> Floats:
    """Return the largest mean at which each count is the quantile, by inverting the distribution in the mean."""
    poisson = alpha <= _SMALLEST_DISPERSION
    result = np.empty(counts.shape)
    result[poisson] = special.gammainccinv(counts[poisson] + 1, level)
    size = 1.0 / alpha[~poisson]
    success = special.betaincinv(size, counts[~poisson] + 1, level)
    result[~poisson] = size * (1.0 - success) / success
    return result


def fit_dispersion(count: npt.NDArray[np.generic], mean: npt.NDArray[np.generic]) -> float:
    """Return the maximum-likelihood dispersion of counts around out-of-sample forecasts."""
    y = np.asarray(count, dtype=float).ravel()
    mu = np.maximum(np.asarray(mean, dtype=float).ravel(), 1e-9)
    hit = y > 0
    counts, means, zeros = y[hit], mu[hit], mu[~hit]
    cheapest = -float(log_probability(counts, means, 0.0).sum() - zeros.sum())

    def loss(log_alpha: float) -> float:
        alpha = float(np.exp(log_alpha))
        empty = -np.log1p(alpha * zeros).sum() / alpha  # most units are empty and need no gamma function
        return -float(log_probability(counts, means, alpha).sum() + empty)

    found = optimize.minimize_scalar(loss, bounds=np.log(_DISPERSIONS), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x)) if found.fun < cheapest else 0.0
