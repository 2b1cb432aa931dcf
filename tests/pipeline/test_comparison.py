import numpy as np
import pandas as pd

from ilp_models.pipeline.comparison import calibrations
from ilp_models.scoring.consistency import consistency
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import city, replay_of


def test_calibration_is_judged_by_the_level_seed_and_floor_of_the_scores():
    generator = np.random.default_rng(0)
    expected = generator.gamma(0.6, 0.5, (1, 40, 8))
    replay, chosen = replay_of(expected, generator.poisson(expected), dispersion=0.4), Bootstrap(2, 50, 0.5, 3)
    *_, tests, _, _ = calibrations((replay, chosen, 0.2, city(5, 8)))
    pd.testing.assert_frame_equal(tests, consistency(replay, chosen, 0.2))
    assert not tests.equals(consistency(replay, Bootstrap(2, 50, 0.95, 0), 0.005))
