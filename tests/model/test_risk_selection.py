import numpy as np
import pytest
import statsmodels.api as sm

from ilp_models.model.risk_selection import RiskData, choose_by_penalty, choose_stepwise, penalised


def data_of(seed=0, cells=400, log_risk=(0.8, 0.0, 0.0, -0.6), spread=0.0):
    rng = np.random.default_rng(seed)
    factors = (rng.uniform(size=(cells, len(log_risk))) < 0.3).astype(float)
    exposure = rng.uniform(0.5, 1.5, cells)
    mean = 3 * exposure * np.exp(factors @ np.array(log_risk))
    if spread:
        mean = mean * rng.gamma(1 / spread, spread, cells)
    return RiskData(rng.poisson(mean).astype(float), exposure, factors, np.arange(cells) // 4, 5)


EVERYWHERE = np.ones(400, dtype=bool)


def test_without_a_penalty_the_fit_equals_poisson_regression():
    data = data_of()
    design = sm.add_constant(data.scaled)
    oracle = sm.GLM(data.counts, design, family=sm.families.Poisson(), offset=np.log(data.exposure)).fit()
    np.testing.assert_allclose(penalised(data, EVERYWHERE, 0.0, 0.9, "both"), oracle.params, atol=1e-4)


@pytest.mark.parametrize("l1_share", [1.0, 0.5])
def test_with_a_penalty_the_fit_equals_the_elastic_net_of_statsmodels(l1_share):
    data = data_of()
    model = sm.GLM(
        data.counts, sm.add_constant(data.scaled), family=sm.families.Poisson(), offset=np.log(data.exposure)
    )
    penalty = 0.05
    per_cell = penalty * data.counts.mean() * np.array([0.0, 1, 1, 1, 1])  # statsmodels counts cells, not events
    oracle = model.fit_regularized(alpha=per_cell, L1_wt=l1_share, maxiter=500, cnvrg_tol=1e-12)
    found = penalised(data, EVERYWHERE, penalty, l1_share, "both")
    np.testing.assert_allclose(found, oracle.params, atol=2e-3)
    assert ((found == 0) == (np.abs(oracle.params) < 1e-6)).all()
    assert (found == 0).any()


def test_signs_bound_the_coefficients():
    data = data_of()
    assert (penalised(data, EVERYWHERE, 0.0, 1.0, "aggravating")[1:] >= 0).all()
    assert (penalised(data, EVERYWHERE, 0.0, 1.0, "protective")[1:] <= 0).all()
    assert choose_stepwise(data, (0, 1, 2, 3), "abcd", "aggravating").chosen == (0,)
    assert choose_stepwise(data, (0, 1, 2, 3), "abcd", "protective").chosen == (3,)
    assert choose_stepwise(data, (0, 1, 2, 3), "abcd", "both").chosen == (0, 3)


def test_cross_validation_selects_useful_factors():
    assert {0, 3} <= set(choose_by_penalty(data_of(), 0.9, "both"))
    assert 0 in choose_by_penalty(data_of(), 0.9, "aggravating")
    nothing = [choose_by_penalty(data_of(seed, log_risk=(0.0,) * 4), 0.9, "both") for seed in range(4)]
    assert sum(map(len, nothing)) < 8
    lone = RiskData(np.ones(1), np.ones(1), np.empty((1, 0)), np.zeros(1, dtype=np.int64), 5)
    assert choose_by_penalty(lone, 0.9, "both") == ()


def test_at_most_one_factor_per_layer_is_selected():
    data = data_of(log_risk=(0.8, 0.7, 0.0, 0.5))
    assert choose_stepwise(data, (0, 1, 2, 3), "aabb", "aggravating").chosen == (0, 3)
    assert choose_stepwise(data, (), "aabb", "aggravating").chosen == ()


def test_overdispersion_does_not_select_factors():
    false = {"poisson": 0, "here": 0}
    for seed in range(8):
        data = data_of(seed, log_risk=(0.0,) * 4, spread=1.5)
        false["here"] += len(choose_stepwise(data, (0, 1, 2, 3), "abcd", "both").chosen)
        model = sm.GLM(data.counts, sm.add_constant(data.factors), family=sm.families.Poisson())
        false["poisson"] += int((model.fit().pvalues[1:] < 0.01).sum())
    assert false["here"] <= 2 < 8 < false["poisson"]


def test_standard_errors_are_clustered_by_block():
    data = data_of()
    fit = choose_stepwise(data, (0,), "abcd", "aggravating")
    design = sm.add_constant(data.factors[:, 0])
    groups = {"groups": data.blocks}
    model = sm.GLM(data.counts, design, family=sm.families.Poisson(), offset=np.log(data.exposure))
    poisson = model.fit(cov_type="cluster", cov_kwds=groups)
    np.testing.assert_allclose(fit.log_risk, poisson.params[1:], atol=0.02)
    np.testing.assert_allclose(fit.standard_error, poisson.bse[1:], rtol=0.1)
