import numpy as np
import pytest
import scoringrules
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance

from ilp_models.scoring.counts import crps, distribution_scores, mean_scores, sample_crps
from ilp_models.stats.distributions import LEVELS, log_probability, poisson_deviance
from tests.builders import replay_of

FLOOR = 0.005


@pytest.fixture(scope="module")
def replay():
    generator = np.random.default_rng(3)
    expected = generator.gamma(0.5, 1.0, (2, 7, 5)) + 0.01
    return replay_of(expected, generator.poisson(expected * 1.3), dispersion=[0.4, 0.9])


def test_deviance_is_sklearn_s(replay):
    scores = mean_scores(replay.observed.values.astype(float), replay.expected.values, FLOOR)
    for kind in range(2):
        for period in range(5):
            oracle = mean_poisson_deviance(replay.observed[kind, :, period], replay.expected[kind, :, period])
            assert scores["deviance"][kind, period] == pytest.approx(oracle)


def test_deviance_raises_small_forecasts_to_the_floor():
    assert poisson_deviance(1, 0.0, FLOOR) == pytest.approx(2 * (np.log(1 / FLOOR) - 1 + FLOOR))
    assert poisson_deviance(0, 0.0, FLOOR) == pytest.approx(2 * FLOOR)


def test_sums_and_their_ratio_by_hand():
    observed, expected = np.array([[[2.0, 0.0], [1.0, 0.0]]]), np.array([[[1.0, 0.5], [0.5, 0.25]]])
    scores = mean_scores(observed, expected, FLOOR)
    assert scores["observed_total"].tolist() == [[3.0, 0.0]]
    assert scores["expected_total"].tolist() == [[1.5, 0.75]]
    assert scores["sum_ratio"][0, 0] == pytest.approx(0.5)
    assert np.isnan(scores["sum_ratio"][0, 1])
    assert scores["squared_error"].tolist() == [[pytest.approx(0.625), pytest.approx(0.15625)]]


def test_log_score_and_pinball_agree_with_other_libraries(replay):
    scores = distribution_scores(replay, FLOOR)
    for kind, dispersion in enumerate([0.4, 0.9]):  # scoringrules takes no dispersion above 1
        size = 1 / dispersion
        for period in range(5):
            observed, mean = (part[kind, :, period].to_numpy() for part in (replay.observed, replay.expected))
            logs = [scoringrules.logs_negbinom(y, size, size / (size + m)) for y, m in zip(observed, mean, strict=True)]
            assert scores["log_score"][kind, period] == pytest.approx(np.mean(logs))
            limits = replay.quantiles[:, kind, :, period].to_numpy()
            pinball = [mean_pinball_loss(observed, q, alpha=p) for p, q in zip(LEVELS, limits, strict=True)]
            assert scores["pinball"][kind, period] == pytest.approx(np.mean(pinball))
            rules = [scoringrules.quantile_score(observed, q, p).mean() for p, q in zip(LEVELS, limits, strict=True)]
            assert scores["pinball"][kind, period] == pytest.approx(np.mean(rules))


def test_crps_and_brier_agree_with_other_libraries(replay):
    scores = distribution_scores(replay, FLOOR)
    for kind, dispersion in enumerate([0.4, 0.9]):
        size = 1 / dispersion
        for period in range(5):
            observed, mean = (part[kind, :, period].to_numpy() for part in (replay.observed, replay.expected))
            chance = size / (size + mean)
            rules = [scoringrules.crps_negbinom(y, size, p) for y, p in zip(observed, chance, strict=True)]
            assert scores["crps"][kind, period] == pytest.approx(np.mean(rules))
            brier = scoringrules.brier_score((observed > 0).astype(int), 1 - chance**size)
            assert scores["brier_any"][kind, period] == pytest.approx(np.mean(brier))


def test_crps_of_poisson_forecasts_agrees_with_another_library():
    generator = np.random.default_rng(5)
    mean = np.append(generator.gamma(0.5, 2.0, 60), [30.0, 90.0])
    observed = np.append(generator.poisson(mean[:60]), [22, 110])
    oracle = [scoringrules.crps_poisson(y, m) for y, m in zip(observed, mean, strict=True)]
    assert crps(observed, mean, 0.0) == pytest.approx(np.array(oracle), rel=1e-9)


@given(st.integers(0, 12), st.floats(0.001, 15.0), st.sampled_from([0.0, 1e-6, 0.002, 0.01, 0.7, 8.0]))
def test_crps_is_the_summed_brier_score_of_every_threshold(count, mean, dispersion):
    counts = np.arange(2500)
    size = 1 / max(dispersion, 1e-12)
    below = stats.poisson.cdf(counts, mean) if dispersion == 0 else stats.nbinom.cdf(counts, size, size / (size + mean))
    assert crps(count, mean, dispersion) == pytest.approx(((below - (counts >= count)) ** 2).sum(), rel=2e-6, abs=1e-9)


def test_crps_of_a_zero_forecast_is_the_count():
    assert crps([0, 3], 0.0, 0.5).tolist() == [0.0, 3.0]


def test_shares_below_and_not_above_quantiles_by_hand(replay):
    limits = replay.quantiles.copy(data=np.broadcast_to([0, 1, 1, 2, 3], (2, 7, 5, 5)).transpose(3, 0, 1, 2))
    counts = np.broadcast_to(np.array([0, 0, 1, 1, 2, 3, 4])[:, None], (2, 7, 5))
    replay = replay_of(replay.expected.values, counts)
    object.__setattr__(replay, "quantiles", limits)
    scores = {name: float(value[0, 0]) * 7 for name, value in distribution_scores(replay, FLOOR).items()}
    assert (scores["below_q05"], scores["at_most_q05"]) == pytest.approx((0, 2))
    assert (scores["below_q50"], scores["at_most_q50"]) == pytest.approx((2, 4))
    assert (scores["below_q95"], scores["at_most_q95"]) == pytest.approx((5, 6))
    assert (scores["coverage_90"], scores["coverage_50"]) == pytest.approx((6, 3))


def test_correct_distributions_meet_every_level():
    generator = np.random.default_rng(6)
    expected = generator.gamma(1.0, 2.0, (1, 500, 60))
    size = 1 / 0.5
    scores = distribution_scores(
        replay_of(expected, generator.negative_binomial(size, size / (size + expected)), dispersion=0.5), FLOOR
    )
    for level, name in zip(LEVELS, ("q05", "q25", "q50", "q75", "q95"), strict=True):
        assert scores[f"below_{name}"].mean() <= level + 0.005
        assert scores[f"at_most_{name}"].mean() >= level - 0.005
    assert scores["coverage_90"].mean() > 0.9
    assert scores["coverage_50"].mean() > 0.5


@given(st.floats(0.01, 8.0), st.floats(0.3, 3.0), st.sampled_from([0.0, 0.3, 2.0]))
def test_proper_scores_are_minimal_for_the_true_distribution(truth, factor, dispersion):
    counts = np.arange(200.0)
    poisson = stats.poisson.pmf(counts, truth)

    def deviance(mean):
        return float(poisson @ poisson_deviance(counts, mean, FLOOR))

    assert deviance(truth) <= deviance(truth * factor) + 1e-9
    weights = np.exp(log_probability(counts, truth, dispersion))

    def log_score(mean, spread):
        return float(weights @ -log_probability(counts, mean, spread))

    assert log_score(truth, dispersion) <= log_score(truth * factor, dispersion) + 1e-6
    assert log_score(truth, dispersion) <= log_score(truth, dispersion + factor) + 1e-6

    def expected_crps(mean, spread):
        return float(weights @ crps(counts, mean, spread))

    assert expected_crps(truth, dispersion) <= expected_crps(truth * factor, dispersion) + 1e-6
    assert expected_crps(truth, dispersion) <= expected_crps(truth, dispersion + factor) + 1e-6


def test_crps_of_samples_by_hand_and_on_average_that_of_the_distribution():
    samples = np.array([0.0, 2.0])[:, None]
    assert sample_crps(np.array([1.0]), samples).tolist() == [0.0]  # mean distance 1, minus 2 / (2 x 1)
    assert sample_crps(np.array([5.0]), samples).tolist() == [3.0]
    generator = np.random.default_rng(3)
    few = generator.poisson(1.5, (20, 40_000)).astype(float)
    estimates = sample_crps(np.full(40_000, 3.0), few)
    np.testing.assert_allclose(
        estimates[:50], scoringrules.crps_ensemble(np.full(50, 3.0), few.T[:50], estimator="fair")
    )
    assert estimates.mean() == pytest.approx(float(crps(3.0, 1.5, 0.0)), abs=4 * estimates.std() / 200)
