"""The price of caps, and what allocations mean for groups."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.frontier import CAPS, Frontier, allocate_periods, expected_share, group_impact
from ilp_models.allocation.top_areas import TopAreas
from ilp_models.domain.errors import InputError
from tests.allocation.allocation_inputs import Groups, InlineCompute, skewed_values, small_town

GROUPS = ("hill", "shore", "field")


def test_impact_by_hand():
    people = np.array([[10.0, 30.0], [20.0, 0.0], [0.0, 0.0]])
    groups = Groups("origin", ("hill", "shore"), people, people.sum(axis=1))
    share, events = np.array([[1.0], [0.0], [0.0]]), np.array([[4.0], [6.0], [5.0]])
    table = group_impact(share, events, groups).set_index("group")
    assert table.loc["hill", "exposure"] == pytest.approx(1 / 3)
    assert table.loc["shore", "exposure_ratio"] == pytest.approx(3.0)
    assert table.loc["hill", "coverage"] == pytest.approx(1 / 7)  # 4 * 1/4 of 4 * 1/4 + 6
    assert table.loc["shore", "coverage"] == pytest.approx(1.0)
    assert table.loc["shore", "need_adjusted_ratio"] == pytest.approx(0.75 / 0.3)
    named = group_impact(share, events, groups, "hill").set_index("group")
    assert named["exposure_ratio"].to_dict() == pytest.approx({"hill": 1.0, "shore": 3.0})


def test_impact_of_a_draw_is_its_expectation():
    ground, worth = small_town(10, 10), skewed_values(small_town(10, 10))
    budget = Budget(amount=10)
    effort = TopAreas(budget, exploration=0.5).allocate(worth, ground)
    share = expected_share(effort, budget.need(ground))
    assert share.sum() == pytest.approx(10)
    np.testing.assert_allclose(share[effort.inclusion < 1], 5 / 95)


@given(st.integers(0, 1000), st.sampled_from([None, "field"]))
@settings(max_examples=15)
def test_looser_cap_never_covers_less_of_what_is_expected(seed, reference):
    ground, worth = small_town(5, 6, seed, GROUPS), skewed_values(small_town(5, 6), 2, seed)
    # against the rest, a cap of 1 on every group demands near equality, which so few cells cannot give
    caps = CAPS if reference else CAPS[:-1]
    rule = Constrained(Budget(amount=6), gap=0.02)
    table = Frontier(reference=reference, caps=caps, time_limit_s=2).run(rule, worth, ground, InlineCompute())
    points = table.drop_duplicates("cap")
    assert list(points["cap"]) == list(caps)
    kept = points.dropna(subset="capture")
    assert (kept["capture"].diff().dropna() <= 1e-12).all()
    assert kept["of_uncapped"].iloc[0] == 1
    assert points.loc[points["capture"].isna(), "note"].str.contains("no allocation").all()


def test_each_point_meets_its_cap_and_reports_exposure_and_coverage():
    ground, worth = small_town(5, 6, 3, GROUPS), skewed_values(small_town(5, 6), 4, 3)
    table = Frontier(reference="field").run(Constrained(Budget(amount=8), gap=0.0), worth, ground, InlineCompute())
    others = table[(table["group"] != "field") & np.isfinite(table["cap"])].dropna(subset="capture")
    assert len(others)
    # each period keeps the cap, and so does their mean
    assert (others["exposure_ratio"] <= others["cap"] * (1 + 1e-5)).all()
    assert others["coverage"].between(0, 1).all()
    free = table[np.isinf(table["cap"])]
    assert free["capture"].iloc[0] == pytest.approx(np.sort(worth, axis=0)[-8:].sum() / worth.sum())


def test_capture_can_use_recorded_events():
    ground, worth = small_town(5, 6, 3, GROUPS), skewed_values(small_town(5, 6), 4, 3)
    recorded = np.random.default_rng(0).poisson(worth).astype(float)
    table = Frontier(caps=()).run(Constrained(Budget(amount=8)), worth, ground, InlineCompute(), recorded)
    top = TopAreas(Budget(amount=8)).allocate(worth, ground).amount
    assert table["capture"].iloc[0] == pytest.approx((top * recorded).sum() / recorded.sum())


def test_frontier_without_groups_is_refused():
    with pytest.raises(InputError, match=r"groups\.path=FILE"):
        Frontier().run(Constrained(), skewed_values(small_town()), replace(small_town(), residents=()), InlineCompute())
    with pytest.raises(InputError, match="above 0"):
        Frontier(caps=(0,))


def test_periods_solved_separately_equal_joint_solutions():
    ground, worth = small_town(5, 6), skewed_values(small_town(5, 6), 3)
    rule = Constrained(Budget(amount=4), exposure={"origin": {"cap": 1.1}}, gap=0.0)
    np.testing.assert_array_equal(
        allocate_periods(rule, worth, ground, InlineCompute()).amount, rule.allocate(worth, ground).amount
    )


@pytest.mark.parametrize(
    ("starts", "words"),
    [(("2026-01-05", "2026-01-12"), "The period from 2026-01-12: no allocation"), ((), "Period 1: no allocation")],
)
def test_a_rule_that_cannot_be_met_names_the_first_day_of_the_period_that_fails(starts, words):
    ground = replace(small_town(), starts=starts)
    worth = np.ones((12, 2))
    worth[4:, 0] = 1e-9  # four cells hold the events of the first period, and none does in the second
    rule = Constrained(Budget(amount=4), coverage={"origin": 0.9})
    with pytest.raises(InputError, match=words):
        allocate_periods(rule, worth, ground, InlineCompute())


def test_parity_is_met_within_the_tolerance():
    ground, worth = small_town(20, 20, 3, GROUPS), skewed_values(small_town(20, 20), 1, 3)
    table = Frontier(caps=(1,), parity=0.02).run(
        Constrained(Budget(amount=80), gap=0.01), worth, ground, InlineCompute()
    )
    met = table[table["cap"] == 1]
    assert met["capture"].notna().all()
    assert met["exposure_ratio"].between(1 / 1.05, 1.02 * (1 + 1e-5)).all()
