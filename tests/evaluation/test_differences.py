import numpy as np
import pytest

from ilp_models.domain.trial import TrialData
from ilp_models.evaluation.differences import DifferenceInDifferences
from ilp_models.evaluation.schemes import Observational


def trial(before, during, blocks=(0, 0, 0, 0)):
    """Return a trial whose first half of the units was treated."""
    before, during = np.array(before, dtype=float), np.array(during, dtype=float)
    treated = np.zeros(during.shape, dtype=bool)
    treated[: len(during) // 2] = True
    return TrialData(before, during, treated, Observational(), np.array(blocks))


def test_the_ratio_is_that_of_the_two_changes():
    """Treated units halve from 40 to 20 and controls rise from 30 to 45: a ratio of 1/3."""
    found = DifferenceInDifferences().estimate(trial([[25], [15], [20], [10]], [[12], [8], [32], [13]]))
    assert found.ratio == pytest.approx((20 / 40) / (45 / 30))
    assert found.events == pytest.approx(20 - 20 * 3)
    assert found.ratio_low < found.ratio < found.ratio_high


def test_units_that_take_no_part_do_not_count():
    rows = [[25], [15], [20], [10], [900]], [[12], [8], [32], [13], [1]]
    whole = DifferenceInDifferences().estimate(trial(rows[0][:4], rows[1][:4]))
    more = DifferenceInDifferences().estimate(trial(*rows, blocks=(0, 0, 0, 0, -1)))
    assert more == whole


def test_no_treated_event_gives_no_effect():
    found = DifferenceInDifferences().estimate(trial([[25], [15], [20], [10]], [[0], [0], [32], [13]]))
    assert np.isnan(found.ratio)
    assert np.isnan(found.p_value)
