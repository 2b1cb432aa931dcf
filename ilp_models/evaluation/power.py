"""Power of a field trial: simulated on past records of its units, and in closed form."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, norm

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.trial import Scheme, usual_counts
from ilp_models.stats.randomisation import period_excess

Floats = npt.NDArray[np.floating[Any]]

_WINDOWS: Final = 20  # spans of the past that the simulated trials are placed in
_DRAWS: Final = 499
_MARGIN: Final = 1e-5  # sums of single precision that differ by less are equal


@dataclass(frozen=True)
class Power:
    """How often trials with one effect show it, with an exact binomial interval (Clopper and Pearson 1934)."""

    effect: float  # share of the treated events that does not happen
    power: float
    low: float
    high: float
    trials: int
    events: float  # of the treated and controls together, mean over the trials


@dataclass(frozen=True)
class PowerSimulation:
    """Simulate trials in past records: leave out events of treated units at random, and do the planned test.

    Nothing is assumed on the counts: level, trend, serial correlation and dispersion are those of the records. Trials
    lie in up to 20 spans of the past, each with its own draw of the scheme.

    Parameters
    ----------
    trials : int, default 1000
        Simulated trials for each effect.
    level : float, default 0.05
        Two-sided level of the randomisation test.
    periods_before : int, default 52
        Periods before each simulated trial from which the usual counts are taken.
    seed : int, default 0
        Seed of spans, draws and events.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from ilp_models.evaluation.schemes import MatchedPairs
    >>> counts = np.random.default_rng(0).poisson(3.0, (40, 156))
    >>> found = PowerSimulation(trials=200).run(counts, MatchedPairs(), 26, [0.0, 0.3])
    >>> [one.effect for one in found]
    [0.0, 0.3]
    """

    trials: int = 1000
    level: float = 0.05
    periods_before: int = 52
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that no simulation can use."""
        if self.trials < 1 or not 0 < self.level < 1 or self.periods_before < 1:
            msg = (
                f"trials={self.trials} and periods_before={self.periods_before} must be at least 1, and "
                f"level={self.level} between 0 and 1."
            )
            raise InputError(msg)

    def run(self, counts: npt.NDArray[Any], scheme: Scheme, periods: int, effects: Sequence[float]) -> list[Power]:
        """Return the power for each effect, on past counts of shape (units, periods).

        Raises
        ------
        InputError
            If an effect is not from 0 to 1.
        NotRunError
            If the past is too short, or has no event.
        """
        if not all(0 <= one <= 1 for one in effects):
            msg = f"effects={list(effects)} must be shares from 0 (no effect) to 1 (no event is left)."
            raise InputError(msg)
        starts = self._starts(counts.shape[1], periods)
        if not counts.any():
            msg = "The past of these units has no event, so that no trial of them can show an effect."
            raise NotRunError(msg)
        generator = np.random.default_rng(self.seed)
        shares = np.array_split(np.arange(self.trials), len(starts))
        hits = np.zeros(len(effects), dtype=int)
        events = 0.0
        for start, own in zip(starts, shares, strict=True):
            before = counts[:, start - self.periods_before : start]
            during = counts[:, start : start + periods]
            shown, seen = self._window(before, during, scheme, effects, len(own), generator)
            hits += shown
            events += seen * len(own) / self.trials
        return [self._power(effect, int(count), events) for effect, count in zip(effects, hits, strict=True)]

    def _starts(self, known: int, periods: int) -> list[int]:
        first, last = self.periods_before, known - periods
        if last < first:
            msg = (
                f"A trial of {periods} periods with {self.periods_before} periods before it needs "
                f"{self.periods_before + periods} periods of records; there are {known}."
            )
            raise NotRunError(msg, "Give more records, a shorter trial or fewer periods_before.")
        spans = min(_WINDOWS, self.trials, last - first + 1)
        return sorted({int(one) for one in np.linspace(first, last, spans).round()})

    def _window(
        self,
        before: npt.NDArray[Any],
        during: npt.NDArray[Any],
        scheme: Scheme,
        effects: Sequence[float],
        trials: int,
        generator: np.random.Generator,
    ) -> tuple[npt.NDArray[np.int_], float]:
        """Return in how many trials of one span each effect is shown, and the events of the span."""
        usual = usual_counts(before)
        blocks = scheme.blocks(usual)
        drawn = scheme.draw(blocks, during.shape[1], _DRAWS + trials, generator)
        others, own = drawn[:_DRAWS], drawn[_DRAWS:]
        flat = others.reshape(_DRAWS, -1).astype(np.float32)
        part = (blocks >= 0)[:, None]
        excess = np.empty((len(own), len(effects), len(during), drawn.shape[2]))
        for at, treated in enumerate(own):
            given = np.broadcast_to(treated, during.shape)
            kept = scheme.analysed(given) & part
            norms = np.where(kept, usual[:, None], 0.0)
            lots = generator.random(int(during[given].sum()))  # the same for every effect
            left = np.stack([np.where(kept, _thinned(during, given, effect, lots), 0) for effect in effects])
            found = period_excess(left.astype(float), norms)
            excess[at] = found if drawn.shape[2] > 1 else found.sum(axis=2, keepdims=True)
        shown = self._rejected(excess.reshape(len(own), len(effects), -1), own.reshape(len(own), -1), flat)
        return shown, float(during[part[:, 0]].sum())

    def _rejected(
        self, excess: Floats, own: npt.NDArray[np.bool_], drawn: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.int_]:
        """Return how many trials reject no effect, by effect; ``excess`` has the shape (trials, effects, units)."""
        seen = np.einsum("teu,tu->te", excess, own)
        sums = drawn @ excess.reshape(-1, drawn.shape[1]).T.astype(np.float32)
        margin = _MARGIN * np.maximum(1.0, np.abs(excess).sum(axis=2)).ravel()
        below, above = (sums <= seen.ravel() + margin).sum(axis=0), (sums >= seen.ravel() - margin).sum(axis=0)
        p_values = 2 * (1 + np.minimum(below, above)) / (len(drawn) + 1)
        return np.asarray((p_values <= self.level).reshape(seen.shape).sum(axis=0))

    def _power(self, effect: float, hits: int, events: float) -> Power:
        low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, self.trials - hits + 1))
        high = 1.0 if hits == self.trials else float(beta.ppf(0.975, hits + 1, self.trials - hits))
        return Power(effect, hits / self.trials, low, high, self.trials, events)


def _thinned(counts: npt.NDArray[Any], treated: npt.NDArray[np.bool_], effect: float, lots: Floats) -> npt.NDArray[Any]:
    """Return counts of which each treated event stays with the probability 1 - effect."""
    left = counts.copy()
    given = counts[treated].astype(int)
    ends = np.concatenate([[0], np.cumsum(lots < 1 - effect)])
    stops = np.cumsum(given)
    left[treated] = ends[stops] - ends[stops - given]
    return left


def least_effect(powers: Sequence[Power], power: float = 0.8) -> float:
    """Return the smallest effect that is shown with a power, by interpolation; NaN if none of the effects is."""
    ordered = sorted(powers, key=lambda one: one.effect)
    for lower, upper in pairwise(ordered):
        if lower.power < power <= upper.power:
            share = (power - lower.power) / (upper.power - lower.power)
            return lower.effect + share * (upper.effect - lower.effect)
    return ordered[0].effect if ordered and ordered[0].power >= power else float("nan")


def closed_form_power(
    events: float, effect: float, *, before: float = np.inf, dispersion: float = 1.0, level: float = 0.05
) -> float:
    """Return the power of two arms with equal events, by the normal approximation of their log ratio.

    ``events`` are those of both arms during the trial without the effect, ``before`` those in the span before, with
    which each unit is compared. The variance is the dispersion times the sum of the reciprocal counts of the arms. It
    knows neither blocks nor serial correlation: a rough check of the simulation.
    """
    counts = np.array([events * (1 - effect), events, before, before]) / 2
    error = np.sqrt(dispersion * (1 / counts).sum())
    critical = norm.isf(level / 2)
    size = abs(np.log1p(-effect)) / error
    return float(norm.sf(critical - size) + norm.cdf(-critical - size))
