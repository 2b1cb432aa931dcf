import numpy as np

from ilp_models.audit.residents import Residents

PEOPLE = np.array([[10.0, 30.0], [0.0, 0.0], [5.0, 5.0]])


def test_shares_are_those_of_the_residents_of_each_cell():
    people = Residents("income", ("low", "rest"), PEOPLE, PEOPLE.sum(axis=1), PEOPLE, 0.0)
    assert people.shares.tolist() == [[0.25, 0.75], [0, 0], [0.5, 0.5]]
    assert people.area.tolist() == [-1, -1, -1]


def test_the_fewest_areas_that_hold_half_of_a_group_are_counted():
    by_area = np.array([[5.0, 25.0], [3.0, 25.0], [2.0, 25.0], [1.0, 25.0]])
    people = Residents("income", ("low", "rest"), PEOPLE, PEOPLE.sum(axis=1), by_area, 0.0)
    assert people.areas_of_half.tolist() == [2, 2]
    alone = Residents("income", ("low", "rest"), PEOPLE, PEOPLE.sum(axis=1), by_area[:1], 0.0)
    assert alone.areas_of_half.tolist() == [1, 1]
