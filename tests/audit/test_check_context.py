import math
from dataclasses import replace

import numpy as np
import pytest

from ilp_models.audit.check_context import MinEvidence
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import ALL, Limit, State
from ilp_models.domain.harm_weights import HarmWeights
from tests.audit.sensitivity.varied_maps import evidence
from tests.builders import replay_of

EXPECTED = np.ones((2, 36, 4))
EXPECTED[0, 0], EXPECTED[1, 1] = 9, 30


def test_scopes_are_the_types_and_their_pool():
    assert evidence(EXPECTED).scopes == ("a", "b", ALL)
    assert evidence(EXPECTED[:1]).scopes == ("a",)


def test_flags_of_each_type_and_of_all_together():
    context = evidence(EXPECTED, land_share=1 / 36)
    assert context.flags.shape == (3, 36, 4)
    assert [int(flags[:, 0].argmax()) for flags in context.flags] == [0, 1, 1]
    assert context.flags.sum(axis=1) == pytest.approx(1)
    np.testing.assert_array_equal(context.flags_without([0]), context.flags[:1])


def test_the_ranking_by_harm_weighs_types():
    weights = HarmWeights(
        "days", *("Days", "2020", "days", "x"), ("a", "b"), np.array([100.0, 1.0]), np.array([100.0, 200.0]), ("", "")
    )
    context = evidence(EXPECTED, land_share=1 / 36, rank_by="harm", harm={"a": 100.0, "b": 1.0}, harm_sets=(weights,))
    assert context.harms.tolist() == [100, 1]
    assert [int(flags[:, 0].argmax()) for flags in context.flags] == [0, 0, 0]
    assert set(context.harm_rankings) >= {"harm", "harm_days_low", "harm_days_high"}
    high = replace(context, rank_by="harm_days_high")
    assert int(high.flags[2][:, 0].argmax()) == 1


def test_replays_of_other_units_are_refused():
    context = evidence(EXPECTED)
    with pytest.raises(InputError, match="differ in lead"):
        replace(context, baseline=replace(context.baseline, lead=2))
    with pytest.raises(InputError, match=r"differ in \['period'\]"):
        replace(context, baseline=replay_of(EXPECTED, EXPECTED, start="2021-01-11"))
    with pytest.raises(InputError, match="has other cells than the grid"):
        replace(context, grid=replace(context.grid, cells=context.grid.cells[::-1]))


@pytest.mark.parametrize(
    ("numbers", "shortfall", "state", "lacking"),
    [
        ((1.0, 0.9, 1.1), "", State.PASS, ""),
        ((1.3, 1.2, 1.4), "", State.FAIL, ""),
        ((1.0, 0.9, 1.1), "no week has an event", State.INSUFFICIENT, "no week has an event"),
        ((1.0, math.nan, math.nan), "", State.INSUFFICIENT, "too few test periods for an interval"),
        ((math.nan,) * 3, "", State.INSUFFICIENT, "the value cannot be calculated"),
    ],
)
def test_a_finding_is_judged_by_its_limit_unless_evidence_lacks(numbers, shortfall, state, lacking):
    context = evidence(EXPECTED, limits={"sum_ratio": Limit(0.8, 0.9, 1.1, 1.2)})
    finding = context.finding("sum_ratio", numbers, shortfall=shortfall)
    assert finding.state is state
    assert [one.what for one in finding.shortfall] == ([lacking] if lacking else [])
    assert bool(finding.advice) == (state is not State.PASS)


def test_minimum_evidence_needs_events_and_areas():
    least = MinEvidence(events=10, areas=2)
    assert least.met(np.array([10.0, 9.0, 10.0]), np.array([2, 2, 1])).tolist() == [True, False, False]
    with pytest.raises(InputError, match=r"audit\.min_evidence needs numbers >= 0"):
        MinEvidence(periods=-1)
