import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_poisson_deviance

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.model.hindcast import deviance_by_type, recent_periods
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.stats.distributions import fit_dispersion
from tests.builders import city, history_of, poisson_counts


@pytest.mark.parametrize(("weeks", "judged"), [(200, 52), (108, 52), (107, 51), (20, 8), (6, 1)])
def test_recent_periods_are_a_year_or_half_of_a_short_past(weeks, judged):
    history = history_of(np.ones((1, 2, weeks), dtype=int))
    assert recent_periods(history).equals(history.panel.periods[-judged:])


@pytest.mark.parametrize(("weeks", "delay", "needed"), [(4, "0D", 6), (1, "0D", 6), (5, "7D", 7)])
def test_too_short_a_past_is_not_run(weeks, delay, needed):
    history = history_of(np.ones((1, 2, weeks + (delay != "0D")), dtype=int), settles_after=delay)
    with pytest.raises(NotRunError, match=rf"^{weeks} whole week\(s\) are known at .*; at least {needed} are needed"):
        recent_periods(history)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_deviance_of_a_type_equals_that_of_sklearn(seed):
    rng = np.random.default_rng(seed)
    observed = rng.poisson(0.7, (5, 2, 6)).astype(np.float32)
    expected = rng.gamma(1.0, 0.7, observed.shape)
    for kind, found in enumerate(deviance_by_type(observed, expected)):
        floored = np.maximum(expected[:, kind].ravel(), 0.005)
        assert found == pytest.approx(30 * mean_poisson_deviance(observed[:, kind].ravel(), floored), rel=1e-5)


def test_dispersions_are_fitted_out_of_sample():
    counts = poisson_counts((2, 12, 150), np.random.default_rng(1).gamma(2.0, 0.5, (2, 12, 150)))
    history = history_of(counts, city(3, 4))
    forecaster = MovingAverage(10).fit(history)
    for kind in range(2):
        means = np.stack([counts[kind, :, week - 10 : week].mean(axis=1) for week in range(98, 150)])
        assert forecaster.dispersion_[kind] == pytest.approx(fit_dispersion(counts[kind, :, 98:].T, means), rel=1e-3)


def test_dispersion_of_overdispersed_counts_is_recovered():
    rng = np.random.default_rng(2)
    rate = 2.0 * rng.gamma(1 / 0.5, 0.5, (1, 60, 160))  # variance = mean + 0.5 mean^2
    history = history_of(rng.poisson(rate), city(6, 10))
    assert MovingAverage(104).fit(history).dispersion_[0] == pytest.approx(0.5, abs=0.06)


def test_counts_of_a_constant_rate_have_almost_no_dispersion():
    history = history_of(poisson_counts((1, 60, 160), 2.0), city(6, 10))
    assert MovingAverage(104).fit(history).dispersion_[0] < 0.03


@pytest.mark.parametrize(
    ("forecaster", "words"),
    [
        (MovingAverage(window=0), "window=0 must be at least 1"),
        (EWMA(half_lives=[0]), "half-life of 0 periods must be above 0"),
        (LevelShare(half_life=-1), "half-life of -1 periods must be above 0"),
    ],
)
def test_an_empty_window_is_refused(forecaster, words):
    with pytest.raises(InputError, match=words):
        forecaster.fit(history_of(poisson_counts((2, 12, 80))))


def test_other_cells_need_a_new_fit():
    fitted = MovingAverage().fit(history_of(poisson_counts((2, 12, 80))))
    with pytest.raises(InputError, match="other cells"):
        fitted.update(history_of(poisson_counts((2, 9, 80)), city(3, 3)))
