import numpy as np

from ilp_models.domain.forecaster import Forecaster
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.wrappers.wrapper import IntervalWrapper, Wrapper
from tests.builders import history_of, poisson_counts

COUNTS = poisson_counts((2, 4, 40))


class Doubled(Wrapper):
    """Double the expected counts, and remember what was learned from."""

    def __init__(self, forecaster, past_periods=8, refit_every=52):
        self.forecaster = forecaster
        self.past_periods = past_periods
        self.refit_every = refit_every

    def _learn(self, past):
        self.learned_ = past

    def _correct(self, expected, dispersion):
        return 2 * expected, dispersion

    def _type_factors(self):
        return np.full(2, 2.0)


class Same(IntervalWrapper, Doubled):
    """Leave expected counts as they are."""

    def _correct(self, expected, dispersion):
        return expected, dispersion + 1

    _type_factors = Wrapper._type_factors


def next_week(history):
    return history.calendar.next_periods(history.cutoff, 1)


def test_the_correction_is_applied_to_the_forecast_of_the_wrapped_method():
    history = history_of(COUNTS)
    plain = MovingAverage(20).fit(history).predict(next_week(history))
    one = Doubled(MovingAverage(20)).fit(history)
    np.testing.assert_allclose(one.predict(next_week(history)).expected, 2 * plain.expected)
    (member,) = one.composition().members
    assert isinstance(member.forecaster, Forecaster)
    assert member.weights.tolist() == [2, 2]


def test_reasons_are_those_of_the_wrapped_method_times_the_factor():
    history = history_of(COUNTS)
    one = Doubled(MovingAverage(20)).fit(history)
    inner, outer = (made.reasons(next_week(history)) for made in (one.forecaster_, one))
    for family in inner.families:
        np.testing.assert_allclose(outer.parts.sel(family=family), 2 * inner.parts.sel(family=family))


def test_an_update_learns_from_newer_counts_without_a_refit_of_the_past():
    one = Doubled(MovingAverage(20)).fit(history_of(COUNTS[..., :30]))
    first = one.learned_
    later = history_of(COUNTS[..., :33])
    one.update(later)
    assert one.learned_ is not first
    expected = MovingAverage(20).fit(later).predict(next_week(later)).expected
    np.testing.assert_allclose(one.predict(next_week(later)).expected, 2 * expected)


def test_an_interval_wrapper_shows_the_share_column_of_the_wrapped_method():
    history = history_of(COUNTS)
    one = Same(MovingAverage(20)).fit(history)
    assert one.share_column == MovingAverage().share_column
    assert one.composition().members[0].weights.tolist() == [1, 1]


def test_few_known_periods_shorten_the_past():
    history = history_of(COUNTS)
    assert Doubled(MovingAverage(20)).shortened(1000, history.calendar) == ()
    assert Doubled(MovingAverage(20)).shortened(12, history.calendar) == ("past_periods=6 instead of 8",)
