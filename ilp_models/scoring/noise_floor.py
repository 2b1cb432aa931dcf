"""What nobody can beat: the noise of counts around known rates."""

import numpy as np
import numpy.typing as npt
from scipy import interpolate, special

Floats = npt.NDArray[np.float64]


def expected_deviance(mean: npt.ArrayLike, floor: float) -> Floats:
    """Return the Poisson deviance to expect of a forecast whose rates are the truth."""
    rate = np.asarray(mean, dtype=float)
    forecast = np.maximum(rate, floor)
    logs = _expected_log_successor(rate)
    return np.asarray(2.0 * (rate * logs - special.xlogy(rate, forecast) - rate + forecast))


def _expected_log_successor(rate: Floats) -> Floats:
    """Return E log(Y + 1) for Poisson counts, since E[Y log Y] = rate * E log(Y + 1).

    Summed over the distribution at means evenly spaced in their square root, and interpolated between them.
    """
    top = np.sqrt(rate.max(initial=0.0)) + 0.1
    roots = np.linspace(0.0, top, int(min(np.ceil(top / 0.02), 1000)) + 8)
    nodes = roots**2
    first = np.floor(np.maximum(nodes - 12 * roots, 0.0))
    counts = first[:, None] + np.arange(int(24 * top) + 40)
    logs = special.xlogy(counts, nodes[:, None]) - nodes[:, None] - special.gammaln(counts + 1)
    values = (np.exp(logs) * np.log1p(counts)).sum(axis=1)
    return np.asarray(interpolate.CubicSpline(roots, values)(np.sqrt(rate)))
