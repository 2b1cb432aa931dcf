"""Words for probabilities: those of the yardstick, and of the nearer band between two."""

import pytest

from ilp_models.strategy.yardstick import YARDSTICK, probability_word


@pytest.mark.parametrize(
    ("probability", "word"),
    [
        (0.0, "remote chance"),
        (0.05, "remote chance"),
        (0.07, "remote chance"),
        (0.08, "highly unlikely"),
        (0.45, "realistic possibility"),
        (0.55, "likely"),
        (0.78, "highly likely"),
        (1.0, "almost certain"),
        (float("nan"), ""),
    ],
)
def test_words(probability, word):
    assert probability_word(probability) == word


def test_bands_rise_and_do_not_overlap():
    ends = [end for _, low, high in YARDSTICK for end in (low, high)]
    assert ends == sorted(ends)
