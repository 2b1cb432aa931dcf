import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline.small_counts import check_min_count, hide_small_counts


def areas(recorded, recent, before):
    table = pd.DataFrame({"recorded": recorded, "recent": recent, "before": before}, dtype=float)
    trend = table["recent"] / table["before"].where(table["before"] > 0)
    return table.assign(recorded_per_1000=1.0, expected=1.0, trend=trend, trend_low=trend / 2, trend_high=trend * 2)


def test_counts_rates_and_forecasts_of_small_areas_are_hidden():
    shown = hide_small_counts(areas([90, 80, 3, 60], [20, 20, 1, 20], [20, 20, 1, 20]), 5, 26)
    assert shown["hidden"].tolist() == [False, False, True, True]
    for column in ("recorded", "recorded_per_1000", "expected", "trend", "trend_low", "trend_high"):
        assert shown[column].isna().tolist() == [False, False, True, True], column


@pytest.mark.parametrize(
    ("recorded", "recent", "before", "other"),
    [
        ([90, 80, 70], [20, 20, 4], [20, 20, 30], 26),  # few recent events
        ([90, 80, 70], [20, 20, 30], [20, 20, 0], 26),  # no earlier event: the trend would be missing
        ([90, 80, 42], [20, 20, 20], [20, 20, 20], 26),  # two events in the other periods
    ],
)
def test_a_trend_that_reveals_a_small_part_is_hidden(recorded, recent, before, other):
    shown = hide_small_counts(areas(recorded, recent, before), 5, other)
    assert shown["recorded"].notna().all()
    assert shown["trend_hidden"].tolist()[2]
    assert shown["trend_hidden"].sum() == 2  # the smallest other area, so that a total does not reveal it
    assert shown.loc[shown["trend_hidden"], ["trend", "trend_low", "trend_high"]].isna().all(axis=None)


def test_without_other_periods_the_parts_are_all():
    shown = hide_small_counts(areas([40, 40], [20, 20], [20, 20]), 5, 0)
    assert not shown["trend_hidden"].any()


def test_areas_without_past_are_not_called_hidden():
    shown = hide_small_counts(areas([np.nan, np.nan], [np.nan, np.nan], [np.nan, np.nan]), 5, 0)
    assert not shown["hidden"].any()
    assert not shown["trend_hidden"].any()


@pytest.mark.parametrize("value", [-1, 2.5, True, "5"])
def test_the_limit_is_a_whole_number(value):
    with pytest.raises(InputError, match=r"min_count=.* must be a whole number"):
        check_min_count(value)
