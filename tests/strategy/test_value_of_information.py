"""What each gap would decide: by hand, and against rankings in which the piece is known."""

import numpy as np
import pandas as pd
import pytest

from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.confidence import Confidence
from ilp_models.strategy.threats.gaps import FORECAST, HARM, JUDGEMENT, RECORDS, find_gaps
from ilp_models.strategy.threats.judgements import Judgements, JudgementScheme
from ilp_models.strategy.threats.threat_ranking import rank_by_harm
from ilp_models.strategy.threats.value_of_information import weigh_gaps
from tests.strategy.threat_inputs import THREATS, counts_of, unknown, weights_of

SURE = Confidence("high", (), ())
DRAWS = RankDraws(10_000, 0.85)
FOUR = (*THREATS, "Fraud")


def weighed(counts, weights, judgements, confidences=None, settings=DRAWS):
    gaps = find_gaps(counts.threats, judgements, weights, confidences or [SURE] * len(counts.threats))
    return weigh_gaps(gaps, counts, weights, judgements, settings)


def judged(scores, threats=THREATS, **scheme):
    made = JudgementScheme(**scheme)
    table = pd.DataFrame(scores, index=list(threats), columns=list(made.dimensions), dtype=float)
    return Judgements(made, table, pd.DataFrame())


def entropy(p):
    inner = np.clip(p, 1e-12, 1 - 1e-12)
    return -inner * np.log2(inner) - (1 - inner) * np.log2(1 - inner)


def test_a_harm_weight_decides_by_hand():
    # Assault has 1 to 100 against 10 of Burglary and 0.1 of Robbery: it is above Burglary in the upper half
    found = weighed(counts_of([1e8] * 3), [weights_of([1, 10, 0.1], [100, 10, 0.1])], unknown())
    first = found[0]
    assert (first.threat, first.kind, first.subject) == ("Assault", HARM, "days")
    # five values: below, below, equal (half), above, above
    assert first.gain.bits == pytest.approx(1 - 0.25, abs=0.01)
    assert first.gain.pairs == pytest.approx(1 - 0.25)
    assert first.gain.top_three == 0  # of three threats, all are among the first three
    assert first.piece == "the harm of one crime of Assault under days"


@pytest.mark.parametrize(("low", "change"), [(1, 1.0), (50, 0.0)])
def test_the_first_three_change_where_the_ends_of_the_range_differ(low, change):
    weights = weights_of([low, 20, 30, 40], [1000, 20, 30, 40], threats=FOUR)
    found = weighed(counts_of([1e8] * 4, threats=FOUR), [weights], unknown(FOUR))
    one = next(one for one in found if one.kind == HARM)
    assert one.gain.top_three == change
    assert (one.gain.bits > 0) == (low == 1)


def test_a_judgement_is_worth_what_rankings_tell_in_which_it_is_known():
    counts, weights = counts_of([1000, 800, 500], [20_000, 20_000, 20_000]), [weights_of([1, 1, 1])]
    scheme = {"weights": {"capability": 2.0, "opportunity": 1.0}, "share": 0.6, "weight_spread": 0.2}
    scores = np.array([[np.nan, 3], [4, np.nan], [2, 2]])
    found = {(one.threat, one.subject): one.gain for one in weighed(counts, weights, judged(scores, **scheme))}
    assert set(found) == {("Assault", "capability"), ("Burglary", "opportunity")}
    settings = RankDraws(40_000, 0.85)

    def state(values, at):
        above = np.delete(rank_by_harm(counts, weights[0], judged(values, **scheme), settings).ranking.outranks[at], at)
        return entropy(above).sum(), (np.maximum(above, 1 - above) < 0.85).sum()

    for at, dimension in ((0, 0), (1, 1)):
        bits, ties = state(scores, at)
        for value in range(1, 6):
            known = scores.copy()
            known[at, dimension] = value
            after = state(known, at)
            bits, ties = bits - after[0] / 5, ties - after[1] / 5
        gain = found[(THREATS[at], ("capability", "opportunity")[dimension])]
        assert gain.bits == pytest.approx(bits, abs=0.02)
        assert gain.pairs == pytest.approx(ties, abs=1e-9)


def test_a_missing_judgement_counts_before_any_is_known():
    one = {"weights": {"capability": 1.0}, "share": 1.0, "weight_spread": 0.0}
    found = weighed(counts_of([100] * 3), [weights_of([1, 1, 1])], judged([[np.nan]] * 3, **one))
    assert [gap.kind for gap in found] == [JUDGEMENT] * 3
    # the own value is 1 to 5 and the other one any of them: above with (value - 1 + 1/2) / 5
    expected = 2 * (1 - entropy(np.array([0.1, 0.3, 0.5, 0.7, 0.9])).mean())
    assert found[0].gain.bits == pytest.approx(expected, abs=0.02)


def test_a_forecast_counts_and_missing_places_are_not_weighed():
    weak = Confidence("low", ("the forecast could not be tested", "30 % have no place"), (FORECAST, RECORDS))
    known = judged([[3.0]] * 3, weights={"capability": 1.0})
    counts = counts_of([1000, 1000, 10], [1e4, 1000, 10])
    found = weighed(counts, [weights_of([1, 1, 1])], known, (weak, SURE, SURE))
    assert [(one.threat, one.kind) for one in found] == [("Assault", FORECAST), ("Assault", RECORDS)]
    assert found[0].gain.bits > 0.3
    assert np.isnan(found[1].gain.bits)
    assert found[1].gain.harm_set == ""


def test_each_gap_has_the_harm_set_where_it_changes_most_and_the_best_is_first():
    weights = [weights_of([100, 1000, 10], name="clear"), weights_of([1, 1, 1], name="close")]
    scores = [[3, 3], [3, np.nan], [np.nan, 3]]
    dimensions = {"weights": {"capability": 1.0, "opportunity": 1.0}, "share": 0.05}
    found = weighed(counts_of([100, 90, 80]), weights, judged(scores, **dimensions))
    assert found[0].gain.harm_set == "close"
    assert [one.gain.bits for one in found] == sorted((one.gain.bits for one in found), reverse=True)


def test_the_best_piece_lowers_uncertainty_as_much_as_promised_and_more_than_any_piece():
    """Hidden judgements are revealed with their true values, over many worlds."""
    rng, settings, weights = np.random.default_rng(5), RankDraws(2000), [weights_of([1, 1, 1])]
    scheme = {"weights": {"capability": 3.0, "opportunity": 1.0}, "share": 0.7}
    promised, arrived, others = [], [], []

    def uncertainty(scores, at):
        ranking = rank_by_harm(counts, weights[0], judged(scores, **scheme), settings).ranking
        return entropy(np.delete(ranking.outranks[at], at)).sum()

    for _ in range(60):
        counts = counts_of(rng.uniform(300, 600, 3))
        truth = rng.integers(1, 6, (3, 2)).astype(float)
        hidden = rng.random((3, 2)) < 0.5
        hidden[0] = True
        scores = np.where(hidden, np.nan, truth)
        scores[2, 1] = truth[2, 1]  # one is known, so that judgements count
        found = weighed(counts, weights, judged(scores, **scheme), settings=settings)
        falls = []
        for one in (found[0], found[-1]):
            at, dimension = THREATS.index(one.threat), ("capability", "opportunity").index(one.subject)
            known = scores.copy()
            known[at, dimension] = truth[at, dimension]
            falls.append(uncertainty(scores, at) - uncertainty(known, at))
        promised.append(found[0].gain.bits)
        arrived.append(falls[0])
        others.append(falls[1])
    error = np.std(np.array(arrived) - promised) / np.sqrt(len(arrived))
    assert np.mean(arrived) == pytest.approx(np.mean(promised), abs=3 * error)
    assert np.mean(arrived) > np.mean(others) + 0.1
