from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from tests.allocation.allocation_inputs import coverages, exposure_ratios, refusal, skewed_values, small_town, worth_of


def test_large_town_is_solved_near_the_bound_of_its_relaxation():
    ground, worth = small_town(20, 20), skewed_values(small_town(20, 20))
    settings = {"exposure": {"origin": {"cap": 1.02}}, "coverage": {"origin": 0.3}}
    quick = Constrained(Budget(amount=40), gap=0.01, **settings).allocate(worth, ground)
    exact = Constrained(Budget(amount=40), gap=0.0, time_limit_s=30, **settings).allocate(worth, ground)
    assert quick.gap[0] <= 0.01
    assert worth_of(quick, worth) <= worth_of(exact, worth) * (1 + 1e-9)
    assert worth_of(exact, worth) <= worth_of(quick, worth) * (1 + quick.gap[0] + 1e-9)
    assert (exposure_ratios(quick.amount.T, ground.residents[0]) <= 1.02 + 1e-5).all()
    assert (coverages(quick.amount.T, worth[:, 0], ground.residents[0]) >= 0.3 - 1e-6).all()


def test_infeasible_constraint_is_named_with_its_remedy():
    line = refusal(exposure={"origin": {"cap": 0.2}}, districts=1)
    assert line.startswith("Period 1: no allocation meets all constraints.")
    assert "raise allocation.exposure.origin.cap" in line
    assert "allocation.districts" not in line
    assert "'at least 3 for each of 2 districts' (lower allocation.districts)" in refusal(districts=3)
    assert "lower allocation.spacing" in refusal(spacing=5000)
    assert "without 'spending all 4 cells' (set allocation.spend_all=false)" in refusal(spacing=5000)
    assert "'a budget of 4 cells' (raise the budget)" in refusal(districts=3)


def test_jointly_infeasible_constraints_are_all_named():
    line = refusal(districts={"district 0": 4, "district 1": 1})
    assert "at least 4 for district district 0" in line
    assert "at least 1 for district district 1" in line
    two_ways = refusal(districts=3, exposure={"origin": {"cap": 0.2}})
    assert "Change at least two of" in two_ways or "It is feasible without" in two_ways


def test_unspent_budget_can_restore_feasibility():
    effort = Constrained(Budget(amount=4), spacing=5000, spend_all=False).allocate(
        skewed_values(small_town()), small_town()
    )
    assert effort.amount.sum() == 1
