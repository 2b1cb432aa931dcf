import pandas as pd
import pytest

from ilp_models.audit.groups.columns import CountColumns
from ilp_models.audit.groups.dimension import Dimension
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError

TEXT = 'ward,all,here,there\nWest,"1,000",600,400\nEast,500,100,400\n'
ORIGIN = {"origin": Dimension({"here": "here", "there": "there"}, residents="all")}


@pytest.fixture
def counts(tmp_path):
    """Write a table and return it as a source."""

    def write(text=TEXT, dimensions=ORIGIN, encoding="utf-8", **settings):
        path = tmp_path / "wards.csv"
        path.write_text(text, encoding=encoding)
        return CountColumns(str(path), "ward", dimensions, **settings)

    return write


def test_columns_become_groups_of_residents(counts):
    table = GroupTable(source=counts(), residents="residents").read()
    assert table["population"].tolist() == [100, 400, 600, 400]
    assert table["residents"].tolist() == [500, 500, 1000, 1000]


def test_only_some_areas_may_be_kept(counts):
    assert set(counts(only=["We"]).groups()["area"]) == {"West"}
    with pytest.raises(InputError, match="no area that starts with 'No'"):
        counts(only=["We", "No"]).groups()


def test_files_of_the_same_areas_are_joined_and_others_refused(counts, tmp_path):
    first = counts()
    pd.DataFrame({"ward": ["East", "West"], "poor": [50, 100]}).to_parquet(tmp_path / "poor.parquet")
    pd.DataFrame({"ward": ["East", "North"], "poor": [50, 100]}).to_csv(tmp_path / "other.csv", index=False)
    both = ORIGIN | {"income": Dimension({"low": "poor"}, residents="all", rest="not low")}
    made = CountColumns([first.path, str(tmp_path / "poor.parquet")], "ward", both)
    rows = made.groups().set_index(["area", "group"])["population"]
    assert rows["West", "low"] == 100
    assert rows["East", "not low"] == 450
    with pytest.raises(InputError, match="area 'North' is in one file and not in another"):
        CountColumns([first.path, str(tmp_path / "other.csv")], "ward", both).groups()


def test_a_table_of_an_office_on_windows_is_read(counts):
    made = counts(TEXT.replace("West", "Saint-Léonard"), encoding="cp1252")
    assert "Saint-Léonard" in set(made.groups()["area"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace("600", "-5"), "'here' of 'West' is '-5', which is no count"),
        (TEXT.replace("600", ""), "'here' of 'West' is '', which is no count"),
        (TEXT.replace("600", "x"), "'here' of 'West' is 'x', which is no count"),
        (TEXT.replace("East", "West"), "repeats area 'West'"),
        (TEXT.replace("East", ""), "a row without a name in 'ward'"),
        (TEXT.replace("here,", "heer,"), "no 'here'; the nearest are 'there', 'heer'"),
        (TEXT.replace("ward", "district"), "no 'ward'"),
    ],
)
def test_bad_tables_are_refused(counts, text, words):
    with pytest.raises(InputError, match=words):
        counts(text).groups()


def test_groups_that_do_not_sum_are_refused_as_in_any_table(counts):
    with pytest.raises(InputError, match="Groups of 'origin' in area 'West' sum to 860 of 1000 residents"):
        GroupTable(source=counts(TEXT.replace("600", "460")), residents="residents").read()


def test_a_file_that_is_not_there_is_named_at_once():
    with pytest.raises(InputError, match=r"source\.path=nowhere\.csv: there is no such file"):
        CountColumns("nowhere.csv", "ward", ORIGIN)
    with pytest.raises(InputError, match="there is no such file"):
        CountColumns([], "ward", ORIGIN)
