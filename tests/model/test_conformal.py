import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.domain.replay import Replay
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.past_forecasts import PastForecasts
from ilp_models.model.wrappers.conformal import ConformalIntervals, UniformMixture
from ilp_models.scoring.calibration import coverage_by_decile
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import LEVELS, cumulative
from tests.builders import city, events_of, history_of, poisson_counts

WEEKS, FIRST = 140, 114
GIVEN_DISPERSION = 0.2  # the dispersion that the forecaster believes in


class GivenRates(HindcastForecaster):
    """Forecasts given rates with one dispersion."""

    def __init__(self, rates, dispersion=0.0):
        self.rates = rates
        self.dispersion = dispersion

    def hindcast(self, history, periods, step):  # noqa: ARG002
        return np.broadcast_to(np.asarray(self.rates), (len(periods), *history.panel.by_period.shape[1:])).copy()

    def _fit(self, history):
        self.dispersion_ = np.full(history.panel.by_period.shape[1], float(self.dispersion))


def test_levels_by_hand():
    """Geometric counts of mean 1: P(0) = 1/2, P(at most 1) = 3/4; past counts 0, 0 and 1 in equal weights.

    Their transforms spread over 0..1/2, 0..1/2 and 1/2..3/4, and one lent unit over 0..1: of four units 1 + 1 + 1/2
    lie below 1/2, all but 1/4 below 3/4.
    """
    counts = np.zeros((1, 1, 12), dtype=int)
    counts[0, 0, -1] = 1
    settings = {"groups": 1, "half_life": np.inf, "shrinkage": 1e-9, "past_periods": 3}
    one = ConformalIntervals(GivenRates([[1.0]], 1.0), **settings).fit(history_of(counts))
    expected = [0.05 * 3 / 4, 0.25 * 3 / 4, 0.5 * 3 / 4, 0.5 + (0.75 - 2 / 3) * 3 / 4, 0.5 + (0.95 - 2 / 3) * 3 / 4]
    np.testing.assert_allclose(one.levels_[0, 0], expected, rtol=1e-6)
    forecast = one.predict(pd.period_range("2019-01-07", periods=1, freq="W-SUN") + 100)
    assert forecast.quantiles.values.ravel().tolist() == [0, 0, 0, 1, 1]  # plain: 0, 0, 0, 1, 4
    lent = UniformMixture(np.array([0.0, 0.0, 0.5]), np.array([0.5, 0.5, 0.75]), np.ones(3))
    lent = lent.joined(UniformMixture.calibrated(1.0))
    np.testing.assert_allclose(lent.levels((2.5 / 4, 3.75 / 4)), [0.5, 0.75])


def test_expected_counts_dispersions_and_labels_are_those_of_the_forecaster():
    history = history_of(poisson_counts((2, 12, 90), 0.8), city(3, 4))
    plain = MovingAverage(20).fit(history).predict(history.calendar.next_periods(history.cutoff, 3))
    weeks = history.calendar.next_periods(history.cutoff, 3)
    forecast = ConformalIntervals(MovingAverage(20)).fit(history).predict(weeks)
    np.testing.assert_array_equal(forecast.expected.values, plain.expected.values)
    np.testing.assert_array_equal(forecast.dispersion.values, plain.dispersion.values)
    assert forecast.cutoff == plain.cutoff
    assert forecast.quantiles.dims == plain.quantiles.dims
    xr.testing.assert_equal(forecast.quantiles.coords.to_dataset(), plain.quantiles.coords.to_dataset())


def test_calibrated_intervals_hardly_change():
    rates = np.random.default_rng(0).gamma(2.0, 1.0, (1, 72))
    history = history_of(poisson_counts((1, 72, 90), rates[..., None]), city(8, 9))
    one = ConformalIntervals(GivenRates(rates)).fit(history)
    assert np.abs(one.levels_ - np.array(LEVELS)).max() < 0.09  # 190 units a group
    strong = ConformalIntervals(GivenRates(rates), shrinkage=1e9).fit(history)
    assert np.abs(strong.levels_ - np.array(LEVELS)).max() < 0.001


def drifting(cells, seed=7):
    """Return rates (types, cells) and counts whose dispersion rises from 0.2 to 1.2 while the rates stay."""
    generator = np.random.default_rng(seed)
    rates = generator.gamma(1.5, 1.0, (1, cells)) + 0.1
    spread = np.linspace(GIVEN_DISPERSION, 1.2, WEEKS)
    return rates, generator.poisson(rates[..., None] * generator.gamma(1 / spread, spread, (1, cells, WEEKS)))


def replayed(forecaster, grid, counts):
    """Return the replay of a forecaster that is fitted once and updated week by week."""
    events, forecasts = events_of(counts, grid), []
    for week in range(FIRST, WEEKS):
        known = History.from_events(events.start + pd.Timedelta(weeks=week), events, grid, Calendar())
        forecaster = forecaster.update(known) if forecasts else forecaster.fit(known)
        forecasts.append(forecaster.predict(known.calendar.next_periods(known.cutoff, 1)))
    expected = xr.concat([one.expected for one in forecasts], "period")
    quantiles = xr.concat([one.quantiles for one in forecasts], "period")
    observed = expected.copy(data=counts[..., FIRST:])
    return Replay("one", "", 1, expected, quantiles, forecasts[0].dispersion, observed)


def missed(replay):
    """Return the largest distance of a level from the shares of counts below its quantile and at most at it."""
    table = coverage_by_decile(replay, Bootstrap()).query("crime_type == 'all'")
    return np.maximum(table["below"] - table["level"], table["level"] - table["at_most"]).max()


@pytest.mark.slow
def test_quantiles_cover_in_every_decile_while_the_dispersion_drifts():
    rates, counts = drifting(400)
    given, grid = GivenRates(rates, GIVEN_DISPERSION), city(20, 20)
    assert missed(replayed(given, grid, counts)) > 0.04
    assert missed(replayed(ConformalIntervals(given, half_life=6.0), grid, counts)) < 0.02


def missed_by_transforms(rates, counts, levels_at):
    """Return the largest distance of a level from the share of transforms below the level taken, over deciles.

    There is no slack in it: a transform spreads evenly between the probabilities of fewer and of as many events.
    """
    deciles = np.array_split(np.argsort(rates[0]), 10)
    reached = np.zeros((10, len(LEVELS)))
    for week in range(FIRST, WEEKS):
        observed, levels = counts[0, :, week], levels_at(week)
        fewer, most = (cumulative(count, rates[0], GIVEN_DISPERSION)[:, None] for count in (observed - 1, observed))
        below = np.clip((levels - fewer) / (most - fewer), 0, 1)
        reached += [below[cells].mean(axis=0) for cells in deciles]
    return np.abs(reached / (WEEKS - FIRST) - LEVELS).max()


def levels_learned(rates, counts, **settings):
    one = ConformalIntervals(GivenRates(rates, GIVEN_DISPERSION), **settings)

    def levels_at(week):
        observed = np.moveaxis(counts[..., week - one.past_periods : week], 2, 0).astype(float)
        expected = np.broadcast_to(rates, observed.shape)
        one._learn(PastForecasts(expected, np.full_like(observed, GIVEN_DISPERSION), observed))
        return one.levels_[0, one.groups_.group_index(rates[0], 0)]

    return levels_at


@pytest.mark.slow
def test_levels_follow_the_drift_with_more_weight_on_recent_units():
    rates, counts = drifting(1500)
    assert missed_by_transforms(rates, counts, lambda _: np.array(LEVELS)) > 0.08
    assert missed_by_transforms(rates, counts, levels_learned(rates, counts, half_life=6.0)) < 0.02
    lagging = levels_learned(rates, counts, half_life=np.inf, past_periods=60)
    assert missed_by_transforms(rates, counts, lagging) > 0.035


def mixture_of(rows):
    low, width, weight = (np.array(column) for column in zip(*rows, strict=True))
    return UniformMixture(low, np.minimum(low + width, 1.0), weight)


pieces = st.tuples(st.floats(0, 0.99), st.floats(0.001, 1), st.floats(0.01, 5))
mixtures = st.lists(pieces, min_size=1, max_size=12).map(mixture_of)


@given(mixtures)
def test_levels_are_the_inverse_of_the_mean_distribution(mixture):
    whole = mixture.joined(UniformMixture.calibrated(0.5))
    points = whole.levels(LEVELS)
    parts = np.clip((points[:, None] - whole.low) / (whole.high - whole.low), 0, 1)
    np.testing.assert_allclose(parts @ whole.weight / whole.weight.sum(), LEVELS, atol=1e-7)


@given(mixtures)
def test_a_condensed_mixture_has_almost_the_same_levels_and_the_given_weight(mixture):
    whole = mixture.joined(UniformMixture.calibrated(0.5))
    condensed = whole.condensed(3.0)
    assert condensed.weight.sum() == pytest.approx(3.0)
    assert len(condensed.weight) <= 200
    assert np.abs(condensed.levels(LEVELS) - whole.levels(LEVELS)).max() <= 1 / 200 + 1e-9


def test_an_impossible_count_is_accepted():
    rates = np.zeros((1, 12))
    history = history_of(poisson_counts((1, 12, 60), 0.2), city(3, 4))
    week = history.calendar.next_periods(history.cutoff, 1)
    forecast = ConformalIntervals(GivenRates(rates)).fit(history).predict(week)
    assert (forecast.quantiles.values == 0).all()


def test_settings_out_of_range_are_refused():
    history = history_of(poisson_counts((1, 4, 40)))
    for setting, message in (
        ({"shrinkage": 0}, r"^shrinkage=0 must be above 0\.$"),
        ({"half_life": -1}, r"^half_life=-1 must be above 0; set \.inf for equal weights\.$"),
        ({"groups": 0}, r"^groups=0 must be at least 1\.$"),
    ):
        with pytest.raises(InputError, match=message):
            ConformalIntervals(MovingAverage(4), **setting).fit(history)
