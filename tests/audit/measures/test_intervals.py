"""Intervals and p-values against cities whose truth is known."""

from functools import partial

import numpy as np
import pytest

from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.formulas import group_ratio
from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums, exchanged, tally_flags
from ilp_models.audit.measures.intervals import Drawn, draw, p_values
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit.measures.drawn_cities import city, living


def test_week_intervals_cover_the_ratio_of_the_city_at_hand():
    rng = np.random.default_rng(0)
    people = city(rng)
    chance, rates = rng.beta(1, 4, (1, 40, 1)), rng.gamma(1, 1, (1, 40, 1))
    shares = people.shares
    patrol, burden = (shares.T @ (one[0, :, 0] / one.sum()) for one in (chance, rates))
    truth, held, made = patrol / burden, 0, 0
    for seed in range(150):
        flags = (rng.random((1, 40, 52)) < chance).astype(float)
        observed = rng.poisson(np.repeat(rates, 52, axis=2)).astype(float)
        tally = tally_flags(Basis.from_residents(people), flags, observed, flags)
        need = Drawn.from_weeks(tally, Bootstrap(draws=400, seed=seed)).estimate(formulas.need_adjusted_ratio)
        held += int(((need.low[0] <= truth) & (truth <= need.high[0])).sum())
        made += 3
    assert 0.9 <= held / made <= 0.985


def test_area_intervals_cover_the_ratio_of_cities_made_alike():
    """Areas are drawn from a world in which the share of a group raises the chance of a flag."""
    rng = np.random.default_rng(1)

    def world(areas):
        share = rng.beta(1, 2, areas)
        size = rng.gamma(4, 250, areas)
        return size[:, None] * np.column_stack([share, 1 - share]), (rng.random(areas) < 0.1 + 0.4 * share)

    by_group, flagged = world(400_000)
    exposure = flagged @ by_group / by_group.sum(axis=0)
    truth, held = exposure[0] / exposure[1], 0
    for seed in range(150):
        by_group, flagged = world(80)
        flags = flagged.astype(float)[None, :, None]
        tally = GroupSums.from_cubes(Basis.from_residents(living(by_group)), {"exposed": Cube(flags, "people")})
        ratio = draw([tally], Bootstrap(draws=400, seed=seed))[0].measure(formulas.exposure_ratio)
        assert np.isnan(ratio.week_low).all()
        held += int(ratio.area_low[0, 0] <= truth <= ratio.area_high[0, 0])
    assert 0.89 <= held / 150 <= 0.99


def test_p_values_are_uniform_where_flags_have_nothing_to_do_with_residents():
    rng, plain, smallest = np.random.default_rng(2), [], []
    for seed in range(200):
        people = city(rng)
        flags = np.repeat(rng.permuted(np.arange(40) < 8)[None, :, None].astype(float), 4, axis=2)
        tally = GroupSums.from_cubes(Basis.from_residents(people), {"exposed": Cube(flags, "people")})
        ratio = draw([tally], Bootstrap(draws=199, seed=seed))[0].measure(formulas.exposure_ratio)
        plain.append(ratio.p_chance[0, 0])
        smallest.append(ratio.p_adjusted.min())
        assert (ratio.p_adjusted >= ratio.p_chance).all()
    grid = np.linspace(0.05, 0.95, 19)
    apart = np.abs((np.array(plain)[:, None] <= grid).mean(axis=0) - grid)
    assert apart.max() <= 1.63 / np.sqrt(200)  # Kolmogorov and Smirnov, 1 %
    assert np.mean(np.array(smallest) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_flags_that_follow_a_group_lie_beyond_chance():
    rng = np.random.default_rng(3)
    people = city(rng)
    flags = np.repeat((people.shares[:, 0] > 0.6)[None, :, None].astype(float), 12, axis=2)
    tally = tally_flags(Basis.from_residents(people), flags, np.ones_like(flags), flags)
    drawn = draw([tally], Bootstrap(draws=500))[0]
    ratio = drawn.measure(formulas.exposure_ratio)
    assert ratio.p_chance[0, 0] < 0.01
    assert ratio.p_adjusted[0, 0] < 0.02
    assert ratio.value[0, 0] > ratio.chance_high[0, 0]
    assert ratio.chance_low[0, 0] < 1 < ratio.chance_high[0, 0]
    assert ratio.area_low[0, 0] > 1
    same = drawn.measure(formulas.baseline_exposure_ratio)
    assert same.p_chance == pytest.approx(1)
    assert same.p_adjusted == pytest.approx(1)


def test_nobody_moved_gives_the_measures_themselves_on_cells_of_larger_areas():
    rng = np.random.default_rng(4)
    area = np.repeat(np.arange(20), 4)
    people = living(np.repeat(rng.dirichlet(np.ones(3), 20), 4, axis=0) * rng.gamma(2, 100, (80, 1)), area)
    flags, theirs = ((rng.random((3, 80, 6)) < 0.3).astype(float) for _ in range(2))
    observed = rng.poisson(1.0, (2, 80, 6)).astype(float)
    tally = tally_flags(Basis.from_residents(people), flags, observed, theirs)
    moved = exchanged([tally], Bootstrap(draws=20))[0]
    for formula in (formulas.exposure, formulas.patrol_share, formulas.need_adjusted_ratio, formulas.coverage):
        values = formula(moved)
        assert values[0] == pytest.approx(formula(tally.whole))
        assert values.shape == (21, 3, 3)
        assert np.ptp(values, axis=0).min() > 0


def test_draws_without_any_flag_widen_the_area_interval_and_do_not_hide_it():
    people = city(np.random.default_rng(7), areas=60)
    flags = np.zeros((1, 60, 4))
    flags[0, [3, 9, 14, 20, 33, 41, 55]] = 1  # drawn not once in one of 1,000 draws
    tally = GroupSums.from_cubes(Basis.from_residents(people), {"exposed": Cube(flags, "people")})
    ratio = draw([tally], Bootstrap(draws=4000))[0].measure(formulas.exposure_ratio)
    assert (ratio.area_low < ratio.value).all()
    assert (ratio.value < ratio.area_high).all()
    flags[0, 9:] = 0
    rare = GroupSums.from_cubes(Basis.from_residents(people), {"exposed": Cube(flags, "people")})
    assert np.isnan(draw([rare], Bootstrap(draws=400))[0].measure(formulas.exposure_ratio).area_high).all()


def test_residents_are_drawn_with_their_areas():
    people = city(np.random.default_rng(10))
    tally = GroupSums.from_cubes(Basis.from_residents(people), {"exposed": Cube(np.ones((1, 40, 4)), "people")})
    exposure = draw([tally], Bootstrap(draws=200))[0].measure(formulas.exposure)
    for bound in (exposure.area_low, exposure.area_high):  # all areas are flagged, so everyone is exposed in each draw
        assert bound == pytest.approx(1, abs=1e-12)
    weights = np.zeros((1, 40))
    weights[0, 3] = 2
    drawn = tally.of_areas(weights)
    assert drawn["people"][0, 0] == pytest.approx(2 * np.append(people.by_group[3], people.total[3]))
    assert drawn["cells"][0, 0] == pytest.approx(2 * np.append(people.shares[3], 1))


def test_too_few_weeks_or_areas_leave_no_interval():
    flags = np.ones((1, 2, 8))
    two = tally_flags(Basis.from_residents(living([[3.0, 1], [1, 3]])), flags, flags, flags)
    spread = draw([two], Bootstrap(draws=20))[0].measure(formulas.exposure)
    assert spread.value == pytest.approx(1)
    for name in ("week_low", "week_high", "area_low", "area_high", "chance_low", "chance_high", "p_chance"):
        assert np.isnan(getattr(spread, name)).all(), name


def test_the_two_groups_furthest_apart_stay_the_same_in_other_weeks_and_are_found_anew_by_chance():
    rng = np.random.default_rng(8)
    people = city(rng, groups=4)
    flags = (rng.random((1, 40, 52)) < 0.2).astype(float)
    tally = tally_flags(Basis.from_residents(people), flags, rng.poisson(1.0, flags.shape).astype(float), flags)
    drawn = draw([tally], Bootstrap(draws=300))[0]
    ratio = drawn.extreme(formulas.coverage, partial(group_ratio, enough=np.ones((1, 4), dtype=bool), lowest=True))
    coverage = formulas.coverage(tally.whole)
    assert ratio.value == pytest.approx(coverage.min() / coverage.max())
    assert ratio.week_high > 1  # no group stands out here, so another pair would often be further apart
    assert ratio.chance_high <= 1
    one = drawn.extreme(formulas.coverage, partial(group_ratio, enough=np.array([[True, False, False, False]])))
    assert np.isnan(one.value).all()


def test_p_values_count_ties_and_fall_back_on_bonferroni_where_chance_changes_nothing():
    rng = np.random.default_rng(9)
    drawn = np.column_stack([rng.normal(size=100), np.full(100, 2.0), np.full(100, np.nan)])
    drawn[0, 0] = 5
    plain, adjusted = p_values(drawn)
    assert plain[:2].tolist() == [0.02, 1]
    assert adjusted[:2] == pytest.approx([0.02, 1])
    assert np.isnan(plain[2])
    assert np.isnan(adjusted[2])
