import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.pipeline.plan_maps import community_map, plan_map, recorded_by_cell
from tests.pipeline.small_plan import small_plan


def test_all_crime_types_are_added_in_each_cell():
    last = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("crime_type", "cell"))
    assert recorded_by_cell(last).tolist() == [4.0, 6.0]
    dated = xr.DataArray(np.stack([last.values, 9 * last.values], axis=-1), dims=("crime_type", "cell", "period"))
    assert recorded_by_cell(dated).tolist() == [4.0, 6.0]


def test_the_map_of_a_plan_shows_its_first_period(tmp_path):
    shown, figure = plan_map(small_plan(), tmp_path / "map.png", np.array([0, 3]))
    values = {measure.label: measure.values[0].tolist() for measure in shown.measures}
    assert values == {
        "Receives effort": [1.0, 0.0, 0.0, 1.0],
        "Effort, cells": [1.0, 0.0, 0.0, 0.5],
        "Expected crimes, all types": [4.0, 1.0, 2.0, 3.0],
        "Recorded last week, all types": [5.0, 0.0, 1.0, 2.0],
    }
    assert (shown.names[0], shown.codes) == ("King Street, West", ["r0c0", "r0c1", "r0c2", "r0c3"])
    assert figure.path.stat().st_size > 0
    assert "the 2 places" in figure.alt


def test_the_map_for_the_public_has_neighbourhoods_and_no_cell(tmp_path):
    table = pd.DataFrame(
        {
            "area": ["East", "West"],
            "coverage": [0.25, np.nan],
            "under_protected": [True, False],
            "recorded_per_1000": [2.0, np.nan],
            "recorded": [12, np.nan],
        }
    )
    shown, figure = community_map(small_plan(), table, tmp_path / "map.png")
    assert (shown.names, shown.codes) == (["East", "West"], ["", ""])
    east, west = shown.geometry
    assert (east.area, west.area) == (500_000.0, 500_000.0)
    assert east.centroid.x - west.centroid.x == 1000.0
    assert shown.measures[0].values[0, 0] == 25.0
    assert shown.measures[3].values[0].tolist() == [1.0, 0.0]
    assert figure.path.stat().st_size > 0
