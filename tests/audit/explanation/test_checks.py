from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.explanation.checks import (
    attribution_gaps,
    check_proxies,
    check_stability,
)
from ilp_models.domain.finding import State
from tests.audit import audit_inputs as inputs
from tests.audit.explanation.explained_city import evidence, explanation, residents, robustness


def test_columns_that_keep_their_order_are_stable():
    tried = robustness([4.0, 3, 2, 1], [5.0, 3, 2, 1], [4.0, 3, 2, 0])
    stable, agreed = check_stability(evidence(explanation(robustness=tried)))
    assert (stable.check, stable.state, stable.value, stable.evidence) == ("explanation_stability", State.PASS, 1, 3)
    assert (agreed.check, agreed.state) == ("perturbation_agreement", State.PASS)


def test_columns_that_change_their_order_fail_and_disagreeing_perturbations_are_reviewed():
    tried = robustness([4.0, 3, 2, 1], [1.0, 2, 3, 4], [4.0, 1, 3, 2], agreement=-1.0)
    stable, agreed = check_stability(evidence(explanation(robustness=tried)))
    assert stable.state is State.FAIL
    assert stable.low < stable.value < stable.high
    assert agreed.state is State.REVIEW
    assert "families, not of single columns" in agreed.advice


@pytest.mark.parametrize("tried", [None, robustness(), robustness([4.0, 3, 2, 1])])
def test_without_refits_stability_is_insufficient(tried):
    assert check_stability(evidence(explanation(robustness=tried)))[0].state is State.INSUFFICIENT


def test_an_explanation_of_another_forecaster_says_nothing():
    other = replace(explanation(robustness=robustness([4.0, 3, 2, 1], [4.0, 3, 2, 1])), forecaster="poisson_glm")
    of_another = evidence(other)
    assert check_stability(of_another)[0].state is State.INSUFFICIENT
    assert {one.state for one in check_proxies(of_another)} == {State.INSUFFICIENT}


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), slant=st.floats(-0.6, 0.6))
def test_gaps_of_a_group_add_up_to_the_gap_of_its_log_risk(seed, slant):
    people, explained = residents(slant)[0], explanation(seed=seed)
    gaps = attribution_gaps(explained, inputs.grid(), people)
    for place, group in enumerate(people.groups):
        members = people.by_group[:, place]
        log_risk = explained.log_expected.values[0, :, 0]
        want = np.average(log_risk, weights=members) - np.average(log_risk, weights=people.total - members)
        of_group = gaps[(gaps["group"] == group) & (gaps["crime_type"] == "Assault")]
        assert of_group["gap"].sum() == pytest.approx(want, abs=1e-9)
    families = attribution_gaps(explained, inputs.grid(), people, by="family")
    assert families["gap"].sum() == pytest.approx(gaps["gap"].sum(), abs=1e-9)


def test_the_pool_is_the_mean_of_the_types_and_a_gap_is_a_factor():
    gaps = attribution_gaps(explanation(), inputs.grid(), residents(0.5)[0])
    wide = gaps.pivot_table(index=["group", "feature"], columns="crime_type", values="gap")
    assert wide["all"].to_numpy() == pytest.approx(((wide["Assault"] + wide["Robbery"]) / 2).to_numpy())
    assert gaps["multiplier"].to_numpy() == pytest.approx(np.exp(gaps["gap"]))
