from dataclasses import replace

import numpy as np

from ilp_models.domain.replay import Cost
from tests.builders import replay_of

RATES = np.full((2, 3, 4), 0.5)
COUNTS = np.arange(24).reshape(2, 3, 4)


def one(name="ewma", rates=RATES, counts=COUNTS, **settings):
    return replay_of(rates, counts, name, **settings)


def test_the_same_units_and_counts_do_not_differ():
    assert one().difference(one("glm", rates=RATES + 1)) == ""


def test_other_cells_types_periods_and_counts_are_named_with_the_first():
    assert one().difference(one("glm", RATES[:, :2], COUNTS[:, :2])) == (
        "differ in their cells: 3 and 2, 2 of them in both; first c2 of ewma alone"
    )
    assert one("glm", RATES[:1], COUNTS[:1]).difference(one()) == (
        "differ in their crime types: 1 and 2, 1 of them in both; first b of ewma alone"
    )
    assert one().difference(one("glm", start="2021-01-11")) == (
        "differ in their periods: 4 and 4, 3 of them in both; first 2021-01-04/2021-01-10 of ewma alone"
    )
    other = COUNTS.copy()
    other[1, 2, 3], other[0, 1, 2] = 99, 7
    assert one().difference(one("glm", counts=other)) == (
        "differ in their counts of 2 units: first 6 and 7 at a / c1 / 2021-01-18/2021-01-24"
    )


def test_another_order_is_no_sameness():
    turned = one().expected.indexes["cell"][[0, 2, 1]]
    parts = {name: getattr(one(), name).sel(cell=turned) for name in ("expected", "quantiles", "observed")}
    assert one().difference(replace(one("glm"), **parts)) == (
        "differ in their cells: 3 and 3, 3 of them in both, in another order; first c1 of ewma and c2"
    )


FIT = Cost(1, 1, 2.0, 1.5, 0.5, 0.25, 30.0)
UPDATE = Cost(0, 1, 0.0, 0.0, 0.5, 0.5, 20.0)


def test_costs_add_up_and_the_peak_is_the_largest():
    assert Cost.total([FIT, UPDATE, UPDATE]) == Cost(1, 3, 2.0, 1.5, 1.5, 1.25, 30.0)


def test_what_is_not_known_in_part_is_not_known():
    assert Cost.total([FIT, None]) is None
    assert Cost.total([]) is None


def test_a_peak_that_nobody_measured_stays_unknown():
    assert np.isnan(Cost.total([FIT, Cost(peak_mb=float("nan"))]).peak_mb)


def test_text_gives_the_cost_back():
    assert Cost.from_json(FIT.to_json()) == FIT
