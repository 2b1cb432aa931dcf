import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.model.long_horizons.methods import (
    ETS,
    LinearTrend,
    SeriesMean,
    Theta,
)
from ilp_models.model.long_horizons.series import dispersion_of, longer_cycles
from tests.builders import city, events_of, poisson_counts
from tests.model.monthly_series import months


def test_days_have_a_yearly_cycle_that_every_method_follows():
    days, ahead = np.arange(3 * 365), 3 * 365 + np.arange(90)
    year = 40 + 15 * np.sin(2 * np.pi * np.r_[days, ahead] / 365)
    counts = np.random.default_rng(5).poisson(year[: len(days)]).astype(float)
    for method in (ETS(), Theta(), LinearTrend(), SeriesMean()):
        with_year, without = (method.moments(counts, 90, cycles)[0] for cycles in ((7, 365), (7,)))
        errors = [np.abs(one - year[len(days) :]).mean() for one in (with_year, without)]
        assert errors[0] < 2.5
        assert errors[1] > 1.4 * errors[0]


def test_longer_cycles_leave_a_series_without_them_as_it_is():
    trend = np.linspace(10, 20, 1095)
    np.testing.assert_allclose(longer_cycles(trend, 30, (7, 365)), 0, atol=1e-9)
    assert not longer_cycles(trend, 30, (7,)).any()


def test_events_and_totals_give_the_same_forecast():
    grid = city(1, 2)
    calendar = Calendar("month")
    events = events_of(poisson_counts((2, 2, 180), 3.0), grid)
    history = History.from_events(events.end, events, grid, calendar)
    ahead = calendar.next_periods(history.cutoff, 12)
    fitted = SeriesMean().fit(history)
    forecast = fitted.predict(ahead)
    counts = history.panel.by_period[:, 1, 0]
    made = SeriesMean().forecast_series(pd.Series(counts, index=history.panel.periods, name="one"), 14)
    made = made.set_index("period").loc[ahead]  # the month of the cutoff is not whole
    np.testing.assert_allclose(forecast.expected.values[1, 0], made["expected"])
    np.testing.assert_allclose(forecast.quantiles.values[:, 1, 0].T, made[["q05", "q25", "q50", "q75", "q95"]])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.r_[np.ones(35), np.nan], "has nan in 2017-12"),
        (np.r_[np.ones(35), -1], "has -1.0 in 2017-12"),
    ],
)
def test_counts_that_are_no_counts_are_refused(values, said):
    with pytest.raises(InputError, match=said):
        ETS().forecast_series(months(values), 3)


def test_gaps_other_indexes_and_short_series_are_refused():
    whole = months(np.ones(40))
    with pytest.raises(InputError, match="first that lacks is 2015-06"):
        ETS().forecast_series(whole.drop(whole.index[5]), 3)
    with pytest.raises(InputError, match="PeriodIndex of months"):
        ETS().forecast_series(whole.reset_index(drop=True), 3)
    with pytest.raises(InputError, match="every period once"):
        ETS().forecast_series(whole.iloc[:0], 3)
    with pytest.raises(InputError, match="every period once"):
        ETS().forecast_series(whole.iloc[::-1], 3)
    with pytest.raises(InputError, match="Two series have the name robbery"):
        ETS().forecast_series(pd.concat([whole, whole], axis=1), 3)
    with pytest.raises(InputError, match="horizon=0"):
        ETS().forecast_series(whole, 0)
    with pytest.raises(NotRunError, match="There are 20 months of records, and train_periods=36"):
        ETS().forecast_series(whole.iloc[:20], 3)
    with pytest.raises(InputError, match="season=12 and train_periods=20 do not fit"):
        ETS(train_periods=20).forecast_series(whole, 3)
    with pytest.raises(InputError, match="season=1 and"):
        ETS(season=1).forecast_series(whole, 3)


def test_dispersions_give_the_variance_and_none_below_poisson():
    expected_counts, variance = np.array([10.0, 10.0, 0.0]), np.array([30.0, 5.0, 4.0])
    found = dispersion_of(expected_counts, variance)
    np.testing.assert_allclose(found[:2], [0.2, 0.0])
    assert np.isfinite(found).all()
