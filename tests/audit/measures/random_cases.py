"""Random flags, forecasts, events and residents."""

import numpy as np
from scipy import special

from ilp_models.audit.residents import Residents
from ilp_models.stats.bootstrap import Bootstrap

FEW = Bootstrap(block=2, draws=50)


def living(by_group):
    people = np.asarray(by_group, dtype=float)
    return Residents("origin", tuple("abcdefgh"[: people.shape[1]]), people, people.sum(axis=1), people, 0.0)


def random_case(seed, kinds=2, cells=8, periods=9, groups=3):
    """Return flags of both, recorded events, forecasts of both, and residents."""
    rng = np.random.default_rng(seed)
    shape = kinds, cells, periods
    flags = [(rng.random((kinds + (kinds > 1), cells, periods)) < 0.4).astype(float) for _ in range(2)]
    rates = rng.gamma(1.0, 1.5, shape) + 0.05
    return (
        *flags,
        rng.poisson(rates).astype(float),
        rates,
        rates * rng.gamma(9, 1 / 9, shape),
        living(rng.gamma(1.0, 100, (cells, groups))),
    )


def deviance(y, p):
    return 2 * (special.xlogy(y, y / p) - y + p)
