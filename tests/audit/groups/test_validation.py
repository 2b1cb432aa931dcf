import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError
from tests.audit.groups.group_tables import ROWS, given, table
from tests.builders import square_grid


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (table().drop(columns="group"), "lacks the columns"),
        (table().iloc[:0], "has no row"),
        (table([*ROWS[:3], ("East", "Lowland", -1.0)]), "invalid population at East / origin / Lowland"),
        (table([*ROWS[:3], ("East", "Lowland", np.nan)]), "invalid population at East"),
        (table([*ROWS[:3], ("East", "Lowland", "many")]), "invalid population at East"),
        (table([*ROWS[:3], ("East", "Lowland", np.inf)]), "invalid population at East"),
        (table([*ROWS, ROWS[0]]), "repeats West / origin / Upland"),
        (table(ROWS[:3]), "'East' lacks a group"),
        (table([(a, g, 0.0 if g == "Upland" else p) for a, g, p in ROWS]), "has no residents"),
    ],
)
def test_an_invalid_table_is_refused(frame, words):
    with pytest.raises(InputError, match=words):
        given(frame).read()


def test_groups_must_sum_to_the_residents_of_each_area():
    assert len(given(table(all=[600, 600, 608, 608]), residents="all").read()) == 4
    with pytest.raises(InputError, match="'East' sum to 600 of 700 residents"):
        given(table(all=[600, 600, 700, 700]), residents="all").read()
    with pytest.raises(InputError, match="sum to"):
        given(table(all=[600, 500, 600, 600]), residents="all").read()
    with pytest.raises(InputError, match=r"audit\.groups\.residents"):
        given(table(), overlapping=["origin"]).read()


def test_a_table_of_another_city_is_refused():
    with pytest.raises(InputError, match="'Leeds', the grid 'West'"):
        given(table([("Leeds", "Upland", 1.0), ("Leeds", "Lowland", 2.0)])).to_cells(square_grid())


@pytest.mark.parametrize("column", ["area", "dimension", "group"])
@pytest.mark.parametrize("name", ["", " ", None, np.nan])
def test_a_row_without_a_name_is_refused(column, name):
    frame = table()
    frame.loc[1, column] = name
    with pytest.raises(InputError, match="a row without a name"):
        given(frame).read()


def shares(values, **settings):
    rows = [(area, group, share) for (area, group, _), share in zip(ROWS, values, strict=True)]
    frame = pd.DataFrame(rows, columns=["area", "group", "part"]).assign(dimension="origin", all=[600, 600, 500, 500])
    return given(frame, population_share="part", residents="all", **settings)


def test_shares_can_replace_populations():
    table = shares([0.2, 0.8, 0.5, 0.5]).read()
    assert table["population"].tolist() == [250, 250, 480, 120]
    assert "share" not in table
    (people,) = shares([0.2, 0.8, 0.504, 0.5]).to_cells(square_grid())
    assert people.total.sum() == pytest.approx(1100)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.2, 0.8, 0.5, 0.48], r"Shares of 'origin' in area 'East' sum to 0\.98, not to 1"),
        ([0.2, 0.8, 50, 50], "share at East / origin / Upland is 50. Shares lie between 0 and 1"),
        ([0.2, 0.8, 1.2, -0.2], "invalid population at East / origin / Lowland"),
        ([0.2, 0.8, 0.5, np.nan], "invalid population at East / origin / Lowland"),
    ],
)
def test_shares_that_do_not_sum_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        shares(values).read()


def test_shares_of_overlapping_groups_need_not_sum_to_one():
    table = shares([0.9, 0.8, 0.9, 0.3], overlapping=["origin"]).read()
    assert table["population"].max() == 540
    with pytest.raises(InputError, match="has 700 persons, but its area has 500 residents"):
        given(table.assign(population=700.0), residents="residents", overlapping=["origin"]).read()
    with pytest.raises(InputError, match="population_share=part needs the column with all residents"):
        GroupTable(population_share="part")
