import numpy as np
import pytest
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.grid.random_search import RandomSearchGrid, concentration
from ilp_models.grid.rectangle import RectangleLattice
from tests.builders import events_at


def test_the_concentration_is_the_share_in_the_fullest_cells():
    lattice = RectangleLattice(10.0, 10.0, 0.0, (0.0, 0.0))
    x, y = np.array([1.0, 2.0, 15.0, 25.0]), np.array([1.0, 2.0, 1.0, 1.0])
    weight = np.array([1.0, 2.0, 1.5, 0.5])
    assert concentration(lattice, x, y, weight, 1) == pytest.approx(0.6)
    assert concentration(lattice, x, y, weight, 2) == pytest.approx(0.9)
    assert concentration(lattice, x, y, weight, 9) == pytest.approx(1.0)


def streets():
    """Return events along five parallel lines at 30 degrees, on the borders of the squares from the origin or near."""
    along = np.linspace(0, 400, 41)
    turn = np.radians(30)
    x = np.concatenate([630_000 + along * np.cos(turn) - 300 * line * np.sin(turn) for line in range(5)])
    y = np.concatenate([4_834_000 + along * np.sin(turn) + 300 * line * np.cos(turn) for line in range(5)])
    return events_at(x, y)


def test_the_selected_grid_is_more_concentrated_than_squares():
    events = streets()
    x, y = (events.table[name].to_numpy() for name in ("x", "y"))
    spec = RandomSearchGrid(100, cells=10, tries=400)
    found = spec.search(events)
    shares = [
        concentration(RectangleLattice(width, height, angle, origin), x, y, np.ones(len(x)), 10)
        for width, height, angle, origin in (
            (100.0, 100.0, 0.0, (0.0, 0.0)),
            (found.width, found.height, found.angle, tuple(found.origin)),
        )
    ]
    assert shares[1] > 1.3 * shares[0]
    assert found.width * found.height == pytest.approx(10_000)
    assert max(found.width, found.height) <= 160
    assert shapely.area(spec.build(events).geometry) == pytest.approx(10_000)


def test_the_search_is_the_same_for_the_same_seed_and_never_worse_with_more_tries():
    events = streets()
    assert RandomSearchGrid(100, 10, tries=50).search(events) == RandomSearchGrid(100, 10, tries=50).search(events)
    assert RandomSearchGrid(100, 10, tries=50).search(events) != RandomSearchGrid(100, 10, tries=50, seed=1).search(
        events
    )
    one = RandomSearchGrid(100, 10, tries=1).search(events)
    assert (one.width, one.angle, tuple(one.origin)) == (100, 0, (0, 0))


def test_old_events_count_less():
    x = [630_000.0] * 4 + [630_099.0, 630_101.0]
    when = ["2021-01-05"] * 4 + ["2021-01-31"] * 2
    events = events_at(x, [4_834_050.0] * 6, when)
    lately = RandomSearchGrid(100, cells=1, half_life_days=1, tries=100).build(events)
    assert np.ptp(lately.locate(events)[4:]) == 0  # the two of late share a cell


def test_types_have_equal_weight_and_empty_types_none():
    events = events_at([630_010] * 3, [4_834_010] * 3, types=("a", "b"))
    assert len(RandomSearchGrid(100, 1, tries=5).build(events)) == 1


@pytest.mark.parametrize("wrong", [{"cells": 0}, {"tries": 0}, {"half_life_days": 0}, {"stretch": 0.5}, {"size": 1}])
def test_settings_that_leave_nothing_to_search_are_refused(wrong):
    with pytest.raises(InputError, match="grid"):
        RandomSearchGrid(**wrong)
