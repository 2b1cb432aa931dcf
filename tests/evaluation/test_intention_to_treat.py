import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.trial import TrialData
from ilp_models.evaluation.differences import DifferenceInDifferences
from ilp_models.evaluation.intention_to_treat import IntentionToTreat
from ilp_models.evaluation.schemes import Crossover, MatchedPairs, Observational, SteppedWedge
from tests.evaluation.planted_trials import ESTIMATORS, planted


@pytest.mark.parametrize("scheme", [MatchedPairs(), Crossover(2, 1), SteppedWedge(4)])
def test_randomisation_inference_rejects_no_effect_at_its_level(scheme):
    estimator = IntentionToTreat(draws=39)
    p_values = [estimator.estimate(planted(scheme, 1.0, seed, units=24)).p_value for seed in range(100)]
    assert np.mean(np.array(p_values) <= 0.3) == pytest.approx(0.3, abs=0.12)


def test_intervals_in_events_follow_from_those_of_the_ratio():
    trial = planted(MatchedPairs(), 0.6, 1)
    found = ESTIMATORS["intention to treat"].estimate(trial)
    treated = trial.during[trial.treated].sum()
    assert found.events == pytest.approx(treated - treated / found.ratio)
    assert found.events_low < found.events < found.events_high < 0


def test_what_was_not_randomised_has_no_randomisation_test():
    drawn = planted(MatchedPairs(), 0.7, 1)
    chosen = TrialData(drawn.before, drawn.during, drawn.treated, Observational(), drawn.blocks)
    with pytest.raises(InputError, match="no randomisation test"):
        IntentionToTreat().estimate(chosen)
    assert DifferenceInDifferences().estimate(chosen).shown()
