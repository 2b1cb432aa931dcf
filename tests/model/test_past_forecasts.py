import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.past_forecasts import PastPerformance
from ilp_models.model.regressions.glm import PoissonGLM
from ilp_models.model.wrappers.recalibrated import Recalibrated
from tests.builders import city, events_of, history_of, poisson_counts

GRID = city(3, 4)
RATES = np.random.default_rng(3).gamma(1.0, 0.6, (2, 12, 1))
EVENTS = events_of(poisson_counts((2, 12, 90), RATES), GRID, delay_days=20, settles_after="10D")


def known(weeks, days=0):
    return History.from_events(EVENTS.start + pd.Timedelta(weeks=weeks, days=days), EVENTS, GRID, Calendar())


def forecast_at_the_time(forecaster, period):
    then = History.from_events(period.start_time, EVENTS, GRID, Calendar())
    return forecaster.fit(then).predict(pd.PeriodIndex([period]))


def test_past_performance_equals_forecasts_made_at_the_time():
    history = known(80)
    past = PastPerformance.from_history(MovingAverage(20), history, 6, 3).settled(history)
    assert past.expected.shape == past.dispersion.shape == past.observed.shape == (6, 2, 12)
    np.testing.assert_array_equal(past.observed, history.panel.by_period[-6:])
    for index, period in enumerate(history.panel.periods[-6:]):
        oracle = forecast_at_the_time(MovingAverage(20), period)
        np.testing.assert_allclose(past.expected[index], oracle.expected.values[..., 0], rtol=1e-6)


@pytest.mark.parametrize("cutoffs", [[(86, 0)], [(81, 0), (82, 0), (85, 0), (86, 0)], [(80, 3), (83, 5), (86, 0)]])
def test_past_performance_does_not_depend_on_updates(cutoffs):
    history = known(80)
    record = PastPerformance.from_history(LevelShare(), history, 6, 6)
    for weeks, days in cutoffs:
        history = known(weeks, days)
        record.advance(history)
    past, forecaster = record.settled(history), LevelShare().fit(known(80))
    np.testing.assert_array_equal(past.observed, history.panel.by_period[-6:])
    for index, period in enumerate(history.panel.periods[-4:], start=2):  # these began at the fit or after it
        assert period.start_time >= known(80).cutoff
        then = forecaster.update(History.from_events(period.start_time, EVENTS, GRID, Calendar()))
        oracle = then.predict(pd.PeriodIndex([period])).expected.values[..., 0]
        np.testing.assert_allclose(past.expected[index], oracle, rtol=1e-12)


def test_periods_that_have_not_settled_wait_for_their_counts():
    early, late = known(80), known(82)
    record = PastPerformance.from_history(MovingAverage(20), early, 4, 4)
    before = record.settled(early)
    assert early.first_step == 3  # two weeks that have begun are open
    record.advance(late)
    after = record.settled(late)
    np.testing.assert_array_equal(after.expected[:2], before.expected[2:])
    np.testing.assert_array_equal(after.observed, late.panel.by_period[-4:])


def test_weights_halve_with_age():
    history = known(80)
    past = PastPerformance.from_history(MovingAverage(20), history, 5, 5).settled(history)
    assert past.weights(2.0).tolist() == pytest.approx([0.25, 2**-1.5, 0.5, 2**-0.5, 1.0])
    assert past.weights(np.inf).tolist() == [1.0] * 5
    with pytest.raises(InputError, match=r"half_life=0 must be above 0"):
        past.weights(0)


def test_a_short_past_holds_out_at_most_half_and_says_so():
    short, weeks = history_of(poisson_counts((2, 12, 30)), GRID), Calendar()
    method = Recalibrated(EWMA(), past_periods=26)
    assert len(method.fit(short).performance_.settled(short).expected) == 15
    assert method.shortened(30, weeks) == ("past_periods=15 instead of 26",)
    assert method.shortened(52, weeks) == ()
    assert Recalibrated(PoissonGLM(), past_periods=26).shortened(40, weeks) == (
        "past_periods=20 instead of 26",
        "forecaster holdout=6 instead of 26",  # 20 weeks: 6 for the features and 1 step, half of the other 13
    )


def test_too_short_a_past_names_the_method():
    short = history_of(poisson_counts((2, 12, 8)), GRID)
    with pytest.raises(NotRunError, match=r"^EWMA cannot be fitted: .*Give more data"):
        Recalibrated(EWMA(), past_periods=12).fit(short)
    with pytest.raises(NotRunError, match=r"^7 whole week\(s\) are known at .*; at least 8 are needed\."):
        Recalibrated(EWMA(), past_periods=12).fit(history_of(poisson_counts((2, 12, 7)), GRID))
    with pytest.raises(InputError, match=r"past_periods=0 and refit_every=26 must be at least 1"):
        Recalibrated(EWMA(), past_periods=0).fit(short)


class Falling(MovingAverage):
    """A mean with NaN forecasts from some week on."""

    def _predict(self, periods, steps):
        expected, dispersion = super()._predict(periods, steps)
        late = periods[0].start_time >= EVENTS.start + pd.Timedelta(weeks=82)
        return np.full_like(expected, np.nan) if late else expected, dispersion


def test_an_invalid_forecast_names_its_forecaster_in_fit_and_update():
    message = r"^Falling cannot forecast 2019-07-29: The forecaster gave nan as an expected count"
    with pytest.raises(NotRunError, match=message):
        PastPerformance.from_history(Falling(20), known(86), 6, 6)
    record = PastPerformance.from_history(Falling(20), known(80), 6, 6)
    with pytest.raises(NotRunError, match=message):
        record.advance(known(86))
