import numpy as np
import pytest

from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.concentration import Permanence, gini, permanent_cells
from ilp_models.audit.measures.group_sums import Basis
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit.measures.random_cases import FEW, living, random_case


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
