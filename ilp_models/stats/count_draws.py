"""Draw many negative binomial counts of the same units, freely or with a fixed total."""

from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.stats.distributions import chance_of_none, log_probability

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_SLOTS: Final = 256  # of equal probability, one for each value of a random byte
_MOST: Final = 255  # largest count in a table
_TAIL: Final = 1e-12  # probability beyond a table
_NO_SPREAD: Final = 1e-8  # dispersions up to this value are Poisson
_MARGIN: Final = 2.0  # standard deviations; more units have events to remove, fewer lack some


def draw_counts(mean: Floats, dispersion: Floats, size: int, generator: np.random.Generator) -> Counts:
    """Return independent counts, shape (size, units).

    A random byte selects a slot of the distribution function of each unit. Nearly all slots lie within one count, which
    is then looked up; the others are searched. This is exact, and several times faster than one Poisson draw a unit.
    Units with hundreds of events are drawn one by one.
    """
    levels = _cumulative(mean, dispersion)
    small = levels[:, -1] >= 1 - _TAIL
    if small.all():
        return _look_up(levels, size, generator)
    counts = np.empty((size, len(mean)), dtype=np.int64)
    counts[:, small] = _look_up(levels[small], size, generator)
    rate, spread = mean[~small], dispersion[~small]
    counts[:, ~small] = generator.poisson(rate * _factors(spread, 0 * rate, 0 * rate, (size, len(rate)), generator))
    return counts


def draw_with_total(mean: Floats, dispersion: Floats, size: int, generator: np.random.Generator) -> Counts:
    """Return counts (size, units) that sum to the expected number of events in each row.

    The events of a row are placed on units in proportion to gamma-distributed rates: a multinomial distribution, given
    the rates. Free counts given their total have that distribution. So slightly more events are drawn than needed, and
    events chosen at random are removed. A row with too few receives more, on rates drawn given its counts.
    """
    events = round(float(mean.sum()))
    if events == 0:
        return np.zeros((size, len(mean)), dtype=np.int64)
    more = mean * (1 + _MARGIN * np.sqrt((mean + dispersion * mean**2).sum()) / events)
    counts = draw_counts(more, dispersion, size, generator)
    excess = counts.sum(axis=1) - events
    _remove_events(counts, np.maximum(excess, 0), generator)
    for row in np.flatnonzero(excess < 0):
        rates = mean * _factors(dispersion, counts[row], more, mean.shape, generator)
        counts[row] += generator.multinomial(-excess[row], rates / rates.sum())
    return counts


def _remove_events(counts: Counts, numbers: Counts, generator: np.random.Generator) -> None:
    """Remove different events chosen at random from each row, in place; events chosen twice are drawn again."""
    ends, totals = np.cumsum(counts), counts.sum(axis=1)
    last = np.cumsum(totals)
    rows, chosen = np.repeat(np.arange(len(counts)), numbers), np.empty(0, dtype=np.int64)
    while len(rows):
        drawn = last[rows] - 1 - (generator.random(len(rows)) * totals[rows]).astype(np.int64)
        chosen = np.sort(np.concatenate((chosen, drawn)))
        again = np.concatenate(([False], chosen[1:] == chosen[:-1]))
        rows = np.searchsorted(last, chosen[again], side="right")
        chosen = chosen[~again]
    np.subtract.at(counts.reshape(-1), np.searchsorted(ends, chosen, side="right"), 1)


def log_probability_table(mean: Floats, dispersion: Floats, most: int) -> Floats:
    """Return the log probabilities of 0 .. most events of each unit, shape (units, most + 1), by recurrence."""
    spread = np.where(dispersion > _NO_SPREAD, dispersion, 0.0)
    table, before = np.empty((len(mean), most + 1)), np.arange(most)
    table[:, 0] = log_probability(0, mean, dispersion)
    with np.errstate(divide="ignore"):  # a mean of 0
        ratio = np.log(mean / (1 + spread * mean))
    table[:, 1:] = np.log1p(spread[:, None] * before) - np.log(before + 1) + ratio[:, None]
    return np.cumsum(table, axis=1, out=table)


def _factors(
    dispersion: Floats,
    counts: npt.NDArray[np.generic],
    mean: Floats,
    shape: tuple[int, ...],
    generator: np.random.Generator,
) -> Floats:
    """Return the gamma-distributed factors of rates, given counts with these means; 0 and 0: nothing is known."""
    spread = np.maximum(dispersion, _NO_SPREAD)
    drawn = generator.gamma(1 / spread + np.asarray(counts, dtype=float), spread / (1 + spread * mean), shape)
    return np.asarray(np.maximum(drawn, 1e-300))  # rates of 0 everywhere could not be shares


def _cumulative(mean: Floats, dispersion: Floats) -> Floats:
    """Return the probabilities of at most 0, 1 .. events, shape (units, counts), up to a negligible tail if it can."""
    spread = np.where(dispersion > _NO_SPREAD, dispersion, 0.0)
    chance = chance_of_none(mean, dispersion)
    levels, ratio = [chance], mean / (1 + spread * mean)
    for count in range(1, _MOST + 1):
        if levels[-1].min() >= 1 - _TAIL:
            break
        chance = chance * ratio * (1 + spread * (count - 1)) / count
        levels.append(levels[-1] + chance)
    return np.stack(levels, axis=1)


def _look_up(levels: Floats, size: int, generator: np.random.Generator) -> Counts:
    """Return counts (size, units) by inversion of distribution functions (units, counts)."""
    units = len(levels)
    levels[:, -1] = 2.0  # the last count has the rest
    offsets = np.arange(units) * _SLOTS
    slot = np.minimum((levels[:, :-1] * _SLOTS).astype(np.int64), _SLOTS - 1) + offsets[:, None]
    steps = np.bincount(slot.ravel(), minlength=units * _SLOTS).reshape(units, _SLOTS)
    lowest = (np.cumsum(steps, axis=1) - steps).astype(np.int16)
    table = np.where(steps > 0, -1 - lowest, lowest)
    drawn = np.frombuffer(generator.bytes(size * units), dtype=np.uint8).reshape(size, units)
    counts = np.take(table, drawn + offsets).astype(np.int64)
    row, unit = np.nonzero(counts < 0)
    within = (drawn[row, unit] + generator.random(len(row))) / _SLOTS
    found, left = -1 - counts[row, unit], np.arange(len(row))
    while len(left := left[levels[unit[left], found[left]] <= within[left]]):
        found[left] += 1
    counts[row, unit] = found
    return counts
