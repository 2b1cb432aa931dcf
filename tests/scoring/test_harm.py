import numpy as np
import pytest

from ilp_models.scoring.harm import harm_readings, harm_scores
from tests.builders import harm_sets

LAND = np.ones(4)


def scores_of(expected, observed, weights, share=0.25):
    return harm_scores(expected, observed, LAND, {"harm_own": np.array(weights)}, (share,))


def test_land_is_ranked_by_the_harm_of_all_types_together():
    # theft is expected in cell 0, one assault in cell 1: with ten times the harm cell 1 comes first
    expected = np.array([[[5.0], [0.0], [1.0], [0.0]], [[0.0], [1.0], [0.0], [0.0]]])
    observed = np.array([[[4.0], [1.0], [1.0], [0.0]], [[0.0], [1.0], [1.0], [0.0]]])
    scores = scores_of(expected, observed, [1.0, 10.0])
    assert list(scores) == ["harm_own_total", "harm_own_hit_rate_25"]
    assert scores["harm_own_total"].ravel().tolist() == [6.0, 20.0]
    assert scores["harm_own_hit_rate_25"].ravel().tolist() == pytest.approx([1 / 6, 0.5])
    equal = scores_of(expected, observed, [1.0, 1.0])
    assert equal["harm_own_hit_rate_25"].ravel().tolist() == pytest.approx([4 / 6, 0.0])


def test_unit_of_the_weights_does_not_matter():
    generator = np.random.default_rng(0)
    expected, observed = generator.gamma(1.0, 1.0, (2, 4, 3)), generator.poisson(1.0, (2, 4, 3)).astype(float)
    days, years = (scores_of(expected, observed, weights, 0.3) for weights in ([365.0, 730.0], [1.0, 2.0]))
    assert days["harm_own_hit_rate_30"] == pytest.approx(years["harm_own_hit_rate_30"], nan_ok=True)


def test_types_of_no_weight_have_no_scores():
    counts = np.ones((2, 4, 1))
    scores = scores_of(counts, counts, [1.0, 0.0])
    assert np.isnan(scores["harm_own_hit_rate_25"][1]).all()
    assert scores["harm_own_hit_rate_25"][0] == pytest.approx(0.25)


def test_every_set_has_two_readings_or_one():
    first, second = harm_sets({"a": (1, 9), "b": 2}, {"a": 3, "b": 4})
    types = ("b", "drugs", "a")
    found = harm_readings([one.for_types(types) for one in (first, second)], types)
    assert {name: values.tolist() for name, values in found.items()} == {
        "harm_first_low": [2.0, 0.0, 1.0],
        "harm_first_high": [2.0, 0.0, 9.0],
        "harm_second": [4.0, 0.0, 3.0],
    }
