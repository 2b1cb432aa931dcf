import numpy as np
import pytest

from ilp_models.evaluation.schemes import MatchedPairs
from tests.evaluation.planted_trials import ESTIMATORS, planted


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_planted_effect_is_recovered(name):
    found = [ESTIMATORS[name].estimate(planted(MatchedPairs(), 0.7, seed)) for seed in range(40)]
    assert np.mean([np.log(one.ratio) for one in found]) == pytest.approx(np.log(0.7), abs=0.03)
    inside = np.mean([one.ratio_low <= 0.7 <= one.ratio_high for one in found])
    assert inside > 0.82  # of 40 intervals of 95 %
    assert np.mean([one.events < 0 for one in found]) == 1.0
