from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError
from tests.audit.audit_inputs import KnownGroups
from tests.audit.groups.group_tables import ROWS, given, table
from tests.builders import square_grid
from tests.data.sheets import write_xlsx


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


def test_without_a_table_the_error_says_what_to_provide(tmp_path):
    with pytest.raises(InputError, match=r"columns area, dimension, group, population.*audit\.groups\.path=FILE"):
        GroupTable().read()
    with pytest.raises(InputError, match="there is no such file"):
        GroupTable(str(tmp_path / "none.csv")).read()
    with pytest.raises(InputError, match="source=object has no residents by group"):
        GroupTable(source=object()).read()
    with pytest.raises(InputError, match="both a path and a source"):
        GroupTable("x.csv", KnownGroups(table()))


def test_a_group_may_be_called_none(tmp_path):
    path = tmp_path / "residents.csv"
    path.write_text("area,dimension,group,population\nWest,religion,None,400\nWest,religion,any,200\n")
    assert GroupTable(path=str(path)).read()["group"].tolist() == ["None", "any"]


def test_leading_zeros_thousands_separators_and_encodings_are_read(tmp_path):
    grid = replace(square_grid(1, 2), cells=pd.Index(["0111", "Côté"]), parents=pd.DataFrame())
    path = tmp_path / "residents.csv"
    lines = ["area,dimension,group,population", '0111,origin,x,"1,200"', "0111,origin,y,300"]
    lines += ["Côté,origin,x,10", "Côté,origin,y,20"]
    path.write_text("\n".join(lines), encoding="cp1252")
    (people,) = GroupTable(path=str(path)).to_cells(grid)
    assert people.by_group.tolist() == [[1200, 300], [10, 20]]
    assert people.missing == 0
