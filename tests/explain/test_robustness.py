import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Robustness
from ilp_models.explain.explain import Explain
from ilp_models.explain.robustness import PerturbationTrial
from tests.explain.fitted_regressions import WEEK, boosted, learner


def test_both_perturbations_rank_strong_columns_alike():
    tried = Explain(sample=200, background=50).run(learner(), WEEK).robustness
    assert tried.agreement == 1
    assert tried.interventional_error <= 1e-2
    assert tried.rows == 200
    order = tried.perturbations.sort_values("path", ascending=False)["feature"].tolist()
    assert order == ["f0", "f1", "f2", "f3"]


def test_refits_are_stable_for_strong_columns_only():
    clear = Explain(sample=200).run(learner(), WEEK).robustness
    noise = Explain(sample=200).run(learner(strength=(0.0,) * 8), WEEK).robustness
    assert clear.refits.shape == (4, 2 + 5)
    assert clear.stability[0] > 0.95
    assert noise.stability[0] < 0.7
    assert noise.stability[1] <= noise.stability[0] <= noise.stability[2]


def test_refits_use_different_halves_of_whole_blocks():
    halves = PerturbationTrial(10, 10, 5, 4, 0).half_samples(42)
    assert halves.shape == (5, 42)
    assert len({tuple(half) for half in halves}) == 5
    blocks = halves[:, :40].reshape(5, 10, 4)
    assert (blocks == blocks[:, :, :1]).all()
    assert set(halves[:, ::4].sum(axis=1)) == {6}


def test_no_refits_give_no_stability():
    tried = Explain(refits=0, sample=20, background=10).run(learner(), WEEK).robustness
    assert np.isnan(tried.stability).all()
    assert tried.refits.empty


class Seasonal:
    """Rates that rise with the place in one half of the year only: place and time act together."""

    def __init__(self, together):
        self.together = together

    def fit(self, x, _):
        rng = np.random.default_rng(0)
        rate = np.exp(0.5 * x[:, 0] * ((x[:, 1] > 1) if self.together else 1) + 0.3 * (x[:, 1] > 1))
        return boosted(trees=40).fit(x, rng.poisson(rate))


def test_seasonal_rank_changes_show_as_interaction():
    apart, together = (
        Explain(refits=0, sample=100, background=20).run(learner(lambda w=w: Seasonal(w)), WEEK).robustness
        for w in (False, True)
    )
    assert together.place_with_time > 2 * apart.place_with_time
    assert together.describe_interactions().startswith(f"{together.place_with_time:.1%} of the total effect of columns")
    kinds = together.interactions_by_kind()
    assert kinds["share"].sum() == pytest.approx(1)
    assert tuple(kinds.loc[0, ["first", "second"]]) == ("place", "time")


def test_no_time_feature_is_reported():
    tried = Explain(refits=0, sample=20, background=10).run(learner(strength=(1.0,)), WEEK).robustness
    assert tried.describe_interactions().startswith("The regression has no time feature")
    linear = Explain(refits=0).run(learner(lambda: PoissonRegressor(alpha=0)), WEEK).robustness
    assert linear.describe_interactions() == "Interactions of place with time were not computed."


def test_robustness_is_unchanged_through_json():
    for made in (boosted, lambda: PoissonRegressor(alpha=0)):
        tried = Explain(refits=2, sample=20, background=10).run(learner(made), WEEK).robustness
        again = Robustness.from_dict(json.loads(json.dumps(tried.to_dict(), allow_nan=False)))
        assert again.to_dict() == tried.to_dict()
        pd.testing.assert_frame_equal(again.refits, tried.refits)
    with pytest.raises(InputError, match="cannot be read"):
        Robustness.from_dict({"rows": 3})
