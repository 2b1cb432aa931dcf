import pandas as pd
import pytest

from ilp_models.audit.groups.counts import check_columns, existing_paths, join_tables, parse_counts, select_areas
from ilp_models.domain.errors import InputError

NAMES = pd.Index(["north", "south"], name="area")


def text(**columns):
    return pd.DataFrame(columns, index=NAMES)


def test_counts_lose_their_thousands_separators():
    assert parse_counts(text(people=["1,234", "0"]), "a.csv")["people"].tolist() == [1234, 0]


@pytest.mark.parametrize("cell", ["-1", "inf", "x", "*", ""])
def test_what_is_no_count_is_named_with_column_and_area(cell):
    with pytest.raises(InputError, match=r"a.csv: column 'people' of area 'south' is '.*', which is not a count"):
        parse_counts(text(people=["1", cell]), "a.csv")


def test_a_missing_column_names_the_nearest():
    with pytest.raises(InputError, match=r"a.csv has no 'peple'; the nearest are 'people'"):
        check_columns(text(people=[1, 2]), ["peple"], "a.csv")


def test_tables_of_the_same_areas_are_joined_in_any_order():
    other = pd.DataFrame({"women": [2, 1]}, index=NAMES[::-1])
    joined = join_tables([text(people=[3, 4]), other], ["women", "people"], "a.csv")
    assert joined.to_dict("list") == {"women": [1, 2], "people": [3, 4]}


def test_areas_that_differ_or_are_repeated_are_refused():
    with pytest.raises(InputError, match=r"area '(south|west)' is in one file but not in another"):
        join_tables(
            [text(people=[3, 4]), pd.DataFrame({"women": [1, 2]}, index=["north", "west"])], ["people"], "a.csv"
        )
    with pytest.raises(InputError, match="has area 'north' more than once"):
        join_tables([pd.DataFrame({"people": [1, 2]}, index=["north", "north"])], ["people"], "a.csv")


def test_areas_are_selected_by_the_start_of_their_name():
    table, names = text(people=[3, 4]), pd.Series(["Leeds 1", "York 1"])
    assert select_areas(table, names, ["Leeds"], "a.csv").index.tolist() == ["north"]
    assert select_areas(table, names, [], "a.csv") is table
    with pytest.raises(InputError, match="no area whose name starts with 'Hull'"):
        select_areas(table, names, ["Leeds", "Hull"], "a.csv")


def test_every_file_must_exist(tmp_path):
    (tmp_path / "a.csv").touch()
    assert existing_paths(str(tmp_path / "a.csv")) == [str(tmp_path / "a.csv")]
    for paths in ([], [str(tmp_path / "b.csv")]):
        with pytest.raises(InputError, match="there is no such file"):
            existing_paths(paths)
