import numpy as np
import pytest
from scipy import stats

from ilp_models.domain.errors import InputError
from ilp_models.stats.bootstrap import Bootstrap, paired_p_value


def test_each_draw_has_as_many_periods_as_were_observed():
    weights = Bootstrap(block=4, draws=300).weights(10)
    assert weights.shape == (300, 10)
    assert (weights.sum(axis=1) == 10).all()
    # each place of each block starts anywhere with the same chance
    assert weights.mean(axis=0) == pytest.approx(np.ones(10), abs=0.2)


def test_blocks_are_consecutive_and_wrap_around():
    weights = Bootstrap(block=3, draws=200).weights(6)
    runs = [{(start + step) % 6 for step in range(3)} for start in range(6)]
    possible = {tuple(float((p in one) + (p in two)) for p in range(6)) for one in runs for two in runs}
    assert {tuple(row) for row in weights} <= possible


def test_same_seed_draws_the_same_periods_and_another_others():
    assert np.array_equal(Bootstrap(seed=3).weights(52), Bootstrap(seed=3).weights(52))
    assert not np.array_equal(Bootstrap(seed=3).weights(52), Bootstrap(seed=4).weights(52))


def test_ratios_equal_a_loop_over_draws():
    generator = np.random.default_rng(5)
    top, bottom = generator.poisson(4, (20, 3)).astype(float), generator.poisson(9, (20, 3)) + 1.0
    resampling = Bootstrap(block=4, draws=150, confidence=0.8)
    drawn = [[sum(w * top[:, k]) / sum(w * bottom[:, k]) for k in range(3)] for w in resampling.weights(20)]
    # 20 periods in blocks of 4: 7.5 degrees of freedom, blocks too tame by the root of 1 - 4 / 20
    tail = 100 * stats.norm.cdf(stats.t.ppf(0.1, 7.5) / np.sqrt(0.8))
    estimate = resampling.ratio(top, bottom)
    assert estimate.value == pytest.approx(top.sum(axis=0) / bottom.sum(axis=0))
    assert estimate.low == pytest.approx(np.percentile(drawn, tail, axis=0))
    assert estimate.high == pytest.approx(np.percentile(drawn, 100 - tail, axis=0))


def test_too_few_periods_give_no_interval():
    estimate = Bootstrap(block=4).ratio(np.arange(11.0), np.ones(11))
    assert estimate.value == pytest.approx(5.0)
    assert np.isnan([estimate.low, estimate.high]).all()
    assert np.isfinite(Bootstrap(block=4).ratio(np.arange(12.0), np.ones(12)).low)


def test_draw_without_events_gives_no_interval():
    events = np.zeros(12)
    events[3] = 5.0
    estimate = Bootstrap().ratio(events / 2, events)
    assert estimate.value == pytest.approx(0.5)
    assert np.isnan([estimate.low, estimate.high]).all()
    assert np.isnan(Bootstrap().ratio(events, np.zeros(12)).value)


@pytest.mark.parametrize("wrong", [{"block": 0}, {"draws": 0}, {"confidence": 95}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Bootstrap(**wrong)


def test_blocks_and_lags_grow_with_the_lead():
    resampling = Bootstrap(block=4, draws=300, confidence=0.9, seed=2)
    assert resampling.for_lead(1) == resampling.for_lead(4) == resampling
    assert resampling.for_lead(12) == Bootstrap(block=12, draws=300, confidence=0.9, seed=2)
    assert [resampling.lags(lead) for lead in (1, 2, 3, 12)] == [3, 3, 4, 22]
    assert Bootstrap(block=1).lags(1) == 0


def test_paired_test_without_lags_is_a_t_test():
    difference = np.random.default_rng(2).normal(0.3, 1, 30)
    assert paired_p_value(difference, 0) == pytest.approx(stats.ttest_1samp(difference, 0).pvalue)


def test_paired_test_by_hand():
    # mean 2; deviations -1, 1, -1, ..: sum of squares 6, lag 1 products -5, Bartlett weight 1/2
    # long-run sum 6 + 2 * 1/2 * -5 = 1; n = 6, h = 2: correction (6 + 1 - 4 + 2 / 6) / 6 = 5 / 9
    statistic = 2 * 6 / np.sqrt(1) * np.sqrt(5 / 9)
    assert paired_p_value([1, 3, 1, 3, 1, 3], 1) == pytest.approx(2 * stats.t.sf(statistic, 5))


def test_identical_scores_have_p_value_one_and_constant_differences_zero():
    assert paired_p_value(np.zeros(20), 3) == 1.0
    assert paired_p_value(np.full(20, -0.1), 3) == 0.0
    assert np.isnan(paired_p_value(np.ones(11), 3))


@pytest.mark.slow
@pytest.mark.parametrize("periods", [20, 52])
def test_intervals_cover_at_about_their_level(periods):
    generator = np.random.default_rng(11)
    counts = generator.poisson(6, (periods, 2000)).astype(float)
    estimate = Bootstrap(block=4, draws=1000).ratio(counts, np.ones_like(counts))
    assert ((estimate.low <= 6) & (estimate.high >= 6)).mean() == pytest.approx(0.95, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("moving_average", "most"), [(1, 0.07), (3, 0.12)])
def test_paired_test_keeps_its_size(moving_average, most):
    # periods that depend on each other reach 10 %, as docs/scores.md says: the lags are cut at the block
    generator = np.random.default_rng(7)
    noise = generator.normal(size=(3000, 52 + moving_average))
    series = [np.convolve(row, np.ones(moving_average), mode="valid")[:52] for row in noise]
    rejected = np.mean([paired_p_value(row, 3) < 0.05 for row in series])
    assert 0.04 <= rejected <= most


@pytest.mark.slow
@pytest.mark.parametrize(("lead", "periods", "most"), [(6, 104, 0.14), (12, 104, 0.14)])
def test_long_leads_keep_the_false_verdict_rate_low(lead, periods, most):
    # errors of forecasts that far ahead are a moving average; docs/scores.md states these rates
    generator = np.random.default_rng(7)
    noise = generator.normal(size=(2000, periods + lead - 1))
    series = np.array([np.convolve(row, np.ones(lead), mode="valid") for row in noise])
    resampling = Bootstrap(draws=1000)
    estimate = resampling.for_lead(lead).ratio(series.T, np.ones_like(series.T))
    missed = (estimate.low > 0) | (estimate.high < 0)
    rejected = np.array([paired_p_value(row, resampling.lags(lead)) < 0.05 for row in series])
    assert missed.mean() < most
    assert 0.04 < rejected.mean() < 0.11
    assert 0.04 < (missed & rejected).mean() < 0.11
