import numpy as np
import pytest

from ilp_models.domain.repeat_process import RepeatProcess


def test_direct_repeats_are_summed_over_times_and_distances():
    repeats = np.array([[0.1, 0.05], [0.02, 0.03]])
    process = RepeatProcess(100, 0.2, 0.1, np.array([0.0, 1.0, 2.0]), repeats, np.array([50.0]), np.array([1.0]))
    assert process.offspring == pytest.approx(0.2)
