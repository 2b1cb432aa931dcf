"""Warn of forecasts that may have seen the recorded counts: those that were handed in from outside a run."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from ilp_models.domain.replay import Replay
from ilp_models.stats.distributions import expected_deviance, poisson_deviance

ERROR: Final = 0.001  # probability of a false warning about whole numbers, over all forecasters together
_CHANCE: Final = 0.5  # of any count of 1 or more; for Poisson counts, and for mixtures of them, it is at most 1 / e
WINDOWS: Final = (1e-9, 0.05)  # distance from a whole number: copies, and copies with noise
_SUSPECT: Final = 0.5  # share of the error of Poisson counts, the smallest that chance leaves
_FLOOR: Final = 1e-9

Floats = npt.NDArray[np.float64]


def copy_warnings(replays: Sequence[Replay]) -> tuple[str, ...]:
    """Return a warning for each forecaster that was handed in and whose forecasts are too good for chance."""
    own = {name: [one for one in replays if one.forecaster == name] for name in _handed_in(replays)}
    texts = (_whole_numbers(name, several, len(own)) or _small_error(name, several) for name, several in own.items())
    return tuple(filter(None, texts))


def _handed_in(replays: Sequence[Replay]) -> Iterator[str]:
    yield from dict.fromkeys(one.forecaster for one in replays if one.handed_in)


def whole_number_hits(expected: Floats, observed: Floats, window: float) -> tuple[int, int]:
    """Return how many expected counts are near a whole number of 1 or more, and how many of these are the count."""
    whole = np.rint(expected)
    near = (whole >= 1) & (np.abs(expected - whole) <= window)
    return int(near.sum()), int((near & (whole == observed)).sum())


def _whole_numbers(name: str, replays: Sequence[Replay], forecasters: int) -> str:
    """Return a warning if whole numbers are hit more often than a forecast from the past can.

    A whole number is chosen before the count. Any such number hits with a chance of at most a half, so
    the hits have at most a binomial distribution. Leads are tested one by one, because they hit the same counts.
    """
    limit = ERROR / (forecasters * len(replays) * len(WINDOWS))
    for one in replays:
        for window in WINDOWS:
            near, hits = whole_number_hits(one.expected.to_numpy(), one.observed.to_numpy(), window)
            p_value = float(stats.binom.sf(hits - 1, near, _CHANCE))
            if p_value < limit:
                return (
                    f"Check {name}: {near:,} of its expected counts at lead {one.lead} are within {window:g} of a "
                    f"whole number of 1 or more, and {hits:,} of these are the recorded count (by chance at most "
                    f"half; p = {p_value:.1g}). It may have seen the recorded counts."
                )
    return ""


def _small_error(name: str, replays: Sequence[Replay]) -> str:
    """Return a warning if the error is far below the one that chance leaves at the forecaster's own rates."""
    found = [
        (
            poisson_deviance(one.observed.values, one.expected.values, _FLOOR).mean(),
            expected_deviance(one.expected.values, 0.0, _FLOOR).mean(),
        )
        for one in replays
    ]
    error, floor = np.mean(found, axis=0)
    if not error < _SUSPECT * floor:
        return ""
    return (
        f"Check {name}: its error ({error:.4f}) is less than half of what chance leaves if its rates are true "
        f"({floor:.4f}). It may have seen the recorded counts."
    )
