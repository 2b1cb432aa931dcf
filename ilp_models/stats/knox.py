"""Knox tables: pairs of events that are close in space and time, compared with permuted dates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

METRICS: Final = {"manhattan": 1, "euclidean": 2}
PROFILE_BINS: Final = 60  # steps of distance in which the excess of pairs is summed up

_PAIRS_A_PART: Final = 1_000_000
_BLOCK: Final = 2048  # pairs compared together, so that their days fit into the cache
_FOLDS: Final = 7  # halvings of a block, after which a byte holds at most 128
_DRAWS_AT_ONCE: Final = 128
_SLACK: Final = 1 + 1e-9


@dataclass(frozen=True, eq=False)
class ClosePairs:
    """Every unordered pair of events below the last edge of distance, in parts that are close together in memory."""

    order: Integers  # position of each event of the pairs among the events given
    parts: tuple[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Integers], ...]  # first, second, band starts
    profile: Integers  # pairs by step of distance and by days apart; the last column holds all later days
    bands: int

    def __len__(self) -> int:
        """Return the number of pairs."""
        return sum(len(first) for first, _, _ in self.parts)

    def slices(self) -> Iterator[tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
        """Return the band and the events of some pairs, again and again until all pairs were returned."""
        for first, second, starts in self.parts:
            for band in range(self.bands):
                part = slice(starts[band], starts[band + 1])
                if part.start < part.stop:
                    yield band, first[part], second[part]


@dataclass(frozen=True, eq=False)
class KnoxTable:
    """Pairs by band of distance (rows, the last is open) and of days (columns, the last is open)."""

    observed: Integers
    expected: Floats
    p: Floats  # one-sided: the share of permutations with as many pairs, or more


def count_close_pairs(xy: Floats, below: float, metric: str) -> int:
    """Return the number of pairs closer than a distance, without a list of them (a pair at the limit may count)."""
    if len(xy) < 2:
        return 0
    return int(_count_neighbours(cKDTree(xy), xy, below, metric).sum() // 2)


def find_close_pairs(xy: Floats, days: Integers, edges: Floats, last_day: int, metric: str) -> ClosePairs:
    """Return every pair closer than the last edge, by band of distance: at least one edge and below the next.

    ``edges`` are the upper ends of the bands in metres, ascending. ``last_day`` is where the open band of days starts.
    """
    tree = cKDTree(xy)
    order = np.asarray(tree.indices, dtype=np.int64)  # events of a leaf are neighbours: their dates stay in the cache
    place, day = xy[order], days[order]
    profile = np.zeros((PROFILE_BINS, last_day + 1), dtype=np.int64)
    parts = []
    ends = np.cumsum(_count_neighbours(tree, place, float(edges[-1]), metric)) // 2
    starts = np.unique(np.searchsorted(ends, np.arange(0, int(ends[-1]) + 1, _PAIRS_A_PART)))
    for start, stop in zip(starts, [*starts[1:], len(place)], strict=True):
        found = cKDTree(place[start:stop]).sparse_distance_matrix(
            cKDTree(place[start:]), edges[-1] * _SLACK, p=METRICS[metric], output_type="ndarray"
        )
        found = found[(found["j"] > found["i"]) & (found["v"] < edges[-1])]
        band = np.searchsorted(edges, found["v"], side="right").astype(np.int8)
        sort = np.argsort(band, kind="stable")
        found, band = found[sort], band[sort]
        first, second = ((found[name] + start).astype(np.int32) for name in ("i", "j"))
        step = np.minimum((found["v"] * (PROFILE_BINS / edges[-1])).astype(np.int64), PROFILE_BINS - 1)
        lag = np.minimum(np.abs(day[first] - day[second]), last_day)
        profile += np.bincount(step * (last_day + 1) + lag, minlength=profile.size).reshape(profile.shape)
        parts.append((first, second, np.searchsorted(band, np.arange(len(edges) + 1))))
    return ClosePairs(order, tuple(parts), profile, len(edges))


def pairs_by_lag(days: Integers, last_day: int) -> Integers:
    """Return how many pairs of all events are 0, 1, ... days apart; the last entry holds all from ``last_day`` on."""
    counts = np.bincount(days - days.min())
    lags = [int(counts @ (counts - 1)) // 2]
    lags += [int(counts[lag:] @ counts[: max(len(counts) - lag, 0)]) for lag in range(1, last_day)]
    total = len(days) * (len(days) - 1) // 2
    return np.array([*lags, total - sum(lags)], dtype=np.int64)


def knox_table(
    pairs: ClosePairs, days: Integers, day_edges: Integers, *, draws: int, rng: np.random.Generator
) -> KnoxTable:
    """Return observed and expected pairs, and p-values of permutations of the dates.

    ``day_edges`` are the first days of the later bands, such as 1, 2 and 8 for 0, 1, 2 to 7, and 8 or more.
    """
    of_day = pairs_by_lag(days, int(day_edges[-1]))
    columns = np.add.reduceat(of_day, np.concatenate([[0], day_edges]))
    day = (days - days.min())[pairs.order].astype(np.int16 if np.ptp(days) < np.iinfo(np.int16).max else np.int32)
    observed = _fill(_counts_below(pairs, day[:, None], day_edges), pairs, columns)[0]
    expected = observed.sum(axis=1)[:, None] * (columns / max(columns.sum(), 1))
    reached = np.zeros(observed.shape, dtype=np.int64)
    for start in range(0, draws, _DRAWS_AT_ONCE):
        drawn = np.stack([rng.permutation(day) for _ in range(min(_DRAWS_AT_ONCE, draws - start))], axis=1)
        reached += (_fill(_counts_below(pairs, drawn, day_edges), pairs, columns) >= observed).sum(axis=0)
    return KnoxTable(observed, expected, (reached + 1) / (draws + 1))


def _count_neighbours(tree: cKDTree, xy: Floats, below: float, metric: str) -> Integers:
    found = tree.query_ball_point(xy, below * _SLACK, p=METRICS[metric], return_length=True)
    return np.asarray(found, dtype=np.int64) - 1


def _counts_below(pairs: ClosePairs, day: npt.NDArray[np.signedinteger], day_edges: Integers) -> Integers:
    """Return the pairs of each band that are less than each edge apart, in the shape (draws, bands, edges)."""
    day = np.ascontiguousarray(day)
    draws = day.shape[1]
    one, other = np.empty((_BLOCK, draws), day.dtype), np.empty((_BLOCK, draws), day.dtype)
    near = np.empty((_BLOCK, draws), dtype=bool)
    out = np.zeros((pairs.bands, len(day_edges), draws), dtype=np.int64)
    for band, first, second in pairs.slices():
        for start in range(0, len(first), _BLOCK):
            part = slice(start, start + _BLOCK)
            rows = len(first[part])
            np.take(day, first[part], axis=0, out=one[:rows], mode="clip")
            np.take(day, second[part], axis=0, out=other[:rows], mode="clip")
            np.subtract(one[:rows], other[:rows], out=one[:rows])
            np.abs(one[:rows], out=one[:rows])
            for k, edge in enumerate(day_edges):
                np.less(one[:rows], day.dtype.type(edge), out=near[:rows])
                near[rows:] = False
                out[band, k] += _column_sums(near.view(np.uint8))
    return np.moveaxis(out, -1, 0)


def _column_sums(flags: npt.NDArray[np.uint8]) -> Integers:
    """Return sums over the rows of a block, which is overwritten: bytes are added half by half, as that is fastest."""
    for fold in range(1, _FOLDS + 1):
        half = _BLOCK >> fold
        np.add(flags[:half], flags[half : 2 * half], out=flags[:half])
    return np.asarray(flags[: _BLOCK >> _FOLDS].sum(axis=0, dtype=np.int64))


def _fill(below: Integers, pairs: ClosePairs, columns: Integers) -> Integers:
    """Return whole tables: open bands are what remains of the pairs of each row and of each column."""
    sizes = np.zeros(pairs.bands, dtype=np.int64)
    for band, first, _ in pairs.slices():
        sizes[band] += len(first)
    ends = np.concatenate([below, np.broadcast_to(sizes[:, None], (*below.shape[:2], 1))], axis=2)
    closed = np.diff(ends, axis=2, prepend=0)
    return np.concatenate([closed, columns - closed.sum(axis=1, keepdims=True)], axis=1)


def count_near(pairs: ClosePairs, days: Integers, bands: int, last_lag: int) -> tuple[Integers, Integers]:
    """Return for each event how many others are in the first bands of distance, and how many of these also in time."""
    near_space, near_both = np.zeros(len(days), dtype=np.int64), np.zeros(len(days), dtype=np.int64)
    day = days[pairs.order]
    for band, first, second in pairs.slices():
        if band < bands:
            close = np.abs(day[first] - day[second]) <= last_lag
            for one in (first, second):
                near_space += np.bincount(one, minlength=len(days))
                near_both += np.bincount(one[close], minlength=len(days))
    original = np.argsort(pairs.order)
    return near_space[original], near_both[original]


def count_near_days(days: Integers, last_lag: int) -> Integers:
    """Return for each event how many others are at most so many days apart."""
    day = days - days.min()
    total = np.concatenate([[0], np.cumsum(np.bincount(day))])
    last = len(total) - 1
    return np.asarray(total[np.minimum(day + last_lag + 1, last)] - total[np.maximum(day - last_lag, 0)] - 1)


def local_knox(near_space: Integers, near_both: Integers, near_days: Integers) -> Floats:
    """Return the p-value of each event's number of others that are close in both space and time.

    It is the probability of as many or more if dates are assigned at random to all events. Given the number close in
    space it is hypergeometric, averaged over the numbers close in time (``near_days``) of all events.
    """
    others = len(near_days) - 1
    in_time, weight = np.unique(near_days, return_counts=True)
    keys, which = np.unique(np.stack([near_space, near_both], axis=1), axis=0, return_inverse=True)
    tails = [_upper_tail(int(space), int(both), in_time, others) @ weight for space, both in keys]
    return np.asarray(tails, dtype=float)[which.ravel()] / len(near_days)


def _upper_tail(draws: int, least: int, successes: Integers, size: int) -> Floats:
    """Return the hypergeometric probability of at least some successes, for each number of successes in the set."""
    hits = np.arange(least)[:, None]
    possible = (hits <= successes) & (draws - hits <= size - successes) & (hits <= draws)
    chosen = np.where(possible, hits, 0)
    rest = np.where(possible, draws - hits, 0)
    log = _log_choose(successes, chosen) + _log_choose(size - successes, rest) - _log_choose(size, draws)
    below = np.where(possible, np.exp(np.minimum(log, 0.0)), 0.0).sum(axis=0)
    return np.asarray(np.clip(1.0 - below, 0.0, 1.0))


def _log_choose(of: npt.ArrayLike, chosen: npt.ArrayLike) -> Floats:
    n, k = np.asarray(of, dtype=float), np.asarray(chosen, dtype=float)
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0.0) + 1))
