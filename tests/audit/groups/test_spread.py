from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import shapely

from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError
from ilp_models.grid.polygons import PolygonFile
from tests.audit.cases import Table
from tests.builders import square_grid

LEFT, BOTTOM = 630_000.0, 4_834_000.0
ROWS = [("Hill", "Upland", 80.0), ("Hill", "Lowland", 20.0), ("Vale", "Upland", 30.0), ("Vale", "Lowland", 270.0)]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Polygons as drawn in a test."""

    names: tuple
    geometry: np.ndarray
    weights: np.ndarray | None = None

    def read(self, _crs):
        return self

    def digest(self):
        return "drawn"


def box(left, right, bottom=0, top=1):
    """Return a rectangle in steps of cells."""
    return shapely.box(LEFT + 500 * left, BOTTOM + 500 * bottom, LEFT + 500 * right, BOTTOM + 500 * top)


def polygons(*named, weights=None):
    names, geometry = zip(*named, strict=True)
    return Drawn(names, np.array(geometry, dtype=object), None if weights is None else np.array(weights, dtype=float))


def table(rows=ROWS):
    return pd.DataFrame(rows, columns=["area", "group", "population"]).assign(dimension="origin")


def laid(drawn, grid=None, rows=ROWS, **settings):
    (people,) = GroupTable(source=Table(table(rows)), polygons=drawn, **settings).on(grid or square_grid(1, 4))
    return people


def test_residents_come_to_the_cells_that_the_ground_of_their_area_lies_in():
    people = laid(polygons(("Hill", box(0, 1)), ("Vale", box(1, 4))))
    assert people.groups == ("Lowland", "Upland")
    assert people.by_group == pytest.approx(np.array([[20, 80], [90, 10], [90, 10], [90, 10]]))
    assert people.total == pytest.approx([100, 100, 100, 100])
    assert people.missing == pytest.approx(0, abs=1e-12)
    assert people.method == "area overlay"


def test_the_share_of_residents_whose_cell_rests_on_apportionment_is_told():
    whole = laid(polygons(("Hill", box(0, 1)), ("Vale", box(1, 4))))
    assert whole.moved == pytest.approx(300 / 400)  # Vale lies in three cells
    assert whole.area.tolist() == [0, 1, 1, 1]
    nested = laid(polygons(("Hill", box(0, 1)), ("Vale", box(1, 2))))
    assert nested.moved == 0
    fine = laid(polygons(("Hill", box(0, 1)), ("Vale", box(1, 200))), square_grid(1, 200))
    assert fine.moved == pytest.approx(300 / 400)  # though no cell holds as much as a sliver of Vale
    sliver = laid(polygons(("Hill", box(0, 1.005)), ("Vale", box(1.005, 2))))
    assert sliver.moved == 0
    assert sliver.total[1] == pytest.approx(300 + 100 * 0.005 / 1.005)


def test_an_area_of_several_cells_is_apportioned_by_parents_too():
    grid = square_grid(1, 4)
    rows = [("West", "Upland", 10.0), ("East", "Upland", 30.0)]
    (people,) = GroupTable(source=Table(table(rows))).on(grid)
    assert (people.method, people.moved) == ("parent area", 1.0)
    assert people.area.tolist() == [1, 1, 0, 0]
    cells = replace(grid, cells=pd.Index(["West", "East", "x", "y"]), parents=pd.DataFrame())
    (people,) = GroupTable(source=Table(table(rows))).on(cells)
    assert people.moved == 0
    assert people.area.tolist() == [1, 0, -1, -1]
    assert people.unmatched == ("x", "y")


def test_residents_of_ground_without_a_cell_are_missing_unless_they_are_spread():
    drawn = polygons(("Hill", box(-1, 1)), ("Vale", box(1, 4)))
    people = laid(drawn)
    assert people.total[0] == pytest.approx(50)
    assert people.missing == pytest.approx(50 / 400)
    assert people.by_area.sum() == pytest.approx(350)
    people = laid(drawn, outside="spread")
    assert people.total[0] == pytest.approx(100)
    assert people.missing == pytest.approx(0, abs=1e-12)


def test_cells_that_no_area_meets_are_missing_at_the_mean_density():
    people = laid(polygons(("Hill", box(0, 1)), ("Vale", box(1, 3))))
    assert people.total.tolist() == pytest.approx([100, 150, 150, 0])
    assert people.missing == pytest.approx((400 / 3) / (400 + 400 / 3))


def test_homes_say_where_in_an_area_people_live():
    parts = [("Hill", box(0, 1)), ("Vale", box(1, 2)), ("Vale", box(2, 4))]
    people = laid(polygons(*parts, weights=[5, 90, 10]))
    assert people.total == pytest.approx([100, 270, 15, 15])
    assert people.method == "weighted overlay"
    even = laid(polygons(*parts))
    assert even.total == pytest.approx([100, 100, 100, 100])
    with pytest.raises(InputError, match="polygons of area 'Vale' have weight 0"):
        laid(polygons(*parts, weights=[5, 0, 0]))


def test_areas_without_a_partner_are_named():
    drawn = polygons(("Hill", box(0, 1)), ("Moor", box(1, 4)))
    people = laid(drawn)
    assert people.unmatched == ("Vale", "Moor")
    assert people.missing == pytest.approx((300 + 300) / (100 + 300 + 300))
    with pytest.raises(InputError, match="1 areas of the grid are not in the group table"):
        laid(drawn, unmatched="refuse")


def test_polygons_of_other_areas_or_another_place_are_refused():
    with pytest.raises(InputError, match=r"the table has 'Hill', the polygons 'Moor'.*polygons\.name"):
        laid(polygons(("Moor", box(0, 4))))
    with pytest.raises(InputError, match="outside the grid"):
        laid(polygons(("Hill", box(40, 41)), ("Vale", box(41, 42))))


def test_polygons_that_overlap_each_other_keep_their_own_residents():
    people = laid(polygons(("Hill", box(0, 2)), ("Vale", box(1, 2))))
    assert people.total[:2] == pytest.approx([50, 350])
    assert people.area[:2].tolist() == [0, 1]


def test_no_file_means_parents_and_a_file_changes_the_digest(tmp_path):
    without = GroupTable(source=Table(table()), polygons=PolygonFile())
    assert without.digest() == GroupTable(source=Table(table())).digest()
    assert without.digest() != replace(without, polygons=polygons(("Hill", box(0, 1)))).digest()
    with pytest.raises(InputError, match=r"polygon file nowhere\.gpkg does not exist"):
        PolygonFile("nowhere.gpkg")


@pytest.mark.parametrize("setting", ["unmatched", "outside"])
def test_settings_that_name_no_rule_are_refused(setting):
    with pytest.raises(InputError, match=f"audit.groups.{setting}='drop' is unknown"):
        GroupTable(**{setting: "drop"})


def test_a_name_spelt_otherwise_is_refused_with_the_nearest():
    grid = replace(square_grid(1, 2), cells=pd.Index(["Briar Hill-Belgravia", "LAmoreaux"]), parents=pd.DataFrame())
    rows = [("Briar Hill-Belgravia", "Upland", 10.0), ("L'Amoreaux", "Upland", 30.0)]
    with pytest.raises(InputError, match=r"'LAmoreaux' \(nearest: \"L'Amoreaux\"\)\. Give a crosswalk"):
        GroupTable(source=Table(table(rows)), unmatched="refuse").on(grid)
    (people,) = GroupTable(source=Table(table(rows))).on(grid)
    assert people.unmatched == ("L'Amoreaux", "LAmoreaux")
    assert people.missing > 0.01
