"""Simulated trials with a planted effect."""

import numpy as np

from ilp_models.domain.trial import TrialData, usual_counts
from ilp_models.evaluation.differences import DifferenceInDifferences
from ilp_models.evaluation.displacement import DisplacementDifference
from ilp_models.evaluation.intention_to_treat import IntentionToTreat

ESTIMATORS = {
    "intention to treat": IntentionToTreat(draws=199),
    "differences": DifferenceInDifferences(),
    "displacement": DisplacementDifference(),
}


def planted(scheme, ratio, seed, units=40, before=52, during=20):
    """Return a trial in which treated events happen with the probability ``ratio``; units drift as crime does."""
    generator = np.random.default_rng(seed)
    drift = np.repeat(generator.gamma(20, 1 / 20, (units, (before + during) // 4)), 4, axis=1)
    counts = generator.poisson(generator.gamma(2, 1, (units, 1)) * drift)
    blocks = scheme.blocks(usual_counts(counts[:, :before]))
    treated = np.broadcast_to(scheme.draw(blocks, during, 1, generator)[0], (units, during))
    seen = np.where(treated, generator.binomial(counts[:, before:], ratio), counts[:, before:])
    return TrialData(counts[:, :before].astype(float), seen.astype(float), treated, scheme, blocks)
