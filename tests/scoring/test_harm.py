import numpy as np
import pytest

from ilp_models.scoring.harm import harm_scores

LAND = np.ones(4)


def test_land_is_ranked_by_the_harm_of_all_types_together():
    # theft is expected in cell 0, one assault in cell 1: with ten times the harm cell 1 comes first
    expected = np.array([[[5.0], [0.0], [1.0], [0.0]], [[0.0], [1.0], [0.0], [0.0]]])
    observed = np.array([[[4.0], [1.0], [1.0], [0.0]], [[0.0], [1.0], [1.0], [0.0]]])
    scores = harm_scores(expected, observed, LAND, np.array([1.0, 10.0]), (0.25,), 0.25)
    assert scores["harm_total"].ravel().tolist() == [6.0, 20.0]
    assert scores["harm_hit_rate_25"].ravel().tolist() == pytest.approx([1 / 6, 0.5])
    assert scores["harm_pai_25"].ravel().tolist() == pytest.approx([4 / 6, 2.0])
    # the oracle of harm ties cells 1 and 2 (11 each): half of either
    assert scores["harm_oracle_hits_25"].ravel().tolist() == pytest.approx([1.0, 10.0])
    assert scores["harm_pei_25"].ravel().tolist() == pytest.approx([1.0, 1.0])
    equal = harm_scores(expected, observed, LAND, np.ones(2), (0.25,), 0.25)
    assert equal["harm_hit_rate_25"].ravel().tolist() == pytest.approx([4 / 6, 0.0])


def test_unit_of_the_weights_does_not_matter():
    generator = np.random.default_rng(0)
    expected, observed = generator.gamma(1.0, 1.0, (2, 4, 3)), generator.poisson(1.0, (2, 4, 3)).astype(float)
    days, years = (
        harm_scores(expected, observed, LAND, weights, (0.3,), 0.3)
        for weights in (np.array([365.0, 730.0]), np.array([1.0, 2.0]))
    )
    for name in ("harm_hit_rate_30", "harm_pai_30", "harm_pei_30", "harm_pai_area"):
        assert days[name] == pytest.approx(years[name], nan_ok=True)


def test_types_of_no_weight_have_no_scores():
    counts = np.ones((2, 4, 1))
    scores = harm_scores(counts, counts, LAND, np.array([1.0, 0.0]), (0.25,), 0.25)
    assert np.isnan(scores["harm_hit_rate_25"][1]).all()
    assert scores["harm_hit_rate_25"][0] == pytest.approx(0.25)
