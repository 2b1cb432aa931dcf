import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.threat_draws import ThreatDraws, draw_harm
from tests.strategy.threat_inputs import counts_of, unknown, weights_of

SETTINGS = RankDraws(20_000)


def test_drawn_counts_have_their_mean_and_variance():
    drawn = counts_of([100, 50, 0], [1000, 50, 0]).draw(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.mean(axis=0), [100, 50, 0], rtol=0.02)
    np.testing.assert_allclose(drawn.var(axis=0), [1000, 50, 0], rtol=0.05)


def test_all_ratios_of_a_reading_are_equally_likely_and_no_weight_stays_none():
    harm = draw_harm(weights_of([1, 5, 0], [100, 5, 0]), (20_000, 3), np.random.default_rng(0))
    assert np.median(harm[:, 0]) == pytest.approx(10, rel=0.05)
    assert (harm[:, 0].min() >= 1) & (harm[:, 0].max() <= 100)
    np.testing.assert_allclose(harm[:, 1], 5)
    assert (harm[:, 2] == 0).all()


def test_scores_are_the_harm_relative_to_the_highest():
    drawn = ThreatDraws.from_inputs(counts_of([1e6, 5e5, 0]), weights_of([1, 1, 1]), unknown(), SETTINGS)
    scores = drawn.scores(0.0)
    np.testing.assert_allclose(scores.max(axis=1), 1, atol=1e-8)
    assert scores[:, 1].mean() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_allclose(scores[:, 2], 0, atol=1e-8)


def test_judgements_alone_decide_with_a_share_of_one():
    drawn = ThreatDraws.from_inputs(counts_of([1e6, 10, 10]), weights_of([1, 1, 1]), unknown(), SETTINGS)
    means = drawn.scores(1.0).mean(axis=0)
    assert np.ptp(means) < 0.02  # none is known, so all have the same distribution


def test_the_same_seed_gives_the_same_draws():
    inputs = counts_of([100, 50, 10]), weights_of([1, 2, 3], [2, 4, 6]), unknown()
    one, again, other = (ThreatDraws.from_inputs(*inputs, RankDraws(1000, seed=seed)).scores(0.3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_some_threats_can_be_selected():
    some = counts_of([100, 50, 10]).select([2, 0])
    assert some.threats == ("Robbery", "Assault")
    assert some.expected.tolist() == [10, 100]


def test_weights_of_other_threats_are_refused():
    with pytest.raises(InputError, match="The harm set days weighs A, B, C, not Assault, Burglary, Robbery"):
        ThreatDraws.from_inputs(counts_of([1, 1, 1]), weights_of([1, 1, 1], threats=tuple("ABC")), unknown(), SETTINGS)
