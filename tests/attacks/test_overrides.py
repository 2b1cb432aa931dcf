"""Attacks: change a plan by hand until it is no longer the plan that was audited."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.frontier import expected_share
from ilp_models.allocation.proportional import Proportional
from ilp_models.allocation.top_areas import Capped, TopAreas
from ilp_models.domain.allocation import Override
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import Limit
from ilp_models.pipeline.overrides import OverriddenPlan, apply_overrides
from tests.allocation.allocation_inputs import Groups, small_town

START = "2022-01-03"
PERIODS = pd.period_range(START, periods=1, freq="W-SUN")
ANY = 1.0  # no limit on the share
WIDE = {name: Limit(0, 0, 99, 99) for name in ("exposure_ratio", "need_adjusted_ratio", "coverage_ratio")}


def town(cells=40):
    """Return a town whose groups live apart: hill in the first half of the cells, shore in the second."""
    plain = small_town(rows=4, columns=cells // 4, size=500.0)
    half = np.arange(cells) < cells // 2
    people = np.where(np.stack([half, ~half], axis=1), 900.0, 100.0)
    residents = (Groups("origin", ("hill", "shore"), people, people.sum(axis=1)),)
    return replace(plain, residents=residents, expected=np.ones((cells, 1)))


def planned(rule, inputs, value=None):
    """Return a plan by a rule, without changes."""
    value = 1 + np.linspace(0, 1e-3, len(inputs.area_m2))[:, None] if value is None else value
    return rule.allocate(value, inputs), value, rule.budget.need(inputs)


def changed(rule, inputs, efforts, value=None):
    """Return a plan after overrides: new efforts by position of the cell."""
    plan, value, need = planned(rule, inputs, value)
    cells = pd.Index([f"c{at}" for at in range(len(need))])
    changes = tuple(
        Override(f"c{at}", START, float(effort), "S. Ergeant", "asked") for at, effort in dict(efforts).items()
    )
    return OverriddenPlan(plan, apply_overrides(plan, changes, cells, PERIODS, need), value, need, inputs)


def even_value(inputs):
    """Return values under which the highest cells lie in both halves alike."""
    size = len(inputs.area_m2)
    rank = np.concatenate([np.arange(size // 2), np.arange(size // 2)])
    return (1.0 + rank)[:, None]


def top(inputs, share=0.25):
    """Return the rule, the value, and the cells with and without effort in each half of a plan that is even."""
    rule, value = TopAreas(share=share), even_value(inputs)
    given = planned(rule, inputs, value)[0].amount[:, 0] > 0
    half = np.arange(len(given)) < len(given) // 2
    return rule, value, [np.flatnonzero(mask) for mask in (given & half, ~given & half, given & ~half, ~given & ~half)]


def swap(taken, given, count):
    """Return overrides that move the effort of some cells to others."""
    return {int(at): 0.0 for at in taken[:count]} | {int(at): 1.0 for at in given[:count]}


# The share that is set by hand


def test_an_override_equal_to_the_plan_sets_nothing_by_hand():
    rule, value, (hill, *_) = top(town())
    plan = changed(rule, town(), {int(hill[0]): 1.0}, value)
    assert plan.share_by_hand == 0
    assert plan.check(rule, WIDE, 0.0).lines[0].startswith("0.0")
    assert (plan.gap == 0).all()


@pytest.mark.parametrize(("swaps", "share"), [(1, 0.1), (2, 0.2), (5, 0.5)])
def test_a_zero_sum_pair_counts_once(swaps, share):
    rule, value, (hill, rest, *_) = top(town())
    plan = changed(rule, town(), swap(hill, rest, swaps), value)
    assert plan.share_by_hand == pytest.approx(share)


def test_effort_that_is_only_removed_counts_and_so_does_effort_that_is_only_added():
    rule, value, (hill, rest, *_) = top(town())
    assert changed(rule, town(), {int(hill[0]): 0.0}, value).share_by_hand == pytest.approx(0.1)
    spare = Constrained(share=0.25, spend_all=False, exposure={"origin": {"cap": 1.0}})
    inputs = replace(town(), residents=town().residents)
    assert changed(spare, inputs, {}, value).share_by_hand == 0
    assert changed(rule, town(), {int(rest[0]): 1.0}, value).share_by_hand == pytest.approx(1 / 11)


@pytest.mark.parametrize("most", [0.0, 0.2, 0.49])
def test_many_small_overrides_are_summed(most):
    rule, value, (hill, rest, *_) = top(town())
    fractions = {int(at): 0.5 for at in hill} | {int(at): 0.5 for at in rest[: len(hill)]}
    fractions |= {at: 0.5 for at in range(20, 40) if planned(rule, town(), value)[0].amount[at, 0] > 0}
    plan = changed(rule, town(), fractions, value)
    assert plan.share_by_hand == pytest.approx(0.5)
    with pytest.raises(WithheldError, match=r"The overrides set 50\.0\s% of the effort by hand.*max_override_share"):
        plan.check(rule, WIDE, most)
    assert plan.check(rule, WIDE, 0.5).share == pytest.approx(0.5)


def test_a_cell_that_the_lottery_did_not_draw_counts_with_its_chance():
    rule, inputs = TopAreas(share=0.25, exploration=0.5), town()
    plan = planned(rule, inputs, even_value(inputs))[0]
    undrawn = np.flatnonzero((plan.amount[:, 0] == 0) & (plan.inclusion[:, 0] > 0))
    quiet = changed(rule, inputs, {int(at): 0.0 for at in undrawn}, even_value(inputs))
    assert (quiet.final.amount == quiet.planned.amount).all()
    assert quiet.share_by_hand > 0.3  # nothing seems to change, and the draw is no longer one


def test_the_text_shows_the_share_and_a_limit_that_was_raised():
    rule, value, (hill, rest, *_) = top(town())
    plan = changed(rule, town(), swap(hill, rest, 1), value)
    assert plan.check(rule, WIDE, 0.2).lines[0].replace("\N{NO-BREAK SPACE}", " ") == (
        "10.0 % of the effort was set by hand (limit 20 %)."
    )
    assert "(limit 90 %, default 20 %)" in plan.check(rule, WIDE, 0.9).text.replace("\N{NO-BREAK SPACE}", " ")


# Single overrides


@pytest.mark.parametrize("effort", [-1.0, 1.5, np.nan, np.inf])
def test_an_effort_outside_full_coverage_is_refused(effort):
    rule, value, (hill, *_) = top(town())
    with pytest.raises(InputError, match=r"The override of c\d+ in 2022-01-03 sets the effort"):
        changed(rule, town(), {int(hill[0]): effort}, value)


def test_hours_beyond_full_coverage_are_refused_too():
    """All hours of the city on one cell would cover more than all of its events."""
    rule = Proportional(budget=Budget(budget_share=0.25, budget_unit="hours", per_cell=4))
    with pytest.raises(InputError, match=r"needs 4; write a number from 0 to 4"):
        changed(rule, town(), {0: 40.0})


def test_two_overrides_of_one_cell_are_refused():
    plan, _, need = planned(TopAreas(share=0.25), town())
    twice = tuple(Override("c1", START, effort, "S. Ergeant", "asked") for effort in (0.0, 1.0))
    cells = pd.Index([f"c{at}" for at in range(len(need))])
    with pytest.raises(InputError, match="Two overrides name c1 in 2022-01-03"):
        apply_overrides(plan, twice, cells, PERIODS, need)


# Constraints of the rule


def test_an_override_that_breaks_an_exposure_cap_is_refused():
    inputs = town()
    rule = Constrained(share=0.25, exposure={"origin": {"cap": 1.2}})
    plan = planned(rule, inputs)[0].amount[:, 0] > 0
    hill, shore = np.flatnonzero(plan[:20]), 20 + np.flatnonzero(~plan[20:])
    attack = changed(rule, inputs, swap(hill, shore, 3))
    words = (
        r"break a constraint of the plan: exposure of origin/shore relative to the rest is 2\.846 \(at most 1\.2\), "
        r"1 before the overrides\. Change or remove overrides, or raise allocation\.exposure\.origin\.cap"
    )
    with pytest.raises(WithheldError, match=words):
        attack.check(rule, WIDE, ANY)


@pytest.mark.parametrize("reference", [None, "hill"])
def test_an_exposure_cap_that_still_holds_is_kept(reference):
    inputs = town()
    rule = Constrained(share=0.25, exposure={"origin": {"cap": 1.5, "reference": reference}})
    plan = planned(rule, inputs, even_value(inputs))[0].amount[:, 0] > 0
    attack = changed(rule, inputs, swap(np.flatnonzero(plan[:20]), np.flatnonzero(~plan[:20]), 2), even_value(inputs))
    assert attack.check(rule, WIDE, 0.2).share == pytest.approx(0.2)
    values = rule.constraint_values(attack.final, expected_share(attack.final, attack.need), inputs)
    assert values
    assert all(one.excess == 0 for one in values)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"coverage": {"origin": 0.2}}, r"coverage of origin/hill is 0\.\d+ \(at least 0\.2\)"),
        ({"districts": 4}, r"effort for district district 0 is \d \(at least 4\).*lower allocation\.districts"),
        ({"districts": {"district 0": 4}}, r"effort for district district 0 is \d \(at least 4\)"),
        ({"spacing": 800}, r"distance of chosen cells is 500 \(at least 800\).*lower allocation\.spacing"),
        ({"patrol_areas": 1}, r"number of connected patrol areas is \d+ \(at most 1\).*raise allocation\.patrol_areas"),
    ],
)
def test_every_other_constraint_is_measured_again(settings, words):
    inputs = town()
    rule = Constrained(share=0.25, **settings)
    plan = planned(rule, inputs)[0].amount[:, 0] > 0
    hill, shore = np.flatnonzero(plan[:20]), 20 + np.flatnonzero(~plan[20:])
    kept = changed(rule, inputs, {int(hill[0]): 1.0} if len(hill) else {})
    kept.check(rule, WIDE, 0.0)
    attack = changed(rule, inputs, swap(hill, shore, len(hill)) if len(hill) else {0: 1.0, 39: 0.0})
    with pytest.raises(WithheldError, match=words):
        attack.check(rule, WIDE, ANY)


def test_the_cap_of_a_district_is_measured_again():
    inputs, rule = town(), Capped(share=0.25, most=0.5)
    plan = planned(rule, inputs)[0].amount[:, 0] > 0
    one, other = np.flatnonzero(plan[:20]), 20 + np.flatnonzero(~plan[20:])
    with pytest.raises(WithheldError, match=r"effort for district district 1 is 6 \(at most 5\), 5 before"):
        changed(rule, inputs, swap(one, other, 1)).check(rule, WIDE, ANY)


def test_a_constraint_that_the_plan_broke_before_may_become_better_and_not_worse():
    inputs, rule = town(), Constrained(share=0.25, spacing=800)
    crowded, value, need = planned(TopAreas(share=0.25), inputs)
    cells = pd.Index([f"c{at}" for at in range(40)])
    far = Override("c0", START, 1.0, "S. Ergeant", "asked")
    final = apply_overrides(crowded, (far,), cells, PERIODS, need)
    assert OverriddenPlan(crowded, final, value, need, inputs).check(rule, WIDE, ANY).share > 0


@pytest.mark.parametrize("seed", range(25))
def test_measured_constraints_hold_exactly_where_those_of_the_solver_do(seed):
    """A plan that the rule itself makes meets every bound; random plans meet them where the formulas say so."""
    rng, inputs = np.random.default_rng(seed), small_town(rows=5, columns=6, seed=seed)
    inputs = replace(inputs, expected=rng.gamma(0.7, 1.0, (30, 1)))
    rule = Constrained(share=0.3, exposure={"origin": {"cap": 1.1}}, coverage={"origin": 0.2}, spacing=400, districts=1)
    plan = rule.allocate(np.asarray(inputs.expected), inputs)
    values = rule.constraint_values(plan, expected_share(plan, rule.budget.need(inputs)), inputs)
    assert len(values) == 2 + 2 + 3 + 1
    assert max(one.excess for one in values) < 1e-4
    chosen = (rng.random((30, 1)) < 0.3).astype(float)
    other = replace(plan, amount=chosen, inclusion=chosen)
    (residents,), share = inputs.residents, chosen
    for one in rule.constraint_values(other, share, inputs):
        for place, group in enumerate(residents.groups):
            people = residents.by_group[:, place]
            if one.name.startswith(f"exposure of origin/{group}"):
                rest = residents.total - people
                most = 1.1 * (rest @ chosen).item() / rest.sum()
                assert (one.excess > 0) == ((people @ chosen).item() / people.sum() > most)


# Measures of groups


def test_all_effort_moved_to_the_area_of_one_group_breaks_an_audited_limit():
    inputs = town()
    rule, value, (hill, _, _, shore) = top(inputs)
    attack = changed(rule, inputs, swap(hill, shore, len(hill)), value)
    words = (
        r"break a limit of the audit, or break it further: .*"
        r"Need-adjusted ratio of origin/shore is 1\.\d+ after the overrides and 1 before "
        r"\(fail below 0\.8, review above 1\.15, fail above 1\.25\)"
    )
    with pytest.raises(WithheldError, match=words):
        attack.check(rule, {}, ANY)


def test_effort_removed_from_the_area_of_one_group_breaks_its_coverage():
    inputs = town()
    rule, value, (hill, *_) = top(inputs)
    attack = changed(rule, inputs, {int(at): 0.0 for at in hill[:3]}, value)
    with pytest.raises(WithheldError, match=r"Coverage ratio of origin/hill to origin/shore is 0\.\d+ after"):
        attack.check(rule, {}, ANY)


def test_a_plan_without_any_effort_is_refused():
    inputs = town()
    rule, value, _ = top(inputs)
    given = np.flatnonzero(planned(rule, inputs, value)[0].amount[:, 0] > 0)
    with pytest.raises(WithheldError, match="is nan after the overrides"):
        changed(rule, inputs, {int(at): 0.0 for at in given}, value).check(rule, {}, ANY)


def test_the_limits_are_those_of_the_decision():
    inputs = town(120)
    rule, value, (hill, _, _, shore) = top(inputs)
    plan = changed(rule, inputs, swap(hill, shore, 1), value)
    assert len(plan.check(rule, {}, ANY).warnings) > 0
    strict = WIDE | {"need_adjusted_ratio": Limit(fail_below=0.96, fail_above=1.04)}
    assert plan.check(rule, WIDE, ANY).warnings == ()
    with pytest.raises(WithheldError, match=r"fail above 1\.04"):
        plan.check(rule, strict, ANY)


def test_a_review_limit_is_said_and_does_not_stop():
    inputs = town(120)
    rule, value, (hill, _, _, shore) = top(inputs)
    effect = changed(rule, inputs, swap(hill, shore, 1), value).check(rule, {}, 0.2)
    assert [line for line in effect.warnings if "Coverage ratio of origin/hill to origin/shore is 0.8987 after" in line]
    assert effect.lines[1:] == effect.warnings


def test_a_measure_that_failed_before_may_not_get_worse():
    inputs = town()
    rule, plan_value = TopAreas(share=0.25), np.linspace(1, 2, 40)[:, None]  # all effort on the shore
    given = np.flatnonzero(planned(rule, inputs, plan_value)[0].amount[:, 0] > 0)
    better = changed(rule, inputs, swap(given, np.arange(20), 1), plan_value).check(rule, {}, ANY)
    assert better.warnings
    mixed = np.where(np.arange(40) < 2, 3.0, plan_value[:, 0])[:, None]  # two cells of the hill
    left = [at for at in range(20, 40) if planned(rule, inputs, mixed)[0].amount[at, 0] == 0]
    with pytest.raises(WithheldError, match="Need-adjusted ratio"):
        changed(rule, inputs, swap([0, 1], left, 2), mixed).check(rule, {}, ANY)


def test_the_gap_is_that_of_the_final_plan():
    inputs = town()
    rule, value, (hill, rest, *_) = top(inputs)
    plan = changed(rule, inputs, swap(hill, rest, 1), value)
    before, after = ((expected_share(one, plan.need) * value).sum() for one in (plan.planned, plan.final))
    assert plan.gap == pytest.approx([1 - after / before])
    assert 0 < plan.gap[0] < 0.1
