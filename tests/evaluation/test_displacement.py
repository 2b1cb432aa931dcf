import numpy as np
import pytest

from ilp_models.domain.trial import TrialData
from ilp_models.evaluation.displacement import DisplacementDifference, difference_dispersion
from ilp_models.evaluation.schemes import MatchedPairs, Observational
from tests.evaluation.planted_trials import planted


def test_poisson_errors_reject_too_often_where_crime_drifts():
    trials = [planted(MatchedPairs(), 1.0, seed) for seed in range(150)]
    naive, own = (
        np.mean([DisplacementDifference(poisson=flag).estimate(one).p_value <= 0.05 for one in trials])
        for flag in (True, False)
    )
    assert naive > 0.1 > own


def test_no_event_before_the_trial_gives_no_displacement_difference():
    trial = planted(MatchedPairs(), 0.7, 1)
    empty = TrialData(np.zeros_like(trial.before), trial.during, trial.treated, trial.scheme, trial.blocks)
    assert np.isnan(DisplacementDifference().estimate(empty).events)


def test_zones_around_the_units_add_their_change():
    """The example of the paper: 207 to 110 treated, 308 to 318 control, zones 178 to 157 and 150 to 140."""
    before, during = np.array([[207.0], [308.0]]), np.array([[110.0], [318.0]])
    treated, blocks = np.array([[True], [False]]), np.zeros(2, dtype=int)
    trial = TrialData(before, during, treated, Observational(), blocks)
    zones = TrialData(np.array([[178.0], [150.0]]), np.array([[157.0], [140.0]]), treated, Observational(), blocks)
    alone = DisplacementDifference(poisson=True).estimate(trial)
    assert alone.events == pytest.approx(110 - 207 * 318 / 308)
    assert DisplacementDifference(poisson=True).estimate(trial, zones=zones).events == pytest.approx(
        alone.events + 157 - 178 * 140 / 150
    )


def test_two_series_that_move_together_have_no_extra_dispersion():
    generator = np.random.default_rng(0)
    season = 50 * (1 + np.sin(np.arange(120) / 8))
    assert difference_dispersion(generator.poisson(season, (2, 120)), np.ones(2)) < 1.3
    assert difference_dispersion(generator.poisson(season * generator.gamma(4, 0.25, (2, 120))), np.ones(2)) > 3
