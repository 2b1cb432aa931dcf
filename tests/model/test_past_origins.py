"""Scores of past origins: by hand, without a look ahead, and equal where the method is the naive one."""

import numpy as np
import pandas as pd
import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.model.long_horizons.horizons import LongHorizons, hierarchies
from ilp_models.model.long_horizons.methods import LinearTrend, SeasonalNaive
from ilp_models.model.long_horizons.past_origins import score_origins, spread_origins
from tests.model.long_city import city_events

SETTINGS = LongHorizons(city_months=12, area_months=6, city_days=14, train_days=400, origins=4, area_origins=2)


def scores(events, method, settings=SETTINGS):
    return score_origins(events, hierarchies(events, settings), method, settings, LocalProcesses(1))


def test_origins_are_spread_from_the_first_possible_to_the_last():
    months = pd.period_range("2015-01", periods=60, freq="M")
    made = spread_origins(months, 36, 3, 4)
    assert [str(one) for one in made] == ["2018-01", "2018-08", "2019-03", "2019-10"]
    assert spread_origins(months[:38], 36, 3, 4) == []
    assert [str(one) for one in spread_origins(months[:39], 36, 3, 4)] == ["2018-01"]


def test_errors_are_those_by_hand():
    events = city_events()
    settings = LongHorizons(city_months=3, area_months=0, city_days=0, origins=2)
    found = scores(events, LinearTrend(season=0), settings).set_index(["crime_type", "leads"])
    counts = events.table.groupby([events.table["occurred_at"].dt.to_period("M"), "crime_type"], observed=True).size()
    counts = counts.to_numpy(dtype=float).reshape(60, 2)
    error = naive = seasonal = 0.0
    for start in (36, 57):
        known, later = counts[start - 36 : start], counts[start : start + 3]
        naive += np.abs(later[:, 0] - known[-1, 0]).sum()
        seasonal += np.abs(later[:, 0] - known[-12:-9, 0]).sum()
        fits = [np.polyfit(np.arange(36), known[:, kind], 1) for kind in (0, 1)]
        ahead = np.array([np.polyval(fit, np.arange(36, 39)) for fit in fits])
        error += np.abs(later[:, 0] - ahead[0]).sum()
    row = found.loc[("A", "all")]
    assert (row["origins"], row["forecasts"]) == (2, 6)
    recorded = counts[[36, 37, 38, 57, 58, 59], 0].sum()
    # reconciliation moves the forecasts of linear methods by nothing, because they add up before
    assert row["wape"] == pytest.approx(error / recorded, rel=1e-6)
    assert row["against_naive"] == pytest.approx(error / naive, rel=1e-6)
    assert row["against_seasonal_naive"] == pytest.approx(error / seasonal, rel=1e-6)


def test_the_seasonal_naive_method_scores_one_against_itself():
    found = scores(city_events(), SeasonalNaive())
    np.testing.assert_allclose(found["against_seasonal_naive"].dropna(), 1.0)
    assert set(found["level"]) == {"city", "area"}
    assert set(found["period_unit"]) == {"month", "day"}
    assert "1-12 summed" in set(found["leads"])


def test_without_origins_there_are_no_scores():
    settings = LongHorizons(city_months=3, area_months=0, city_days=0, origins=0)
    assert scores(city_events(), SeasonalNaive(), settings).empty
