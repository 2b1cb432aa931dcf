import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import PoissonRegressor

from ilp_models.domain.errors import InputError
from ilp_models.explain.explain import Explain
from tests.explain.fitted_regressions import WEEK, learner


def test_terms_of_a_generalised_linear_model_are_its_coefficients():
    one = learner(lambda: PoissonRegressor(alpha=0))
    explanation = Explain().run(one, WEEK)
    assert explanation.method == "exact additive"
    assert explanation.additivity_error <= 1e-6  # the regression itself predicts in single precision
    x, phi = one.matrix.values, explanation.attributions.values.transpose(2, 0, 1, 3).reshape(60, 4)
    slopes = np.diff(phi[np.argsort(x[:, 0])][[0, -1], 0]) / np.ptp(x[:, 0])
    assert slopes[0] == pytest.approx(one.estimator_.coef_[0], rel=1e-4)
    assert explanation.robustness.perturbations.empty
    assert explanation.robustness.stability[0] > 0.9


def test_other_trees_on_a_logarithmic_scale_are_explained_by_their_paths():
    one = learner(lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=20, random_state=0))
    explanation = Explain(refits=0, sample=50, background=20).run(one, WEEK)
    assert explanation.method == "tree path"
    assert explanation.additivity_error <= 1e-9


@pytest.mark.slow
def test_other_regressions_use_permutation_shap_on_a_weighted_sample():
    one = learner(lambda: RandomForestRegressor(20, min_samples_leaf=20, random_state=0))
    spec = Explain(sample=10, background=20, refits=3)
    explanation = spec.run(one, WEEK, "forest")
    assert explanation.method == "permutation"
    assert explanation.additivity_error <= 1e-9
    assert explanation.explained.sum() == 2 * 1 + 10  # the highest cells of each type and the sample
    assert explanation.shares.sum() == pytest.approx(60)
    assert explanation.importance()["feature"].iloc[0] == "f0"
    assert explanation.importance()["attribution"].notna().all()
    assert len(spec.top_reasons(explanation, np.ones(30))) == 2 * 1 * 4
    assert explanation.robustness.refits.shape == (4, 5)


def test_regression_with_zero_rates_is_refused():
    one = learner(lambda: PoissonRegressor(alpha=0))
    one.estimator_ = Hurdle()
    with pytest.raises(InputError, match="Hurdle expects 0 events in some cells"):
        Explain().run(one, WEEK)


class Hurdle:
    """A regression that says 0."""

    def predict(self, rows):
        return np.zeros(len(rows))
