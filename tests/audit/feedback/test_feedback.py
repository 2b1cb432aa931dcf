"""Feedback of one forecaster under one flagging rule, in cities with known true rates."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ilp_models.audit.check_context import CheckContext, CheckOptions, MinEvidence
from ilp_models.audit.feedback.feedback import FOLLOWED, WEIGHTED, Feedback, PatrolRule, check_feedback
from ilp_models.audit.feedback.simulation import simulate_feedback
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Limit, State, sentence
from ilp_models.model.kernels.kernel_density import KDE
from ilp_models.model.kernels.prospective_hot_spot import ProspectiveHotSpot
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit.audit_inputs import CONFIG
from tests.audit.feedback.small_feedback import QUICK, RATES, history
from tests.builders import poisson_counts, replay_of, square_grid

pytestmark = pytest.mark.slow

LIMITS = {
    "feedback_distance": Limit(warn_above=0.1, fail_above=0.2, neutral=0),
    "feedback_observed": Limit(fail_below=0.95),
}


def outcome(forecaster=None, share=1 / 12, **changes):
    forecaster = MovingAverage(20) if forecaster is None else forecaster
    return simulate_feedback(forecaster, history(), PatrolRule(share), replace(QUICK, **changes), RATES)


def evidence(types=2):
    counts = poisson_counts((types, 12, 12))
    grid = square_grid(3, 4)
    one = replay_of(counts + 0.5, counts)
    return CheckContext(
        replay=one, baseline=one, grid=replace(grid, cells=one.expected.indexes["cell"]), explanation=None,
        features=None, limits=LIMITS, min_evidence=MinEvidence(), bootstrap=Bootstrap(), land_share=0.05,
        rank_by="count", floor=0.01,
    )  # fmt: skip


def test_with_complete_records_feedback_adds_nothing():
    made = outcome(unpatrolled_reporting_rate=1.0)
    for name in ("a", "b", "all"):
        assert made.excess(name) == (0.0, 0.0, 0.0)
    assert (made.observed["observed"] == 1).all()


@pytest.mark.parametrize("reporting", [0.2, 0.5])
def test_a_moving_average_ends_at_the_share_of_the_formula(reporting):
    made = outcome(unpatrolled_reporting_rate=reporting, replicates=4)
    share = RATES[0, 0] / RATES[0].sum()  # one cell of twelve is flagged, the first of type a
    expected = share / (share + reporting * (1 - share)) - share
    learned = made.final_distances("a", FOLLOWED).mean()
    assert learned == pytest.approx(expected, abs=0.03)
    assert made.excess("a", WEIGHTED)[0] < 0.04


def test_an_unknown_rate_without_exploration_is_refused():
    with pytest.raises(InputError, match=r"Set audit\.feedback\.unpatrolled_reporting_rate"):
        outcome()
    with pytest.raises(InputError, match="The reporting rate of b outside patrolled areas is unknown"):
        outcome(unpatrolled_reporting_rate={"a": 0.5})
    made = outcome(unpatrolled_reporting_rate=0.0)
    assert len(made.final_distances("a", WEIGHTED)) == 0
    assert np.isnan(made.excess("a", WEIGHTED)).all()
    assert made.observed.set_index("crime_type").loc["a", "patrolled"] == pytest.approx(1 / 12)
    assert made.final_distances("a", FOLLOWED) == pytest.approx(1 - RATES[0, 0] / RATES[0].sum())


def test_weights_reduce_the_excess_with_exploration():
    made = outcome(share=0.5, exploration=0.5, replicates=3, periods=40, training_periods=40, refit_every=4)
    assert made.observed.set_index("crime_type").loc["all", "patrolled"] == 1
    for name in ("a", "b"):
        assert made.excess(name, WEIGHTED)[0] < made.excess(name)[0]


def test_fewer_reports_increase_the_excess():
    ends = [outcome(unpatrolled_reporting_rate=rate, replicates=3).excess("all")[0] for rate in (0.1, 0.3, 0.6, 1.0)]
    assert ends == sorted(ends, reverse=True)


def test_reporting_rates_can_differ_by_crime_type():
    made = outcome(unpatrolled_reporting_rate={"a": 1.0, "b": 0.2}, replicates=3)
    assert made.excess("a")[0] == 0
    assert made.excess("b")[0] > 0.1
    with pytest.raises(InputError, match="names 'c'"):
        outcome(unpatrolled_reporting_rate={"a": 1.0, "b": 0.2, "c": 0.1})


def test_the_seed_determines_the_outcome():
    first, again, other = (outcome(unpatrolled_reporting_rate=0.4, seed=seed).trajectory for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["distance"].equals(other["distance"])


@pytest.mark.parametrize(
    "forecaster",
    [EWMA([8], [0.0]), KDE(), ProspectiveHotSpot(), MovingAverage(8)],
    ids=lambda one: type(one).__name__,
)
def test_every_kind_of_forecaster_can_be_simulated(forecaster):
    made = outcome(forecaster, unpatrolled_reporting_rate=0.3)
    assert np.isfinite(made.trajectory["distance"]).all()
    assert made.trajectory["distance"].between(0, 1).all()
    assert set(made.trajectory["crime_type"]) == {"a", "b", "all"}
    assert not hasattr(forecaster, "history_")


def findings(result, **options):
    return check_feedback(replace(evidence(), options=CheckOptions(feedback=result, **options)))


def test_findings_on_distance_and_unobserved_areas():
    found = {one.key[:2]: one for one in findings(outcome(unpatrolled_reporting_rate=0.0, replicates=3))}
    assert found["feedback_distance", "a"].state is State.FAIL
    assert found["feedback_observed", "a"].state is State.FAIL
    assert set(found) == {(name, kind) for name in LIMITS for kind in ("a", "b", "all")}
    good = findings(outcome(unpatrolled_reporting_rate=0.9, replicates=3))
    assert {one.state for one in good} == {State.PASS}
    assert {one.check for one in good} == {*LIMITS, "feedback_corrected"}
    assert all(one.limit is None or not one.limit.bounded for one in good if one.check == "feedback_corrected")


def test_an_unknown_rate_is_insufficient_evidence():
    worst = findings(outcome(share=0.5, exploration=0.5))
    assert {one.state for one in worst} == {State.INSUFFICIENT}
    assert all("Set audit.feedback.unpatrolled_reporting_rate" in one.advice for one in worst)
    assert np.isfinite(worst[0].value)
    none = findings(None, no_feedback="the policy cannot be bounded; set audit.feedback.unpatrolled_reporting_rate.")
    assert {(one.check, one.state) for one in none} == {(name, State.INSUFFICIENT) for name in LIMITS}
    assert all("set audit.feedback.unpatrolled_reporting_rate" in sentence(one) for one in none)


def test_one_replicate_cannot_pass():
    found = findings(outcome(unpatrolled_reporting_rate=0.9, replicates=1))
    assert found[0].state is State.INSUFFICIENT


@pytest.mark.parametrize(
    "wrong",
    [
        {"periods": 0},
        {"refit_every": 30},
        {"replicates": 0},
        {"training_periods": 0},
        {"unpatrolled_reporting_rate": 1.2},
        {"unpatrolled_reporting_rate": {"a": -1}},
        {"exploration": 2},
        {"confidence": 1},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=r"audit\.feedback needs"):
        replace(QUICK, **wrong)


def test_the_configuration_builds_the_defaults_of_the_constructor():
    assert instantiate(OmegaConf.load(CONFIG).feedback) == Feedback()
