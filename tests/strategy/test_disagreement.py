import numpy as np

from ilp_models.strategy.groups.disagreement import disagreement
from tests.strategy.group_files import matrix_of, plain_scheme


def test_differences_by_hand():
    # mark 0: G01 4-2, 4-1, 2-1; G02 both 2. mark 1: G01 0-0 and one does not know; G02 no one knows
    points = [[[4, 0], [2, None], [1, 0]], [[2, None], [2, None]]]
    table = disagreement(matrix_of(plain_scheme([1, 1]), points)).set_index("name")
    assert table.loc["mark 0", ["pairs", "equal_share", "mean_difference", "largest_difference"]].tolist() == [
        4,
        0.25,
        1.5,
        3,
    ]
    assert table.loc["mark 0", "known_to_some"] == 0
    assert table.loc["mark 1", ["pairs", "equal_share", "mean_difference"]].tolist() == [1, 1, 0]
    assert table.loc["mark 1", "known_to_some"] == 1
    assert table.loc["G01", ["pairs", "mean_difference", "known_to_some"]].tolist() == [4, 1.5, 1]
    assert table.loc["G02", "pairs"] == 1
    assert list(table["by"]) == ["attribute", "attribute", "group", "group"]


def test_no_number_where_no_two_scorers_know():
    table = disagreement(matrix_of(plain_scheme([1]), [[[None], [2]], [[None], [None]]])).set_index("name")
    assert table.loc["mark 0", "pairs"] == 0
    assert np.isnan(table.loc["mark 0", "mean_difference"])
