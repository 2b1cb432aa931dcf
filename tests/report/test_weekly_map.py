import numpy as np
import pandas as pd

from ilp_models.report.weekly_map import MapEvidence, weekly_map
from tests.builders import TYPES, forecast_on, square_grid


def test_all_types_are_the_sum_with_an_interval_of_their_own():
    grid = square_grid()
    found = weekly_map(forecast_on(grid), grid, MapEvidence())
    assert found.types == ["all types", *TYPES]
    expected, interval = found.measures
    np.testing.assert_allclose(expected.values[0], expected.values[1:].sum(axis=0))
    assert (interval.high[0] >= interval.high[1:].max(axis=0)).all()
    one = weekly_map(forecast_on(grid, types=TYPES[:1]), grid, MapEvidence())
    assert list(one.types) == [TYPES[0]]
    assert one.measures[0].values.shape == (1, len(grid))


def test_change_is_expected_minus_recorded():
    grid = square_grid()
    recorded = np.full((len(TYPES), len(grid)), 2.0)
    evidence = MapEvidence(recorded=recorded, recorded_period=pd.Period("2021-12-27", "W-SUN"))
    found = {one.label: one for one in weekly_map(forecast_on(grid), grid, evidence).measures}
    change = found["Change: expected minus recorded last week"].values
    np.testing.assert_allclose(change, found["Expected this week"].values - found["Recorded last week"].values)
    assert found["Recorded last week"].values[0].tolist() == [2.0 * len(TYPES)] * len(grid)
    assert found["Recorded last week"].note.endswith("27 December to 2 January 2022.")
