from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.aggregate import area_levels
from ilp_models.scoring.scores import Scoring
from ilp_models.scoring.sums import sum_scores, touching, variogram_scores, variogram_table
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import poisson_deviance
from tests.builders import city, replay_of

GRID = city(2, 4)
AREAS = np.array(["west", "west", "east", "east"] * 2)


def with_areas():
    return replace(GRID, parents=pd.DataFrame({"district": AREAS}))


def test_sums_by_hand():
    expected = np.arange(1.0, 9.0).reshape(1, 8, 1)
    observed = np.array([2, 2, 0, 1, 4, 4, 9, 1]).reshape(1, 8, 1)
    scores = sum_scores(replay_of(expected, observed), with_areas(), 0.005)
    west, east = (12, 14), (11, 22)  # counts and expected counts of cells 1, 2, 5, 6 and of 3, 4, 7, 8
    assert scores["city_absolute_error"].item() == pytest.approx(36 - 23)
    assert scores["district_absolute_error"].item() == pytest.approx((2 + 11) / 2)
    assert scores["city_deviance"].item() == pytest.approx(2 * (23 * np.log(23 / 36) - 23 + 36))
    both = [float(poisson_deviance(*one, 0.005)) for one in (west, east)]
    assert scores["district_deviance"].item() == pytest.approx(np.mean(both))


def test_scores_of_sums_are_pooled_with_a_skill_of_their_own():
    counts = np.random.default_rng(0).poisson(2.0, (2, 8, 20))
    replays = [replay_of(np.full(counts.shape, rate), counts, name) for name, rate in (("ewma", 4.0), ("right", 2.0))]
    grid = with_areas()
    scores = Scoring(bootstrap=Bootstrap(draws=50)).run(replays, grid.area_m2, grid)
    skill = scores.skill("ewma", score="city_deviance").query("forecaster == 'right' and crime_type == 'all'")
    own, base = (
        scores.table.query(f"forecaster == '{name}' and score == 'city_deviance'") for name in ("right", "ewma")
    )
    assert skill["skill"].item() == pytest.approx(1 - own["value"].mean() / base["value"].mean())
    assert skill["verdict"].item() == "better"


def test_variogram_score_by_hand_and_smallest_for_the_truth():
    grid = with_areas()
    level = area_levels(grid)[1]
    pairs = touching(level, grid)
    assert (len(pairs[0]), level.areas.tolist()) == (1, ["east", "west"])
    generator = np.random.default_rng(1)
    truth = generator.gamma(2.0, 1.0, (1, 8, 1)).repeat(3000, axis=2)
    counts = generator.poisson(truth * generator.gamma(2.0, 0.5, truth.shape))  # dispersion 0.5

    def score(mean, dispersion):
        return variogram_scores(replay_of(mean, counts, dispersion=dispersion), level, pairs).mean()

    best = score(truth, 0.5)
    tilted = truth * np.where(AREAS == "west", 1.6, 0.6)[None, :, None]
    assert best < min(score(truth, 0.0), score(truth, 3.0), score(tilted, 0.5))
    table = variogram_table(replay_of(truth, counts, dispersion=0.5), grid, Bootstrap(draws=50))
    assert table["value"].tolist() == pytest.approx([best, best])
    assert variogram_table(
        replay_of(truth, counts), replace(grid, parents=pd.DataFrame()), Bootstrap(draws=50)
    ).empty  # no parent areas
