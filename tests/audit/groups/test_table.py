from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError
from tests.audit.audit_inputs import KnownGroups
from tests.builders import square_grid
from tests.data.sheets import write_xlsx

# West has 6 cells and East 6 in the grid of 3 x 4 squares
ROWS = [("West", "Upland", 120.0), ("West", "Lowland", 480.0), ("East", "Upland", 300.0), ("East", "Lowland", 300.0)]


def table(rows=ROWS, **more):
    frame = pd.DataFrame(rows, columns=["area", "group", "population"]).assign(dimension="origin")
    return frame.assign(**more)


def given(frame, **settings):
    return GroupTable(source=KnownGroups(frame), **settings)


def test_residents_are_distributed_by_ground_area():
    grid = square_grid()
    wide = replace(grid, area_m2=np.where(np.arange(12) == 0, 3.0, 1.0) * grid.area_m2)
    (people,) = given(table()).to_cells(wide)
    assert people.groups == ("Lowland", "Upland")
    assert people.by_group[0].tolist() == [480 * 3 / 8, 120 * 3 / 8]
    assert people.by_group[1].tolist() == [480 / 8, 120 / 8]
    assert people.shares[[0, 1, 2]].tolist() == [[0.8, 0.2], [0.8, 0.2], [0.5, 0.5]]
    assert people.by_group.sum() == pytest.approx(1200)
    assert people.missing == 0


def test_residents_without_a_cell_and_cells_without_an_area_count_as_missing():
    grid = square_grid()
    labels = grid.parents["neighbourhood"].tolist()
    labels[0] = ""
    (people,) = given(table()).to_cells(replace(grid, parents=pd.DataFrame({"neighbourhood": labels})))
    assert people.total[0] == 0
    assert people.missing == pytest.approx((1200 / 11) / (1200 + 1200 / 11))
    more = table([*ROWS, ("North", "Upland", 100.0), ("North", "Lowland", 200.0)])
    (people,) = given(more).to_cells(grid)
    assert people.missing == pytest.approx(300 / 1500)
    assert len(people.by_area) == 2


def test_a_grid_of_areas_is_matched_by_the_names_of_its_cells():
    grid = replace(square_grid(1, 2), cells=pd.Index(["West", "East"]), parents=pd.DataFrame())
    (people,) = given(table()).to_cells(grid)
    assert people.by_group.tolist() == [[480, 120], [300, 300]]


def test_areas_that_hold_half_of_a_group_are_counted():
    rows = [
        (f"a{i}", g, p)
        for i, pair in enumerate([(10, 1), (4, 1), (3, 1), (3, 1)])
        for g, p in zip("xy", pair, strict=True)
    ]
    grid = replace(square_grid(1, 4), cells=pd.Index(["a0", "a1", "a2", "a3"]), parents=pd.DataFrame())
    (people,) = given(table(rows)).to_cells(grid)
    assert people.areas_of_half.tolist() == [1, 2]


def test_dimensions_are_separate_and_may_overlap():
    second = table([("West", "young", 90.0), ("East", "young", 60.0)]).assign(dimension="age", all=600)
    both = pd.concat([table(all=600), second])
    people = given(both, overlapping=["age"], residents="all").to_cells(square_grid())
    assert [one.dimension for one in people] == ["age", "origin"]
    assert people[0].shares[[0, 2], 0].tolist() == [0.15, 0.1]


def test_csv_and_parquet_files_give_the_same_table(tmp_path):
    frame = table().rename(columns={"area": "name", "population": "n"})
    frame.to_csv(tmp_path / "groups.csv", index=False)
    frame.to_parquet(tmp_path / "groups.parquet")
    names = {"area": "name", "population": "n"}
    csv, parquet = (GroupTable(str(tmp_path / f"groups.{end}"), **names) for end in ("csv", "parquet"))
    assert csv.digest() == parquet.digest() == given(table()).digest()
    assert csv.digest() != given(table([*ROWS[:3], ("East", "Lowland", 301.0)])).digest()


def test_a_sheet_gives_the_same_table(tmp_path):
    pair = [table().columns.tolist(), *table().to_numpy().tolist()]
    path = str(write_xlsx(tmp_path / "residents.xlsx", Residents=pair, Notes=[["a"], ["b"]]))
    (people,) = GroupTable(path=path, sheet="Residents").to_cells(square_grid())
    (expected,) = given(table()).to_cells(square_grid())
    assert people.by_group.tolist() == expected.by_group.tolist()
    with pytest.raises(InputError, match=r"has several sheets: 'Residents', 'Notes'\. Set audit.groups.sheet"):
        GroupTable(path=path).to_cells(square_grid())


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


def test_without_a_table_the_error_says_what_to_provide(tmp_path):
    with pytest.raises(InputError, match=r"columns area, dimension, group, population.*audit\.groups\.path=FILE"):
        GroupTable().read()
    with pytest.raises(InputError, match="there is no such file"):
        GroupTable(str(tmp_path / "none.csv")).read()
    with pytest.raises(InputError, match="source=object has no residents by group"):
        GroupTable(source=object()).read()
    with pytest.raises(InputError, match="both a path and a source"):
        GroupTable("x.csv", KnownGroups(table()))


@pytest.mark.parametrize("column", ["area", "dimension", "group"])
@pytest.mark.parametrize("name", ["", " ", None, np.nan])
def test_a_row_without_a_name_is_refused(column, name):
    frame = table()
    frame.loc[1, column] = name
    with pytest.raises(InputError, match="a row without a name"):
        given(frame).read()


def test_a_group_may_be_called_none(tmp_path):
    path = tmp_path / "residents.csv"
    path.write_text("area,dimension,group,population\nWest,religion,None,400\nWest,religion,any,200\n")
    assert GroupTable(path=str(path)).read()["group"].tolist() == ["None", "any"]


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


def test_leading_zeros_thousands_separators_and_encodings_are_read(tmp_path):
    grid = replace(square_grid(1, 2), cells=pd.Index(["0111", "Côté"]), parents=pd.DataFrame())
    path = tmp_path / "residents.csv"
    lines = ["area,dimension,group,population", '0111,origin,x,"1,200"', "0111,origin,y,300"]
    lines += ["Côté,origin,x,10", "Côté,origin,y,20"]
    path.write_text("\n".join(lines), encoding="cp1252")
    (people,) = GroupTable(path=str(path)).to_cells(grid)
    assert people.by_group.tolist() == [[1200, 300], [10, 20]]
    assert people.missing == 0
