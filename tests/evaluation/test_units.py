import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.evaluation.units import TrialUnits
from tests.builders import square_grid

GRID = square_grid(rows=9, columns=9, size=100.0)
WIDE = square_grid(rows=20, columns=20, size=100.0)


@settings(max_examples=40)
@given(
    kind=st.sampled_from(["cells", "clusters"]),
    radius=st.sampled_from([100.0, 150.0, 210.0]),
    buffer=st.sampled_from([0.0, 50.0, 150.0]),
    seed=st.integers(0, 10_000),
)
def test_no_cell_is_in_two_units_or_zones_and_units_keep_their_distance(kind, radius, buffer, seed):
    risk = np.random.default_rng(seed).gamma(1.0, size=len(WIDE))
    found = TrialUnits(kind=kind, count=2, radius_m=radius, buffer_m=buffer).choose(WIDE, risk)
    every = np.concatenate([*found.cells, *found.zones])
    assert len(set(every)) == len(every)
    one, other = (shapely.union_all(WIDE.geometry[cells]) for cells in found.cells)
    assert shapely.distance(one, other) >= buffer
    for cells, zone in zip(found.cells, found.zones, strict=True):
        far = shapely.distance(WIDE.geometry, shapely.union_all(WIDE.geometry[cells]))
        expected = set(np.flatnonzero(far <= buffer)) - set(cells) if buffer else set()
        assert set(zone) == expected
    if kind == "cells":
        assert found.names[0] == WIDE.cells[int(risk.argmax())]


def test_units_are_those_of_highest_risk_that_are_apart():
    risk = np.zeros(len(GRID))
    risk[[0, 1, 4, 8, 80]] = [5, 4, 3, 2, 1]  # 1 touches 0; 0, 4 and 8 are in one row, four cells apart
    found = TrialUnits(count=3, buffer_m=50).choose(GRID, risk, risk > 0)
    assert list(found.names) == [GRID.cells[at] for at in (0, 4, 8)]
    assert (found.eligible, found.too_near) == (5, 1)
    assert found.sums({None: np.arange(len(GRID))[:, None]}).tolist() == [[0], [4], [8]]
    late = found.in_shifts([(22, 6), (6, 14)])
    assert late.names[:2] == (f"{found.names[0]} 22-06", f"{found.names[0]} 06-14")
    counts = {(22, 6): np.arange(len(GRID))[:, None], (6, 14): np.ones((len(GRID), 1))}
    assert late.sums(counts).tolist() == [[0], [1], [4], [1], [8], [1]]


def test_a_cluster_has_the_cells_around_its_first_one():
    risk = np.zeros(len(GRID))
    risk[[10, 70]] = [2, 1]
    found = TrialUnits(kind="clusters", count=2, radius_m=100, buffer_m=0).choose(GRID, risk)
    assert found.cells[0].tolist() == [1, 9, 10, 11, 19]


def test_areas_are_units_in_order_of_their_sum():
    grid = square_grid(rows=9, columns=9, size=100.0)
    object.__setattr__(grid, "parents", pd.DataFrame({"beat": ["low"] * 40 + ["high"] * 40 + [None]}))
    found = TrialUnits(kind="areas", count=2, buffer_m=0).choose(grid, np.arange(81.0))
    assert found.names == ("high", "low")
    assert [len(one) for one in found.cells] == [40, 40]
    with pytest.raises(InputError, match="those of the grid are: beat"):
        TrialUnits(kind="areas", count=2, area_level="ward").choose(grid, np.ones(81))


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        ({"kind": "shapes"}, "cells, clusters, areas"),
        ({"count": 1}, "at least 2"),
        ({"buffer_m": float("nan")}, "at least 0 metres"),
    ],
)
def test_settings_that_make_no_units_are_refused(given_settings, message):
    with pytest.raises(InputError, match=message):
        TrialUnits(**given_settings)


def test_too_many_units_are_refused_with_the_number_that_fits():
    with pytest.raises(InputError, match=r"Only 9 of units\.count=10 cells .* 81 are eligible, and 72 of them"):
        TrialUnits(count=10, buffer_m=50).choose(GRID, -np.arange(81.0))
