"""Small inputs of a threat assessment."""

import numpy as np

from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.strategy.threats.judgements import Judgements, JudgementScheme
from ilp_models.strategy.threats.threat_draws import ThreatCounts

THREATS = ("Assault", "Burglary", "Robbery")


def weights_of(low, high=None, name="days", threats=THREATS):
    """Return weights of the threats; without ``high``, both readings are the same."""
    low = np.array(low, dtype=float)
    high = low if high is None else np.array(high, dtype=float)
    about = {"title": "Days", "date": "2020", "unit": "days", "source": "an example"}
    return HarmWeights(name, **about, crime_types=threats, low=low, high=high, doubts=("",) * len(threats))


def counts_of(expected, variance=None, threats=THREATS):
    """Return counts; the variance is that of Poisson unless it is given."""
    expected = np.array(expected, dtype=float)
    variance = expected if variance is None else np.array(variance, dtype=float)
    return ThreatCounts(threats, expected.copy(), expected, variance)


def unknown(threats=THREATS, **settings):
    """Return judgements of which none is known."""
    return Judgements.unknown(JudgementScheme(**settings), threats)
