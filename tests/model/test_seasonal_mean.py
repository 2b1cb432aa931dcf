import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.model.means.seasonal_mean import SeasonalMean
from tests.builders import city, events_of, history_of, poisson_counts


def by_hand(counts, periods, target, known, width):
    """Return the mean of a target by a loop over years and periods."""
    chosen = []
    for year in range(1, 20):
        day = target.start_time + (target.end_time - target.start_time) / 2 - pd.DateOffset(years=year)
        if day < periods[0].start_time - pd.Timedelta(weeks=60):
            break
        centre = int((day.to_period(periods.freqstr) - periods[0]).n)
        chosen += [at for at in range(centre - width, centre + width + 1) if 0 <= at < known]
    return counts[..., chosen].mean(axis=-1) if chosen else counts[..., :known].mean(axis=-1)


@pytest.mark.parametrize("width", [0, 2])
@pytest.mark.parametrize("step", [1, 4])
def test_the_hindcast_is_the_mean_of_the_same_weeks_of_earlier_years(width, step):
    counts = poisson_counts((2, 4, 230), 2.0)
    history = history_of(counts, city(2, 2))
    traced = SeasonalMean(width).hindcast(history, history.panel.periods, step)
    for at in (step, 30, 51, 52, 53, 105, 158, 229):
        period = history.panel.periods[at]
        oracle = by_hand(counts, history.panel.periods, period, at - step + 1, width)
        np.testing.assert_allclose(traced[at], oracle, err_msg=str(period))


def test_a_yearly_wave_is_followed():
    week = np.arange(52 * 4 + 20)
    rate = 5 + 4 * np.sin(2 * np.pi * week / 52.18)
    history = history_of(poisson_counts((1, 100, len(week)), rate), city(10, 10))
    ahead = history.calendar.next_periods(history.cutoff, 26)
    forecast = SeasonalMean().fit(history).predict(ahead).expected.values.mean(axis=(0, 1))
    truth = 5 + 4 * np.sin(2 * np.pi * (len(week) + np.arange(26)) / 52.18)
    np.testing.assert_allclose(forecast, truth, atol=0.25)


def test_without_an_earlier_year_the_whole_past_is_averaged():
    history = history_of(np.array([[[4, 0, 1, 3, 2, 2, 0, 0, 0, 0]]]))
    forecast = SeasonalMean().fit(history).predict(history.calendar.next_periods(history.cutoff, 1))
    assert forecast.expected.values.item() == pytest.approx(1.2)


def test_the_same_months_are_found_by_name():
    events = events_of(poisson_counts((1, 1, 160), 3.0), city(1, 1))
    history = History.from_events(pd.Timestamp("2021-01-01"), events, city(1, 1), Calendar("month"))
    months = history.panel.periods
    (january,) = (
        SeasonalMean(0).fit(history).predict(pd.period_range("2021-01", periods=1, freq="M")).expected.values[0]
    )
    assert january[0] == pytest.approx(history.panel.values[0, 0, months.month == 1].mean())


def test_a_width_below_zero_is_refused():
    with pytest.raises(InputError, match="width=-1 must be at least 0"):
        SeasonalMean(-1).fit(history_of(poisson_counts((1, 1, 20))))
