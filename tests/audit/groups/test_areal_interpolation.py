from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import shapely

from ilp_models.audit.groups.areal_interpolation import sample_counts
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError
from ilp_models.grid.polygons import PolygonFile
from tests.audit.audit_inputs import KnownGroups
from tests.builders import square_grid

LEFT, BOTTOM = 630_000.0, 4_834_000.0
ROWS = [("Hill", "Upland", 80.0), ("Hill", "Lowland", 20.0), ("Vale", "Upland", 30.0), ("Vale", "Lowland", 270.0)]
# area, group, population and 90 % margin of error
SAMPLE = [("West", "Upland", 120.0, 30.0), ("West", "Lowland", 480.0, 60.0), ("East", "Upland", 300.0, 40.0)]
SAMPLE += [("East", "Lowland", 300.0, 0.0)]


@dataclass(frozen=True, eq=False)
class Polygons:
    """Named polygons of a test."""

    names: tuple
    geometry: np.ndarray
    weights: np.ndarray | None = None

    def read(self, _crs):
        return self

    def digest(self):
        return "polygons"


def box(left, right, bottom=0, top=1):
    """Return a rectangle in steps of cells."""
    return shapely.box(LEFT + 500 * left, BOTTOM + 500 * bottom, LEFT + 500 * right, BOTTOM + 500 * top)


def polygons(*named, weights=None):
    names, geometry = zip(*named, strict=True)
    return Polygons(
        names, np.array(geometry, dtype=object), None if weights is None else np.array(weights, dtype=float)
    )


def table(rows=ROWS):
    return pd.DataFrame(rows, columns=["area", "group", "population"]).assign(dimension="origin")


def residents(areas, grid=None, rows=ROWS, **settings):
    (people,) = GroupTable(source=KnownGroups(table(rows)), polygons=areas, **settings).to_cells(
        grid or square_grid(1, 4)
    )
    return people


def test_residents_are_distributed_over_the_ground_of_their_area():
    people = residents(polygons(("Hill", box(0, 1)), ("Vale", box(1, 4))))
    assert people.groups == ("Lowland", "Upland")
    assert people.by_group == pytest.approx(np.array([[20, 80], [90, 10], [90, 10], [90, 10]]))
    assert people.total == pytest.approx([100, 100, 100, 100])
    assert people.missing == pytest.approx(0, abs=1e-12)
    assert people.method == "area overlay"


def test_moved_is_the_share_of_residents_of_divided_areas():
    whole = residents(polygons(("Hill", box(0, 1)), ("Vale", box(1, 4))))
    assert whole.moved == pytest.approx(300 / 400)  # Vale lies in three cells
    assert whole.area.tolist() == [0, 1, 1, 1]
    nested = residents(polygons(("Hill", box(0, 1)), ("Vale", box(1, 2))))
    assert nested.moved == 0
    fine = residents(polygons(("Hill", box(0, 1)), ("Vale", box(1, 200))), square_grid(1, 200))
    assert fine.moved == pytest.approx(300 / 400)  # though no cell holds as much as a sliver of Vale
    sliver = residents(polygons(("Hill", box(0, 1.005)), ("Vale", box(1.005, 2))))
    assert sliver.moved == 0
    assert sliver.total[1] == pytest.approx(300 + 100 * 0.005 / 1.005)


def test_an_area_with_several_cells_is_divided_by_parent_too():
    grid = square_grid(1, 4)
    rows = [("West", "Upland", 10.0), ("East", "Upland", 30.0)]
    (people,) = GroupTable(source=KnownGroups(table(rows))).to_cells(grid)
    assert (people.method, people.moved) == ("parent area", 1.0)
    assert people.area.tolist() == [1, 1, 0, 0]
    cells = replace(grid, cells=pd.Index(["West", "East", "x", "y"]), parents=pd.DataFrame())
    (people,) = GroupTable(source=KnownGroups(table(rows))).to_cells(cells)
    assert people.moved == 0
    assert people.area.tolist() == [1, 0, -1, -1]
    assert people.unmatched == ("x", "y")


def test_residents_of_ground_without_a_cell_are_missing_or_spread():
    areas = polygons(("Hill", box(-1, 1)), ("Vale", box(1, 4)))
    people = residents(areas)
    assert people.total[0] == pytest.approx(50)
    assert people.missing == pytest.approx(50 / 400)
    assert people.by_area.sum() == pytest.approx(350)
    people = residents(areas, outside="spread")
    assert people.total[0] == pytest.approx(100)
    assert people.missing == pytest.approx(0, abs=1e-12)


def test_cells_without_an_area_are_missing_at_mean_density():
    people = residents(polygons(("Hill", box(0, 1)), ("Vale", box(1, 3))))
    assert people.total.tolist() == pytest.approx([100, 150, 150, 0])
    assert people.missing == pytest.approx((400 / 3) / (400 + 400 / 3))


def test_weights_distribute_residents_within_an_area():
    parts = [("Hill", box(0, 1)), ("Vale", box(1, 2)), ("Vale", box(2, 4))]
    people = residents(polygons(*parts, weights=[5, 90, 10]))
    assert people.total == pytest.approx([100, 270, 15, 15])
    assert people.method == "weighted overlay"
    even = residents(polygons(*parts))
    assert even.total == pytest.approx([100, 100, 100, 100])
    with pytest.raises(InputError, match="polygons of area 'Vale' have weight 0"):
        residents(polygons(*parts, weights=[5, 0, 0]))


def test_unmatched_areas_are_named():
    areas = polygons(("Hill", box(0, 1)), ("Moor", box(1, 4)))
    people = residents(areas)
    assert people.unmatched == ("Vale", "Moor")
    assert people.missing == pytest.approx((300 + 300) / (100 + 300 + 300))
    with pytest.raises(InputError, match="1 areas of the grid are not in the group table"):
        residents(areas, unmatched="refuse")


def test_polygons_with_other_names_or_in_another_place_are_refused():
    with pytest.raises(InputError, match=r"the table has 'Hill', the polygons 'Moor'.*polygons\.name"):
        residents(polygons(("Moor", box(0, 4))))
    with pytest.raises(InputError, match="No polygon of the group table lies on the grid"):
        residents(polygons(("Hill", box(40, 41)), ("Vale", box(41, 42))))


def test_overlapping_polygons_keep_their_own_residents():
    people = residents(polygons(("Hill", box(0, 2)), ("Vale", box(1, 2))))
    assert people.total[:2] == pytest.approx([50, 350])
    assert people.area[:2].tolist() == [0, 1]


def test_polygons_change_the_digest(tmp_path):
    without = GroupTable(source=KnownGroups(table()), polygons=PolygonFile())
    assert without.digest() == GroupTable(source=KnownGroups(table())).digest()
    assert without.digest() != replace(without, polygons=polygons(("Hill", box(0, 1)))).digest()
    with pytest.raises(InputError, match=r"polygon file nowhere\.gpkg: there is no such file in"):
        PolygonFile("nowhere.gpkg")


@pytest.mark.parametrize("setting", ["unmatched", "outside"])
def test_an_unknown_rule_is_refused(setting):
    with pytest.raises(InputError, match=f"audit.groups.{setting}='drop' is unknown"):
        GroupTable(**{setting: "drop"})


def test_an_unknown_name_is_refused_with_the_nearest_name():
    grid = replace(square_grid(1, 2), cells=pd.Index(["Briar Hill-Belgravia", "LAmoreaux"]), parents=pd.DataFrame())
    rows = [("Briar Hill-Belgravia", "Upland", 10.0), ("L'Amoreaux", "Upland", 30.0)]
    with pytest.raises(InputError, match=r"'LAmoreaux' \(nearest: \"L'Amoreaux\"\)\. Give a crosswalk"):
        GroupTable(source=KnownGroups(table(rows)), unmatched="refuse").to_cells(grid)
    (people,) = GroupTable(source=KnownGroups(table(rows))).to_cells(grid)
    assert people.unmatched == ("L'Amoreaux", "LAmoreaux")
    assert people.missing > 0.01


def sampled_table(**settings):
    made = pd.DataFrame(SAMPLE, columns=["area", "group", "population", "moe"]).assign(dimension="origin")
    return GroupTable(source=KnownGroups(made), **settings)


def test_nine_in_ten_draws_lie_within_the_margin_of_error():
    counts, margins = np.array([1000.0, 500.0]), np.array([100.0, 0.0])
    drawn = sample_counts(counts, 20_000, 0, margins)
    assert drawn.shape == (20_000, 2)
    assert drawn.mean(axis=0) == pytest.approx(counts, rel=0.005)
    assert np.mean(np.abs(drawn[:, 0] - 1000) <= 100) == pytest.approx(0.9, abs=0.01)
    assert (drawn[:, 1] == 500).all()


def test_random_rounding_to_five_changes_a_count_by_less_than_five():
    drawn = sample_counts(np.full(4, 100.0), 20_000, 0, rounding=5)
    assert np.abs(drawn - 100).max() < 5
    assert drawn.std() == pytest.approx(5 / np.sqrt(6), rel=0.02)
    assert sample_counts(np.zeros(3), 1000, 0, rounding=5).min() == 0


def test_a_missing_margin_of_error_is_refused():
    with pytest.raises(InputError, match="has no margin of error"):
        sample_counts(np.ones(2), 3, 0, np.array([1.0, np.nan]))
    with pytest.raises(InputError, match=r"audit\.groups\.rounding=-5"):
        sampled_table(rounding=-5)


def test_sampled_residents_have_the_published_mean():
    grid, given = square_grid(), sampled_table(margin="moe")
    (published,) = given.to_cells(grid)
    drawn = [one for (one,) in given.sample(grid, 400, seed=1)]
    mean = np.mean([one.by_group for one in drawn], axis=0)
    assert mean == pytest.approx(published.by_group, rel=0.02)
    assert all(np.allclose(one.by_group.sum(axis=1), one.total) for one in drawn)
    exposure = [one.by_group[0, 1] / one.by_group[:, 1].sum() for one in drawn]
    assert 0.01 < np.std(exposure) / np.mean(exposure) < 0.2
    (again,) = next(given.sample(grid, 400, seed=1))
    assert (again.by_group == drawn[0].by_group).all()


def test_without_margins_and_rounding_every_sample_is_the_published_table():
    grid = square_grid()
    (published,) = sampled_table().to_cells(grid)
    for (one,) in sampled_table().sample(grid, 3):
        assert one.by_group == pytest.approx(published.by_group)
        assert one.missing == published.missing


def test_a_sampled_overlapping_group_never_exceeds_the_residents():
    made = pd.DataFrame({"area": ["West", "East"], "population": [100.0, 95.0], "all": 100.0, "moe": 50.0})
    given = GroupTable(
        source=KnownGroups(made.assign(dimension="age", group="young")),
        overlapping=["age"],
        residents="all",
        margin="moe",
    )
    for (one,) in given.sample(square_grid(), 50):
        assert (one.by_group[:, 0] <= one.total + 1e-9).all()
        assert one.total.sum() == pytest.approx(200)


def test_margins_of_shares_are_multiplied_by_the_residents():
    made = pd.DataFrame(SAMPLE, columns=["area", "group", "population", "moe"]).assign(dimension="origin", all=600.0)
    parts = made.assign(part=made["population"] / 600, moe=made["moe"] / 600)
    shares = GroupTable(source=KnownGroups(parts), population_share="part", residents="all", margin="moe")
    (of_shares,), (of_counts,) = (
        next(shares.sample(square_grid(), 1)),
        next(sampled_table(margin="moe").sample(square_grid(), 1)),
    )
    assert of_shares.by_group == pytest.approx(of_counts.by_group)
