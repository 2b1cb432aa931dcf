from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.model.long_horizons.methods import (
    ETS,
    STLETS,
    LinearTrend,
    SeasonalNaive,
    SeriesMean,
    Theta,
    average_moments,
)
from tests.builders import poisson_counts
from tests.model.monthly_series import expected, months

METHODS = (SeasonalNaive, ETS, STLETS, Theta, LinearTrend, SeriesMean)
WAVE = 30 * np.sin(2 * np.pi * np.arange(12) / 12)


def test_seasonal_naive_repeats_the_latest_year_and_its_variance_grows_by_one_change_a_year():
    values = np.r_[np.full(12, 10.0), np.full(12, 12.0), np.arange(12, 24)]
    mean, variance = SeasonalNaive()._forecast(values, 25, (12,))
    np.testing.assert_array_equal(mean, np.r_[np.arange(12, 24), np.arange(12, 24), 12])
    change = ((values[12:] - values[:-12]) ** 2).mean()
    np.testing.assert_allclose(variance, change * np.repeat([1, 2, 3], [12, 12, 1]))
    mean, variance = SeasonalNaive()._forecast(np.array([3.0, 5.0, 4.0]), 2, ())
    np.testing.assert_array_equal(mean, [4, 4])
    np.testing.assert_allclose(variance, [2.5, 5.0])


def test_a_linear_trend_with_a_season_is_continued_exactly():
    values = 100 + 2 * np.arange(60) + np.tile(WAVE, 5)
    np.testing.assert_allclose(expected(LinearTrend(), values[:36], 24), values[36:])


def test_the_theta_method_takes_half_of_the_trend():
    rng = np.random.default_rng(3)
    values = 200 + 4 * np.arange(36) + rng.normal(0, 5, 36)
    slope = np.polyfit(np.arange(36), values, 1)[0]
    ahead = expected(Theta(season=0), values, 24)
    steps = [later - earlier for earlier, later in pairwise(ahead)]
    np.testing.assert_allclose(steps, slope / 2, rtol=0.01)


@pytest.mark.parametrize("method", [ETS, STLETS, Theta, SeriesMean])
def test_a_season_is_learned(method):
    rng = np.random.default_rng(5)
    values = rng.poisson(np.tile(200 + WAVE, 5))
    errors = expected(method(), values[:48], 12) - (200 + WAVE)
    assert np.abs(errors).mean() < 12  # a flat forecast misses by 19


@pytest.mark.parametrize("method", METHODS)
def test_a_series_that_never_changes_stays_as_it_is(method):
    made = method().forecast_series(pd.DataFrame({"none": months(np.zeros(36)), "five": months(np.full(36, 5.0))}), 6)
    assert made.groupby("series")["expected"].agg(["min", "max"]).loc["none"].tolist() == [0, 0]
    assert made.groupby("series")["expected"].agg(["min", "max"]).loc["five"].tolist() == [5, 5]
    assert (made["q05"] <= made["q50"]).all()


def test_the_mean_is_that_of_its_members_and_its_variance_that_of_a_mixture():
    values = poisson_counts((1, 1, 36), 40.0)[0, 0].astype(float)
    members = (SeasonalNaive(), LinearTrend())
    mean, variance = SeriesMean(members=members)._forecast(values, 6, (12,))
    each = [one._forecast(values, 6, (12,)) for one in members]
    np.testing.assert_allclose(mean, (each[0][0] + each[1][0]) / 2)
    within = ((np.sqrt(each[0][1]) + np.sqrt(each[1][1])) / 2) ** 2
    np.testing.assert_allclose(variance, within + ((each[0][0] - each[1][0]) / 2) ** 2)
    with pytest.raises(InputError, match="members is empty"):
        SeriesMean(members=()).forecast_series(months(values), 3)


def test_a_drift_of_the_level_widens_later_intervals_and_moves_no_expected_count():
    values = np.random.default_rng(4).poisson(400 + np.tile(WAVE, 3)).astype(float)
    narrow, wide = (SeriesMean(drift=drift).forecast_series(months(values), 36) for drift in (0, 0.05))
    np.testing.assert_array_equal(wide["expected"], narrow["expected"])
    added = (wide["q95"] - wide["q05"]) - (narrow["q95"] - narrow["q05"])
    assert (added >= 0).all()
    assert added.iloc[35] > 3 * added.iloc[0]
    method = SeriesMean(drift=0.05)
    np.testing.assert_allclose(
        method.drift_variance(values, 36, "month"), (0.05 * values.mean()) ** 2 * np.arange(1, 37)
    )
    by_day, by_month = (method.drift_variance(values[None], 365, unit)[0] for unit in ("day", "month"))
    assert by_day[364] == pytest.approx(by_month[11])  # a year of days is a year of months
    assert not ETS().drift_variance(values, 6, "month").any()
    with pytest.raises(InputError, match="drift=-1 is not a share"):
        SeriesMean(drift=-1).forecast_series(months(values), 3)


@pytest.mark.parametrize("seasons", [(12,), ()])
def test_the_mean_can_be_made_from_members_that_were_fitted_before(seasons):
    method = SeriesMean()
    for values in (poisson_counts((1, 1, 36), 4.0)[0, 0].astype(float), np.full(36, 7.0), np.r_[np.zeros(35), 1.0]):
        whole = method.moments(values, 24, seasons)
        parts = average_moments([member.moments(values, 24, seasons) for member in method.members_for(seasons)])
        np.testing.assert_allclose(parts, whole, rtol=1e-12, atol=0)


def test_only_the_mean_for_days_leaves_members_out():
    names = [[type(one).__name__ for one in SeriesMean().members_for(cycles)] for cycles in ((12,), (7,), (7, 365))]
    assert names[0] == names[1] == ["SeasonalNaive", "ETS", "STLETS", "Theta", "LinearTrend"]
    assert names[2] == ["ETS", "Theta", "LinearTrend"]
    given = SeriesMean(members=(SeasonalNaive(),))
    assert given.members_for((7, 365)) == given.members


def test_intervals_of_the_mean_cover_what_happens_in_seasonal_poisson_cities():
    rng = np.random.default_rng(11)
    inside = []
    for _ in range(25):
        values = rng.poisson(np.tile(rng.uniform(50, 400) + WAVE, 4))
        made = SeriesMean().forecast_series(months(values[:36]), 12)
        inside.append((made["q05"] <= values[36:]) & (values[36:] <= made["q95"]))
    assert 0.85 < np.mean(inside) <= 1
