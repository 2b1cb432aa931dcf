"""Intention to treat: the effect of assignment, compared with other assignments of the same scheme."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from ilp_models.domain.trial import Bools, Effect, TrialData
from ilp_models.stats.randomisation import ratio_estimate

_TRIED: Final = 499  # draws in which different assignments are counted


@dataclass(frozen=True)
class IntentionToTreat:
    """Compare units as they were assigned, treated or not, with randomisation inference.

    Rosenbaum (2002), Observational Studies, chapter 2. The p-value needs no assumption on the counts. The interval
    assumes that treatment multiplies the counts of all units by one number.

    Parameters
    ----------
    draws : int, default 1999
        Other assignments of the same scheme that the one used is compared with.
    seed : int, default 0
        Seed of these draws; not that of the assignment.
    """

    draws: int = 1999
    seed: int = 0
    name: ClassVar[str] = "intention to treat"

    def other_assignments(self, trial: TrialData) -> Bools:
        """Return the assignments that the one used is compared with; equal for all outcomes of a trial."""
        generator = np.random.default_rng(self.seed)
        return trial.scheme.draw(trial.blocks, trial.during.shape[1], self.draws, generator)

    def estimate(self, trial: TrialData, confidence: float = 0.95, draws: Bools | None = None) -> Effect:
        """Return the effect; InputError if the trial was not randomised.

        ``draws`` are those of `other_assignments`, if they are known.
        """
        draws = self.other_assignments(trial) if draws is None else draws
        kept = trial.scheme.analysed(trial.treated) & (trial.blocks >= 0)[:, None]
        counts, usual = np.where(kept, trial.during, 0.0), np.where(kept, trial.usual[:, None], 0.0)
        treated = trial.treated & kept
        found = ratio_estimate(counts, usual, treated, draws, confidence)
        return effect_of_ratio(self.name, found.ratio, (found.low, found.high), found.p_value, counts[treated].sum())


def smallest_p_value(trial: TrialData) -> float:
    """Return the smallest p-value that the test can have; with few units, few assignments are possible."""
    drawn = trial.scheme.draw(trial.blocks, trial.during.shape[1], _TRIED, np.random.default_rng(0))
    return 2 / len({np.packbits(one).tobytes() for one in drawn})


def effect_of_ratio(
    name: str, ratio: float, ends: tuple[float, float], p_value: float, treated_events: float
) -> Effect:
    """Return an effect from a ratio: treated count less what it would have been, NaN where no treated was recorded."""
    low, high = ends
    with np.errstate(divide="ignore", invalid="ignore"):
        events, fewest, most = (float(treated_events * (1 - 1 / np.float64(one))) for one in (ratio, low, high))
    return Effect(name, ratio, low, high, events, fewest, most, p_value)
