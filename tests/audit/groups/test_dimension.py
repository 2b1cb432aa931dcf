import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.groups.dimension import Dimension, group_rows, used_columns
from ilp_models.domain.errors import InputError

COUNTS = pd.DataFrame({"all": [100.0, 50.0], "a": [30.0, 10.0], "b": [20.0, 5.0], "c": [50.0, 36.0]}, index=["W", "E"])


def wide(dimension, **given):
    return dimension.rows(COUNTS, **given).pivot_table(index="area", columns="group", values="population")


def test_groups_are_sums_of_columns_under_names_of_ones_own():
    one = Dimension({"few": "c", "many": ["a", "b"]})
    assert one.columns == ["c", "a", "b"]
    assert wide(one).to_dict() == {"few": {"E": 36, "W": 50}, "many": {"E": 15, "W": 50}}
    assert one.rows(COUNTS)["residents"].tolist() == [100, 51, 100, 51]


def test_the_rest_are_all_residents_in_none_of_the_groups():
    one = Dimension({"a": "a"}, residents="all", rest="not a")
    assert wide(one)["not a"].to_dict() == {"E": 40, "W": 70}
    rounded = Dimension({"a": "a", "b": "b", "c": "c"}, residents="all", rest="others")
    assert wide(rounded)["others"].to_dict() == {"E": 0, "W": 0}  # 51 of 50 is rounding
    with pytest.raises(InputError, match="Groups of area 'W' sum to 150 of 100 residents, so nobody is left for 'x'"):
        Dimension({"a": ["all", "c"]}, residents="all", rest="x").rows(COUNTS)


def test_margins_of_a_sum_are_the_root_of_the_sum_of_squares():
    margins = pd.DataFrame({"all": [6.0, 0], "a": [3.0, 1], "b": [4.0, np.nan], "c": [0.0, 2]}, index=["W", "E"])
    table = Dimension({"ab": ["a", "b"], "c": "c"}).rows(COUNTS, margins)
    assert table["margin"].tolist() == pytest.approx([5, np.nan, 0, 2], nan_ok=True)
    table = Dimension({"a": "a"}, residents="all", rest="not a").rows(COUNTS, margins)
    assert table["margin"].tolist() == pytest.approx([3, 1, np.sqrt(45), 1])


def test_several_dimensions_are_one_table():
    dimensions = {"first": Dimension({"a": "a"}, residents="all"), "second": Dimension({"b": "b", "c": "c"})}
    assert used_columns(dimensions) == ["a", "all", "b", "c"]
    assert group_rows(dimensions, COUNTS)["dimension"].tolist() == ["first"] * 2 + ["second"] * 4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": {}}, "has no group"),
        ({"groups": {"a": "a"}, "rest": "b"}, "'b' is the rest of nothing"),
        ({"groups": {"a": "a"}, "rest": "a", "residents": "all"}, "both given by columns and the rest"),
    ],
)
def test_a_dimension_that_means_nothing_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Dimension(**settings)


def test_a_table_of_no_dimension_is_refused():
    with pytest.raises(InputError, match="No dimension"):
        used_columns({})
