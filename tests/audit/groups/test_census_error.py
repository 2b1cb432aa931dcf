import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.groups.sampling_error import drawn_counts
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError
from tests.audit.cases import Table
from tests.builders import square_grid

ROWS = [("West", "Upland", 120.0, 30.0), ("West", "Lowland", 480.0, 60.0), ("East", "Upland", 300.0, 40.0)]
ROWS += [("East", "Lowland", 300.0, 0.0)]


def table(**settings):
    made = pd.DataFrame(ROWS, columns=["area", "group", "population", "moe"]).assign(dimension="origin")
    return GroupTable(source=Table(made), **settings)


def test_margins_of_error_are_those_of_nine_in_ten():
    counts, margins = np.array([1000.0, 500.0]), np.array([100.0, 0.0])
    drawn = drawn_counts(counts, 20_000, 0, margins)
    assert drawn.shape == (20_000, 2)
    assert drawn.mean(axis=0) == pytest.approx(counts, rel=0.005)
    assert np.mean(np.abs(drawn[:, 0] - 1000) <= 100) == pytest.approx(0.9, abs=0.01)
    assert (drawn[:, 1] == 500).all()


def test_rounding_at_random_to_five_moves_a_count_by_less_than_five():
    drawn = drawn_counts(np.full(4, 100.0), 20_000, 0, rounding=5)
    assert np.abs(drawn - 100).max() < 5
    assert drawn.std() == pytest.approx(5 / np.sqrt(6), rel=0.02)
    assert drawn_counts(np.zeros(3), 1000, 0, rounding=5).min() == 0


def test_a_margin_that_is_not_there_is_no_margin_of_zero():
    with pytest.raises(InputError, match="no margin of error"):
        drawn_counts(np.ones(2), 3, 0, np.array([1.0, np.nan]))
    with pytest.raises(InputError, match=r"audit\.groups\.rounding=-5"):
        table(rounding=-5)


def test_residents_are_drawn_around_the_published_ones():
    grid, given = square_grid(), table(margin="moe")
    (published,) = given.on(grid)
    drawn = [one for (one,) in given.drawn(grid, 400, seed=1)]
    mean = np.mean([one.by_group for one in drawn], axis=0)
    assert mean == pytest.approx(published.by_group, rel=0.02)
    assert all(np.allclose(one.by_group.sum(axis=1), one.total) for one in drawn)
    exposure = [one.by_group[0, 1] / one.by_group[:, 1].sum() for one in drawn]
    assert 0.01 < np.std(exposure) / np.mean(exposure) < 0.2
    (again,) = next(given.drawn(grid, 400, seed=1))
    assert (again.by_group == drawn[0].by_group).all()


def test_without_margins_and_rounding_every_draw_is_the_table():
    grid = square_grid()
    (published,) = table().on(grid)
    for (one,) in table().drawn(grid, 3):
        assert one.by_group == pytest.approx(published.by_group)
        assert one.missing == published.missing


def test_an_overlapping_group_is_never_drawn_larger_than_the_residents():
    made = pd.DataFrame({"area": ["West", "East"], "population": [100.0, 95.0], "all": 100.0, "moe": 50.0})
    given = GroupTable(
        source=Table(made.assign(dimension="age", group="young")),
        overlapping=["age"],
        residents="all",
        margin="moe",
    )
    for (one,) in given.drawn(square_grid(), 50):
        assert (one.by_group[:, 0] <= one.total + 1e-9).all()
        assert one.total.sum() == pytest.approx(200)


def test_margins_of_shares_are_multiplied_by_the_residents():
    made = pd.DataFrame(ROWS, columns=["area", "group", "population", "moe"]).assign(dimension="origin", all=600.0)
    parts = made.assign(part=made["population"] / 600, moe=made["moe"] / 600)
    shares = GroupTable(source=Table(parts), share="part", residents="all", margin="moe")
    (of_shares,), (of_counts,) = next(shares.drawn(square_grid(), 1)), next(table(margin="moe").drawn(square_grid(), 1))
    assert of_shares.by_group == pytest.approx(of_counts.by_group)
