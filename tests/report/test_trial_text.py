import numpy as np
import pytest

from ilp_models.report.trial_text import interval_text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.8, 1.03, "-20 % to +3 %"),
        (0.67, 0.998, "-33 % to -0.2 %"),  # "+0 %" would say that the interval holds no change
        (1.0004, 1.2, "+0.04 % to +20 %"),
        (0.9, 1.0, "-10 % to +0 %"),
        (0.9, np.inf, "-10 % to without limit"),
    ],
)
def test_an_end_of_an_interval_keeps_its_side_of_no_change(low, high, text):
    assert interval_text({"ratio_low": low, "ratio_high": high}).replace("\N{NO-BREAK SPACE}", " ") == text
