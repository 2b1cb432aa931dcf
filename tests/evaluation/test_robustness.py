import numpy as np
import pytest

from ilp_models.domain.trial import Effect
from ilp_models.evaluation.robustness import FEWER, MORE, NONE, conclusion, holm, reporting_sensitivity, tipping_rise


def effect(ratio, low, high, p_value):
    return Effect("x", ratio, low, high, 0.0, 0.0, 0.0, p_value)


@pytest.mark.parametrize(
    ("given", "word", "rise"),
    [
        (effect(0.8, 0.7, 0.9, 0.01), FEWER, -0.1),
        (effect(1.2, 1.1, 1.3, 0.01), MORE, 0.1),
        (effect(0.95, 0.85, 1.06, 0.4), NONE, 0.06),
        (effect(0.8, 0.7, 0.99, 0.06), NONE, -0.01),  # the test does not show it
        (effect(np.nan, np.nan, np.nan, 1.0), NONE, np.nan),
    ],
)
def test_conclusion_and_the_rise_that_changes_it(given, word, rise):
    assert conclusion(given) == word
    assert tipping_rise(given) == pytest.approx(rise, nan_ok=True)


def test_more_recording_hides_an_effect():
    table = reporting_sensitivity(effect(0.95, 0.85, 1.06, 0.4))
    assert table["conclusion"].tolist() == [NONE, NONE, FEWER, FEWER]
    assert table["ratio"][3] == pytest.approx(0.95 / 1.2)


def test_holm_by_hand():
    assert holm([0.01, np.nan, 0.04, 0.03]).tolist() == pytest.approx([0.03, np.nan, 0.06, 0.06], nan_ok=True)
    assert np.isnan(holm([np.nan])).all()
