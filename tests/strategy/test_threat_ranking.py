"""Ranks of threats: by hand, by closed forms, and ties where no evidence separates."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from ilp_models.domain.errors import InputError
from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.judgements import Judgements, JudgementScheme
from ilp_models.strategy.threats.threat_ranking import rank_by_harm
from tests.strategy.threat_inputs import THREATS, counts_of, unknown, weights_of


def ranks(counts, weights, judgements=None, **changes):
    chosen = {"draws": 4000, "separation": 0.9, "seed": 0} | changes
    return rank_by_harm(counts, weights, judgements or unknown(), RankDraws(**chosen))


def test_clear_harm_gives_clear_ranks():
    found = ranks(counts_of([1000, 100, 100]), weights_of([1, 100, 1])).ranking
    assert [found.names[at] for at in found.order] == ["Burglary", "Assault", "Robbery"]
    assert found.rank_from.tolist() == found.rank_to.tolist() == [2, 1, 3]
    np.testing.assert_allclose(found.top_shares, 1)


def test_equal_threats_are_tied():
    found = ranks(counts_of([100, 100, 100]), weights_of([5, 5, 5])).ranking
    assert (found.rank_from.tolist(), found.rank_to.tolist()) == ([1, 1, 1], [3, 3, 3])
    np.testing.assert_allclose(found.rank_shares, 1 / 3, atol=0.04)
    assert found.ties(0) == tuple(found.names[at] for at in found.order if at != 0)


def test_a_wide_reading_outranks_as_often_as_its_logarithm_says():
    # 100 events at a weight log-uniform in [1, 100] against 100 at 10: half of the readings are above
    found = ranks(counts_of([1e6, 1e6, 1]), weights_of([1, 10, 1], [100, 10, 1])).ranking
    assert found.outranks[0, 1] == pytest.approx(0.5, abs=0.03)
    # and against 31.6 a quarter
    found = ranks(counts_of([1e6, 1e6, 1]), weights_of([1, 10**1.5, 1], [100, 10**1.5, 1])).ranking
    assert found.outranks[0, 1] == pytest.approx(0.25, abs=0.03)


def test_uncertain_counts_outrank_as_often_as_the_normal_law_says():
    found = ranks(counts_of([1000, 1050, 1], [2500, 2500, 1]), weights_of([1, 1, 1]), draws=20_000).ranking
    assert found.outranks[1, 0] == pytest.approx(norm.cdf(50 / np.sqrt(5000)), abs=0.015)


def test_shares_of_harm_span_both_readings():
    table = ranks(counts_of([100, 10, 10]), weights_of([1, 10, 10], [4, 10, 10])).table.set_index("threat")
    assert table.loc["Assault", ["harm_low", "harm_high"]].tolist() == [100, 400]
    assert table.loc["Assault", "share_low"] == pytest.approx(100 / 300)
    assert table.loc["Assault", "share_high"] == pytest.approx(400 / 600)
    assert table.loc["Robbery", "share_low"] == pytest.approx(100 / 600)
    assert table.loc["Robbery", "share_high"] == pytest.approx(100 / 300)


@given(factor=st.floats(0.01, 1000))
@settings(max_examples=15)
def test_the_unit_of_a_harm_set_changes_no_rank(factor):
    counts, low, high = counts_of([300, 40, 30]), np.array([1.0, 8, 9]), np.array([5.0, 20, 9])
    one = ranks(counts, weights_of(low, high), draws=1000).ranking
    other = ranks(counts, weights_of(factor * low, factor * high), draws=1000).ranking
    np.testing.assert_array_equal(one.outranks, other.outranks)


def judged(scores, **scheme):
    made = JudgementScheme(**scheme)
    table = pd.DataFrame(scores, index=list(THREATS), columns=list(made.dimensions), dtype=float)
    return Judgements(made, table, pd.DataFrame())


def test_judgements_count_with_their_share_and_not_without_a_known_score():
    counts, weights = counts_of([1000, 500, 500]), weights_of([1, 1, 1])
    one = {"weights": {"community_impact": 1.0}, "weight_spread": 0.0}
    low_first = [[1], [5], [3]]
    found = ranks(counts, weights, judged(low_first, share=1.0, **one)).ranking
    assert [found.names[at] for at in found.order] == ["Burglary", "Robbery", "Assault"]
    found = ranks(counts, weights, judged(low_first, share=0.0, **one)).ranking
    assert found.names[found.order[0]] == "Assault"
    found = ranks(counts, weights, judged([[np.nan]] * 3, share=1.0, **one)).ranking
    assert found.names[found.order[0]] == "Assault"


def test_an_unknown_judgement_takes_every_value_of_the_scale():
    counts, weights = counts_of([100, 100, 100]), weights_of([1, 1, 1])
    one = {"weights": {"community_impact": 1.0}, "weight_spread": 0.0, "share": 1.0}
    found = ranks(counts, weights, judged([[np.nan], [4], [1]], **one), draws=20_000).ranking
    # 5 is above 4, 4 is equal, 1 to 3 are below: 0.2 + 0.1
    assert found.outranks[0, 1] == pytest.approx(0.3, abs=0.015)


def test_weights_for_other_threats_are_refused():
    with pytest.raises(InputError, match="weighs A, B, C, not Assault"):
        ranks(counts_of([1, 1, 1]), weights_of([1, 1, 1], threats=("A", "B", "C")))
