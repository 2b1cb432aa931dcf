import numpy as np

from ilp_models.domain.cost import Cost

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
