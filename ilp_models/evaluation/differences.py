"""Difference in differences for counts: Poisson regression on units, periods and treatment."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ilp_models.domain.trial import Effect, TrialData
from ilp_models.evaluation.intention_to_treat import effect_of_ratio
from ilp_models.stats.two_way_poisson import treatment_coefficient


@dataclass(frozen=True)
class DifferenceInDifferences:
    """Compare the change of treated units with that of the others, with errors clustered by unit.

    Wooldridge (1999), Journal of Econometrics 90, 77-97. It assumes that without the treatment all units would have
    changed by the same factor. With few units its intervals are too narrow.
    """

    name: ClassVar[str] = "difference in differences"

    def estimate(self, trial: TrialData, confidence: float = 0.95) -> Effect:
        """Return the effect; NaN where it is not identified, such as without an event in the treated units."""
        part = trial.blocks >= 0
        counts = np.hstack([trial.before, trial.during])[part]
        treated = np.hstack([np.zeros_like(trial.before, dtype=bool), trial.treated])[part]
        found = treatment_coefficient(counts, treated, confidence)
        events = float(trial.during[trial.treated & part[:, None]].sum())
        if found is None:
            return effect_of_ratio(self.name, np.nan, (np.nan, np.nan), np.nan, events)
        ratio, low, high = (float(np.exp(one)) for one in (found.value, found.low, found.high))
        return effect_of_ratio(self.name, ratio, (low, high), found.p_value, events)
