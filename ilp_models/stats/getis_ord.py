"""Gi* of Getis and Ord: whether a cell and its neighbours hold more events than chance gives, and p-values of it."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, identity
from scipy.special import comb
from scipy.stats import binom, false_discovery_control, norm

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LARGEST_TABLE: Final = 400_000_000  # steps of the exact p-value of one period
_MOST_CELLS: Final = 50  # that are drawn; the number of ways to draw more exceeds a float


def with_self(neighbours: csr_matrix) -> csr_matrix:
    """Return the 0/1 weights of each cell (rows): itself and its neighbours."""
    return csr_matrix(neighbours.astype(bool).astype(np.int64) + identity(neighbours.shape[0], dtype=np.int64))


def gi_star(counts: Integers, weights: csr_matrix) -> tuple[Floats, Integers]:
    """Return Gi* of each cell and period, and the events in each cell and its neighbours, in the shape of the counts.

    Gi* is NaN where it is not defined: all cells of a period have the same count, or the neighbours are all cells.
    """
    values = counts.astype(float)
    local = np.asarray(weights @ counts)
    size = np.asarray(weights.sum(axis=1), dtype=float).reshape(-1, 1)
    cells = len(values)
    spread = values.std(axis=0) * np.sqrt(np.maximum(cells * size - size**2, 0.0) / max(cells - 1, 1))
    above = local - size * values.mean(axis=0)
    return np.divide(above, spread, out=np.full(values.shape, np.nan), where=spread > 0), local


def normal_p(z: Floats) -> Floats:
    """Return the two-sided normal p-value of Gi*; 1 where Gi* is not defined. It is too small for small counts."""
    return np.where(np.isnan(z), 1.0, 2 * norm.sf(np.abs(np.nan_to_num(z))))


def binomial_p(counts: Integers, local: Integers, size: Integers) -> Floats:
    """Return the probability of as many events or more in a cell and its neighbours if each event falls in any cell."""
    share = size[:, None] / len(counts)
    return np.asarray(binom.sf(local - 1, counts.sum(axis=0)[None, :], share))


def permutation_p(counts: Integers, local: Integers, size: Integers) -> Floats:
    """Return the probability of as many events or more in as many cells drawn at random, exactly.

    The counts of the cells of one period are fixed, and ``size`` cells are drawn without replacement. The distribution
    of their sum has the mean and the variance of Gi*. NaN for a period whose exact table is too large to be computed.
    """
    p = np.ones(local.shape)
    for period in range(counts.shape[1]):
        if not _is_small(counts[:, period], int(size.max())):
            p[:, period] = np.nan
        elif counts[:, period].any():
            p[:, period] = _exact_tails(counts[:, period], local[:, period], size)
    return p


def _is_small(counts: Integers, largest: int) -> bool:
    """Return whether an exact p-value is feasible: different counts x pairs of numbers of cells x largest sum."""
    steps = float(len(np.unique(counts))) * largest**2 / 2 * (float(counts.max(initial=0)) * largest + 1)
    return largest <= _MOST_CELLS and steps <= _LARGEST_TABLE


def _exact_tails(counts: Integers, local: Integers, size: Integers) -> Floats:
    """Return the upper tail for one period: choices of cells are counted by their number and sum, value by value."""
    largest, top = int(size.max()), int(local.max())
    ways = np.zeros((largest + 1, top + 2))  # the last column holds all sums above the largest in question
    ways[0, 0] = 1.0
    for value, cells in zip(*np.unique(counts, return_counts=True), strict=True):
        ways = _with_value(ways, int(value), int(cells))
    tails = np.cumsum(ways[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(np.minimum(tails[size, local] / tails[size, 0], 1.0))


def _with_value(ways: Floats, value: int, cells: int) -> Floats:
    """Return the ways to choose after cells of one count are added: none, one, two ... of these are chosen."""
    out, last = ways.copy(), ways.shape[1] - 1
    for chosen in range(1, min(cells, len(ways) - 1) + 1):
        before, shift = comb(cells, chosen) * ways[: len(ways) - chosen], min(chosen * value, last)
        out[chosen:, shift:last] += before[:, : last - shift]
        out[chosen:, last] += before[:, last - shift :].sum(axis=1)
    return out


def correct(p: Floats, method: str) -> Floats:
    """Return p-values of each column after ``fdr_bh`` (Benjamini and Hochberg), ``holm`` or ``none``."""
    if method == "none" or not p.size:
        return p
    if method == "fdr_bh":
        return np.asarray(false_discovery_control(p, axis=0, method="bh"))
    order = np.argsort(p, axis=0, kind="stable")
    steps = np.arange(len(p), 0, -1)[:, None]
    adjusted = np.maximum.accumulate(np.minimum(np.take_along_axis(p, order, axis=0) * steps, 1.0), axis=0)
    out = np.empty_like(p)
    np.put_along_axis(out, order, adjusted, axis=0)
    return out
