from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.trial import TrialData, usual_counts
from ilp_models.evaluation.differences import DifferenceInDifferences
from ilp_models.evaluation.displacement import DisplacementDifference, difference_dispersion
from ilp_models.evaluation.intention_to_treat import IntentionToTreat
from ilp_models.evaluation.schemes import Crossover, MatchedPairs, Observational, SteppedWedge
from ilp_models.evaluation.synthetic_control import SyntheticControl

SEATTLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "seattle_dmi"
ESTIMATORS = {
    "intention to treat": IntentionToTreat(draws=199),
    "differences": DifferenceInDifferences(),
    "displacement": DisplacementDifference(),
}


def planted(scheme, ratio, seed, units=40, before=52, during=20):
    """Return a trial in which treated events happen with the probability ``ratio``; units drift as crime does."""
    generator = np.random.default_rng(seed)
    drift = np.repeat(generator.gamma(20, 1 / 20, (units, (before + during) // 4)), 4, axis=1)
    counts = generator.poisson(generator.gamma(2, 1, (units, 1)) * drift)
    blocks = scheme.blocks(usual_counts(counts[:, :before]))
    treated = np.broadcast_to(scheme.draw(blocks, during, 1, generator)[0], (units, during))
    seen = np.where(treated, generator.binomial(counts[:, before:], ratio), counts[:, before:])
    return TrialData(counts[:, :before].astype(float), seen.astype(float), treated, scheme, blocks)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_planted_effect_is_recovered(name):
    found = [ESTIMATORS[name].estimate(planted(MatchedPairs(), 0.7, seed)) for seed in range(40)]
    assert np.mean([np.log(one.ratio) for one in found]) == pytest.approx(np.log(0.7), abs=0.03)
    inside = np.mean([one.ratio_low <= 0.7 <= one.ratio_high for one in found])
    assert inside > 0.82  # of 40 intervals of 95 %
    assert np.mean([one.events < 0 for one in found]) == 1.0


@pytest.mark.parametrize("scheme", [MatchedPairs(), Crossover(2, 1), SteppedWedge(4)])
def test_randomisation_inference_rejects_no_effect_at_its_level(scheme):
    estimator = IntentionToTreat(draws=39)
    p_values = [estimator.estimate(planted(scheme, 1.0, seed, units=24)).p_value for seed in range(100)]
    assert np.mean(np.array(p_values) <= 0.3) == pytest.approx(0.3, abs=0.12)


def test_poisson_errors_reject_too_often_where_crime_drifts():
    trials = [planted(MatchedPairs(), 1.0, seed) for seed in range(150)]
    naive, own = (
        np.mean([DisplacementDifference(poisson=flag).estimate(one).p_value <= 0.05 for one in trials])
        for flag in (True, False)
    )
    assert naive > 0.1 > own


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


@pytest.mark.skipif(not SEATTLE.is_dir(), reason="the Seattle data are not next to the project")
def test_the_published_effect_of_seattle_is_met():
    blocks = pd.read_parquet(SEATTLE / "blocks.parquet").set_index("block")
    panel = pd.read_parquet(SEATTLE / "panel.parquet")
    counts = panel.pivot_table(index="block", columns="quarter", values="any_crime").loc[blocks.index].to_numpy(float)
    treated = np.repeat(blocks[["treated"]].to_numpy() == 1, 4, axis=1)
    trial = TrialData(counts[:, :12], counts[:, 12:], treated, Observational(), np.zeros(len(blocks), dtype=int))
    found = SyntheticControl().estimate(trial, covariates=blocks.drop(columns="treated").to_numpy(float))
    assert found.events / 4 == pytest.approx(-54.4382, abs=2e-4)
    assert 100 * (found.ratio - 1) == pytest.approx(-21.65, abs=0.01)
    assert found.shown()


def test_too_few_controls_are_said():
    with pytest.raises(NotRunError, match="No non-negative weights of the 20 untreated units"):
        SyntheticControl().estimate(planted(MatchedPairs(), 0.7, 1))
