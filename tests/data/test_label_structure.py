import numpy as np
import pandas as pd
import pytest

from ilp_models.data.label_structure import AreaTest, check_areas, too_many_types


def square(count, seed=0):
    return np.random.default_rng(seed).uniform(0, 1000, (2, count))


def quarters(x, y):
    return (x > 500).astype(np.int64) * 2 + (y > 500)


def test_quarters_of_a_square_are_areas():
    x, y = square(400)
    assert check_areas(x, y, quarters(x, y)) == AreaTest(confirmed=True)


def test_shuffled_labels_are_no_areas_and_the_agreement_is_named():
    x, y = square(400)
    labels = np.random.default_rng(1).permutation(quarters(x, y))
    problem = check_areas(x, y, labels).problem
    assert problem.startswith("neighbouring records rarely share a label (agreement 0.0")
    areas = float(problem.rpartition("areas would have ")[2].rstrip(")"))
    assert 0.85 < areas < 1


def test_agreement_is_kappa_by_hand():
    # Four points on a line: the nearest other point of 0 is 1, of 1 is 0, of 10 is 11 and of 11 is 10.
    from ilp_models.data.label_structure import _Points

    points = _Points.from_records(np.array([0.0, 1.0, 10.0, 11.0]), np.zeros(4))
    assert points.agreement(np.array([0, 0, 1, 1])) == pytest.approx(1.0)
    assert points.agreement(np.array([0, 1, 0, 1])) == pytest.approx(-1.0)  # (0 - 1/2) / (1 - 1/2)
    assert points.agreement(np.array([0, 0, 0, 1])) == pytest.approx((0.5 - 0.625) / 0.375)


def test_records_at_one_point_are_compared_with_each_other():
    from ilp_models.data.label_structure import _Points

    points = _Points.from_records(np.array([0.0, 0.0, 0.0, 5.0]), np.zeros(4))
    # At 0, one of three pairs agrees. The record at 5 agrees with two of the three records at 0.
    observed, chance = (1 / 3 + 2 / 3) / 2, ((2 / 3 + 1) / 2) ** 2 + (1 / 6) ** 2
    assert points.agreement(np.array([0, 0, 1, 0])) == pytest.approx((observed - chance) / (1 - chance))


@pytest.mark.parametrize("count", [2, 49])
def test_few_records_show_nothing(count):
    x, y = square(count)
    assert check_areas(x, y, np.arange(count)) == AreaTest()


def test_one_label_and_one_place_show_nothing():
    x, y = square(100)
    assert check_areas(x, y, np.zeros(100, dtype=np.int64)).problem == ""
    assert check_areas(np.zeros(100), np.zeros(100), np.arange(100) % 3).problem == ""


def test_records_at_the_centre_of_their_area_pass():
    centres = np.array([(i, j) for i in range(6) for j in range(6)]) * 100.0
    labels = np.random.default_rng(2).integers(0, 36, 500)
    assert check_areas(*centres[labels].T, labels).problem == ""


def test_many_labels_at_one_point_each_are_addresses():
    x, y = square(400)
    home = np.random.default_rng(3).integers(0, 400, 1200)
    assert "one point, as addresses do" in check_areas(x[home], y[home], home).problem


def test_more_labels_than_places_are_no_areas():
    x, y = square(40)
    at = np.random.default_rng(4).integers(0, 40, 600)
    assert check_areas(x[at], y[at], np.arange(600) % 200).problem != ""


@pytest.mark.slow
def test_thinning_keeps_the_answer():
    x, y = square(250_000)
    assert check_areas(x, y, quarters(x, y)).confirmed
    assert check_areas(x, y, np.arange(250_000) // 3).problem != ""
    assert check_areas(x, y, np.random.default_rng(5).integers(0, 300, 250_000)).problem != ""


@pytest.mark.parametrize(
    ("labels", "events", "many"),
    [(14, 60, False), (31, 200, False), (70, 1000, False), (100, 300, True), (25, 25, True)],
)
def test_crime_types_are_few(labels, events, many):
    assert too_many_types(labels, events) is many


def test_codes_may_have_gaps():
    x, y = square(400)
    codes = pd.factorize(quarters(x, y) * 7)[0] * 5
    assert check_areas(x, y, codes).confirmed
