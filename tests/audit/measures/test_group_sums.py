import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.concentration import Permanence
from ilp_models.audit.measures.group_sums import Basis, tally_errors, tally_flags
from ilp_models.audit.measures.table import OF_ERRORS, OF_FLAGS
from tests.audit.measures.random_cases import deviance, living, random_case


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


@settings(max_examples=25)
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


@settings(max_examples=25)
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


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 19))
def test_random_flags_expose_all_to_the_share_of_cells_on_average(seed, flagged):
    rng = np.random.default_rng(seed)
    flags = (rng.permuted(np.tile(np.arange(20), (1, 4000, 1)), axis=2) < flagged).astype(float).swapaxes(1, 2)
    people = living(rng.gamma(2.0, 100, (20, 3)))
    sums = tally_flags(Basis.from_residents(people), flags, np.ones_like(flags), flags).whole
    assert formulas.exposure(sums) == pytest.approx(flagged / 20, abs=0.02)
