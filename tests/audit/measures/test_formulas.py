import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.concentration import Permanence, gini, permanent_cells
from ilp_models.audit.measures.group_sums import Basis, tally_errors, tally_flags
from ilp_models.audit.measures.table import OF_ERRORS, OF_FLAGS, group_calibration
from ilp_models.audit.residents import Residents
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.calibration import calibration_line

FEW = Bootstrap(block=2, draws=50)


def living(by_group):
    people = np.asarray(by_group, dtype=float)
    return Residents("origin", tuple("abcdefgh"[: people.shape[1]]), people, people.sum(axis=1), people, 0.0)


def deviance(y, p):
    return 2 * (special.xlogy(y, y / p) - y + p)


def random_case(seed, kinds=2, cells=8, periods=9, groups=3):
    """Return flags of both, recorded events, forecasts of both, and residents."""
    rng = np.random.default_rng(seed)
    shape = kinds, cells, periods
    flags = [(rng.random((kinds + (kinds > 1), cells, periods)) < 0.4).astype(float) for _ in range(2)]
    rates = rng.gamma(1.0, 1.5, shape) + 0.05
    return (
        *flags,
        rng.poisson(rates).astype(float),
        rates,
        rates * rng.gamma(9, 1 / 9, shape),
        living(rng.gamma(1.0, 100, (cells, groups))),
    )


def measures(flags, theirs, observed, expected, other, people):
    """Return every measure of every type and group in one array."""
    basis = Basis.from_residents(people)
    of_flags = tally_flags(basis, flags, observed, theirs).whole
    losses = deviance(observed, expected), deviance(observed, other)
    of_errors = tally_errors(basis, expected, observed, losses).whole
    lasting = Permanence.from_flags(basis, flags).whole
    with np.errstate(divide="ignore", invalid="ignore"):
        made = [
            *(formula(of_flags) for formula in OF_FLAGS.values()),
            *(formula(of_errors) for formula in OF_ERRORS.values()),
            formulas.permanent(lasting),
            formulas.permanent_ratio(lasting),
        ]
    return np.stack(made)


def test_errors_by_hand():
    # two cells, two groups, two weeks; the first cell is expected too high, the second too low
    observed, expected = np.array([[[1.0, 3], [4, 4]]]), np.array([[[2.0, 4], [3, 2]]])
    people = living([[30, 10], [20, 60]])
    losses = deviance(observed, expected), deviance(observed, np.full_like(observed, 3.0))
    sums = tally_errors(Basis.from_residents(people), expected, observed, losses).whole
    happened = np.array([4 * 0.75 + 8 * 0.25, 4 * 0.25 + 8 * 0.75])
    assert formulas.sum_ratio(sums)[0] == pytest.approx(np.array([6 * 0.75 + 5 * 0.25, 6 * 0.25 + 5 * 0.75]) / happened)
    assert formulas.over_prediction(sums)[0] == pytest.approx(np.array([2 * 0.75, 2 * 0.25]) / happened)
    assert formulas.under_prediction(sums)[0] == pytest.approx(np.array([3 * 0.25, 3 * 0.75]) / happened)
    assert formulas.error(sums)[0] == pytest.approx([(2 * 0.75 + 3 * 0.25) / 2, (2 * 0.25 + 3 * 0.75) / 2])
    mine, theirs = (loss[0].sum(axis=1) @ people.by_group for loss in losses)
    assert formulas.d2(sums)[0] == pytest.approx(1 - mine / theirs)


def test_the_exposure_ratio_is_compared_with_that_of_the_baseline():
    flags, theirs, observed, _, _, people = random_case(4)
    sums = tally_flags(Basis.from_residents(people), flags, observed, theirs).whole
    swapped = tally_flags(Basis.from_residents(people), theirs, observed, flags).whole
    ratio = formulas.baseline_exposure_ratio(sums)
    assert ratio == pytest.approx(formulas.exposure_ratio(sums) / formulas.exposure_ratio(swapped))
    assert formulas.baseline_exposure_ratio(swapped) == pytest.approx(1 / ratio)


def test_permanence_by_hand():
    # the first cell is flagged in two of three weeks, the second in one, the third always
    flags = np.array([[[1.0, 1, 0], [0, 0, 1], [1, 1, 1]]])
    people = living([[30, 10], [20, 60], [10, 0]])
    assert permanent_cells(flags).tolist() == [[True, False, True]]
    sums = Permanence.from_flags(Basis.from_residents(people), flags).whole
    assert formulas.permanent(sums)[0] == pytest.approx([40 / 60, 10 / 70])
    assert formulas.permanent_ratio(sums)[0] == pytest.approx([40 / 60 * 70 / 10, 10 / 70 * 60 / 40])
    none = Permanence.from_flags(Basis.from_residents(people), flags * 0.4).whole
    assert formulas.permanent(none)[0].tolist() == [0, 0]
    with np.errstate(invalid="ignore"):
        assert formulas.permanent_ratio(none)[0].tolist() == [1, 1]


def test_permanence_in_drawn_weeks_is_that_of_maps_repeated():
    flags, _, _, _, _, people = random_case(5, periods=7)
    weights = Bootstrap(block=1, draws=30).weights(7)
    tally = Permanence.from_flags(Basis.from_residents(people), flags)
    drawn = tally.of_periods(weights)["permanent"]
    for row, weight in zip(drawn, weights.astype(int), strict=True):
        repeated = np.repeat(flags, weight, axis=2)
        assert row == pytest.approx(Permanence.from_flags(Basis.from_residents(people), repeated).whole["permanent"])


def test_gini_is_0_where_time_is_shared_and_near_1_where_one_cell_has_it():
    shared, alone = np.full((1, 10, 12), 0.3), np.zeros((1, 10, 12))
    alone[0, 3] = 1
    assert gini(shared, FEW).value == pytest.approx(0)
    assert gini(alone, FEW).value == pytest.approx(0.9)
    mixed = np.random.default_rng(0).random((2, 6, 12))
    time = mixed[0].sum(axis=1)
    by_pairs = np.abs(time[:, None] - time).sum() / (2 * 6 * time.sum())
    estimate = gini(mixed, FEW)
    assert estimate.value[0] == pytest.approx(by_pairs)
    assert estimate.value.shape == (2,)
    assert (estimate.low <= estimate.value).all()
    assert np.isnan(gini(alone * 0, FEW).value).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 1000))
def test_what_must_change_nothing_changes_nothing(seed, factor):
    case = random_case(seed)
    *cubes, people = case
    whole = measures(*case)
    assert measures(*cubes, living(people.by_group * factor)) == pytest.approx(whole, nan_ok=True)
    empty = living(np.vstack([people.by_group, np.zeros((1, 3))]))
    more = [np.concatenate([cube, cube[:, :1]], axis=1) for cube in cubes]
    assert measures(*more, empty) == pytest.approx(whole, nan_ok=True)
    # an area cut in two halves alike, each with half of the residents, the events and the forecasts
    halves = [np.repeat(cube / (1 if at < 2 else 2), 2, axis=1) for at, cube in enumerate(cubes)]
    half = living(np.repeat(people.by_group / 2, 2, axis=0))
    per_cell = whole.copy()
    per_cell[len(OF_FLAGS) + list(OF_ERRORS).index("error")] /= 2  # events of a cell: half as many in half a cell
    assert measures(*halves, half) == pytest.approx(per_cell, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_one_composition_everywhere_gives_the_same_to_all(seed):
    *cubes, _ = random_case(seed)
    for flags in cubes[:2]:
        flags[:, 0] = 1
    people = living(np.outer(np.arange(1, 9), [5.0, 3, 2]))
    made = dict(zip([*OF_FLAGS, *OF_ERRORS, "permanent", "permanent_ratio"], measures(*cubes, people), strict=True))
    for name in ("exposure_ratio", "baseline_exposure_ratio", "need_adjusted_ratio", "permanent_ratio"):
        assert made[name] == pytest.approx(1), name
    for name in ("exposure", "coverage", "sum_ratio", "over_prediction", "under_prediction", "d2", "permanent"):
        assert np.ptp(made[name], axis=1) == pytest.approx(0), name
    for name in ("patrol_share", "burden_share"):
        assert made[name] == pytest.approx(np.broadcast_to([0.5, 0.3, 0.2], (3, 3)), nan_ok=True), name


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 19))
def test_random_flags_expose_all_to_the_share_of_cells_on_average(seed, flagged):
    rng = np.random.default_rng(seed)
    flags = (rng.permuted(np.tile(np.arange(20), (1, 4000, 1)), axis=2) < flagged).astype(float).swapaxes(1, 2)
    people = living(rng.gamma(2.0, 100, (20, 3)))
    sums = tally_flags(Basis.from_residents(people), flags, np.ones_like(flags), flags).whole
    assert formulas.exposure(sums) == pytest.approx(flagged / 20, abs=0.02)


def test_without_other_residents_there_is_nothing_to_compare_with():
    flags, theirs, observed, _, _, _ = random_case(1)
    alone = living(np.full((8, 1), 100.0))
    sums = tally_flags(Basis.from_residents(alone), flags, observed, theirs).whole
    with np.errstate(divide="ignore", invalid="ignore"):
        assert np.isnan(formulas.exposure_ratio(sums)).all()


def test_calibration_inside_a_group_is_the_line_of_its_cells():
    _, _, observed, expected, _, people = random_case(2, cells=30, periods=20)
    slope, intercept = group_calibration(expected, observed, people, FEW, 0.005)
    line = calibration_line(observed[0], expected[0], people.shares[:, [1]], 0.005)
    assert (slope.value[0, 1], intercept.value[0, 1]) == pytest.approx((line.slope, line.intercept))
    assert (slope.low[0, 1], slope.high[0, 1]) == pytest.approx(line.intervals(FEW)[0])
    assert slope.value.shape == (3, 3)
    assert np.isnan(group_calibration(expected, observed * 0, people, FEW, 0.005)[0].value).all()
