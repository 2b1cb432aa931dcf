import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.groups.count_columns import CountColumns, Dimension, group_rows, used_columns
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError

TEXT = 'ward,all,here,there\nWest,"1,000",600,400\nEast,500,100,400\n'
ORIGIN = {"origin": Dimension({"here": "here", "there": "there"}, residents="all")}
TABLE = pd.DataFrame({"all": [100.0, 50.0], "a": [30.0, 10.0], "b": [20.0, 5.0], "c": [50.0, 36.0]}, index=["W", "E"])


@pytest.fixture
def counts(tmp_path):
    """Write a table and return it as a source."""

    def write(text=TEXT, dimensions=ORIGIN, encoding="utf-8", **settings):
        path = tmp_path / "wards.csv"
        path.write_text(text, encoding=encoding)
        return CountColumns(str(path), "ward", dimensions, **settings)

    return write


def test_columns_become_groups(counts):
    table = GroupTable(source=counts(), residents="residents").read()
    assert table["population"].tolist() == [100, 400, 600, 400]
    assert table["residents"].tolist() == [500, 500, 1000, 1000]


def test_areas_can_be_selected_by_prefix(counts):
    assert set(counts(only=["We"]).groups()["area"]) == {"West"}
    with pytest.raises(InputError, match="no area whose name starts with 'No'"):
        counts(only=["We", "No"]).groups()


def test_files_of_the_same_areas_are_joined(counts, tmp_path):
    first = counts()
    pd.DataFrame({"ward": ["East", "West"], "poor": [50, 100]}).to_parquet(tmp_path / "poor.parquet")
    pd.DataFrame({"ward": ["East", "North"], "poor": [50, 100]}).to_csv(tmp_path / "other.csv", index=False)
    both = ORIGIN | {"income": Dimension({"low": "poor"}, residents="all", rest="not low")}
    made = CountColumns([first.path, str(tmp_path / "poor.parquet")], "ward", both)
    rows = made.groups().set_index(["area", "group"])["population"]
    assert rows["West", "low"] == 100
    assert rows["East", "not low"] == 450
    with pytest.raises(InputError, match="area 'North' is in one file but not in another"):
        CountColumns([first.path, str(tmp_path / "other.csv")], "ward", both).groups()


def test_a_file_in_windows_encoding_is_read(counts):
    made = counts(TEXT.replace("West", "Saint-Léonard"), encoding="cp1252")
    assert "Saint-Léonard" in set(made.groups()["area"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace("600", "-5"), "'here' of area 'West' is '-5', which is not a count"),
        (TEXT.replace("600", ""), "'here' of area 'West' is '', which is not a count"),
        (TEXT.replace("600", "x"), "'here' of area 'West' is 'x', which is not a count"),
        (TEXT.replace("East", "West"), "has area 'West' more than once"),
        (TEXT.replace("East", ""), "a row without an area name in column 'ward'"),
        (TEXT.replace("here,", "heer,"), "no 'here'; the nearest are 'there', 'heer'"),
        (TEXT.replace("ward", "district"), "no 'ward'"),
    ],
)
def test_an_invalid_table_is_refused(counts, text, words):
    with pytest.raises(InputError, match=words):
        counts(text).groups()


def test_groups_that_do_not_sum_to_the_residents_are_refused(counts):
    with pytest.raises(InputError, match="Groups of 'origin' in area 'West' sum to 860 of 1000 residents"):
        GroupTable(source=counts(TEXT.replace("600", "460")), residents="residents").read()


def test_a_missing_file_is_refused():
    with pytest.raises(InputError, match=r"source\.path=nowhere\.csv: there is no such file"):
        CountColumns("nowhere.csv", "ward", ORIGIN)
    with pytest.raises(InputError, match="there is no such file"):
        CountColumns([], "ward", ORIGIN)


def wide(dimension, **given):
    return dimension.rows(TABLE, **given).pivot_table(index="area", columns="group", values="population")


def test_a_group_is_the_sum_of_its_columns():
    one = Dimension({"few": "c", "many": ["a", "b"]})
    assert one.columns == ["c", "a", "b"]
    assert wide(one).to_dict() == {"few": {"E": 36, "W": 50}, "many": {"E": 15, "W": 50}}
    assert one.rows(TABLE)["residents"].tolist() == [100, 51, 100, 51]


def test_the_rest_are_residents_in_no_other_group():
    one = Dimension({"a": "a"}, residents="all", rest="not a")
    assert wide(one)["not a"].to_dict() == {"E": 40, "W": 70}
    rounded = Dimension({"a": "a", "b": "b", "c": "c"}, residents="all", rest="others")
    assert wide(rounded)["others"].to_dict() == {"E": 0, "W": 0}  # 51 of 50 is rounding
    with pytest.raises(
        InputError, match="Groups of area 'W' sum to 150 of 100 residents, so the group 'x' would be negative"
    ):
        Dimension({"a": ["all", "c"]}, residents="all", rest="x").rows(TABLE)


def test_the_margin_of_a_sum_is_the_root_of_the_sum_of_squares():
    margins = pd.DataFrame({"all": [6.0, 0], "a": [3.0, 1], "b": [4.0, np.nan], "c": [0.0, 2]}, index=["W", "E"])
    table = Dimension({"ab": ["a", "b"], "c": "c"}).rows(TABLE, margins)
    assert table["margin"].tolist() == pytest.approx([5, np.nan, 0, 2], nan_ok=True)
    table = Dimension({"a": "a"}, residents="all", rest="not a").rows(TABLE, margins)
    assert table["margin"].tolist() == pytest.approx([3, 1, np.sqrt(45), 1])


def test_several_dimensions_give_one_table():
    dimensions = {"first": Dimension({"a": "a"}, residents="all"), "second": Dimension({"b": "b", "c": "c"})}
    assert used_columns(dimensions) == ["a", "all", "b", "c"]
    assert group_rows(dimensions, TABLE)["dimension"].tolist() == ["first"] * 2 + ["second"] * 4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": {}}, "has no group"),
        ({"groups": {"a": "a"}, "rest": "b"}, "rest='b' needs all residents"),
        ({"groups": {"a": "a"}, "rest": "a", "residents": "all"}, "is in `groups` and is also `rest`"),
    ],
)
def test_an_invalid_dimension_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Dimension(**settings)


def test_a_table_without_dimensions_is_refused():
    with pytest.raises(InputError, match="dimensions is empty"):
        used_columns({})
