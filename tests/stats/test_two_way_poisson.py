import numpy as np
import pytest
import statsmodels.api as sm

from ilp_models.stats.two_way_poisson import treatment_coefficient


def stepped(seed=1, units=12, periods=8):
    generator = np.random.default_rng(seed)
    treated = np.arange(periods) >= 2 + generator.permutation(units)[:, None] // 3
    usual = generator.gamma(2, 2, (units, 1)) * generator.uniform(0.5, 1.5, periods)
    return generator.poisson(usual * np.where(treated, 0.7, 1.0)), treated


def test_coefficient_and_error_equal_those_of_a_regression_with_indicators():
    counts, treated = stepped()
    units, periods = counts.shape
    design = np.hstack(
        [
            treated.reshape(-1, 1),
            np.kron(np.eye(units), np.ones((periods, 1))),
            np.kron(np.ones((units, 1)), np.eye(periods)[:, 1:]),
        ]
    ).astype(float)
    clusters = {"groups": np.repeat(np.arange(units), periods)}
    oracle = sm.GLM(counts.ravel(), design, family=sm.families.Poisson()).fit(
        tol=1e-12, maxiter=200, cov_type="cluster", cov_kwds=clusters
    )
    found = treatment_coefficient(counts, treated)
    assert found.value == pytest.approx(oracle.params[0], abs=1e-7)
    rows, columns = design.shape
    factor = np.sqrt((rows - 1) / (rows - columns))  # the regression also corrects for its columns
    assert found.error * factor == pytest.approx(oracle.bse[0], rel=1e-6)


def test_one_common_start_gives_the_ratio_of_four_totals():
    counts = np.array([[4, 6, 3, 3], [5, 5, 4, 2], [9, 7, 8, 8], [6, 4, 7, 5]])
    treated = np.zeros((4, 4), dtype=bool)
    treated[:2, 2:] = True
    ratio = (12 / 20) / (28 / 26)
    assert np.exp(treatment_coefficient(counts, treated).value) == pytest.approx(ratio)


@pytest.mark.parametrize("case", ["no treated event", "all treated", "one unit", "no event"])
def test_what_is_not_identified_has_no_coefficient(case):
    counts, treated = stepped()
    if case == "no treated event":
        counts = np.where(treated, 0, counts)
    elif case == "all treated":
        treated = np.ones_like(treated)
    elif case == "one unit":
        counts, treated = counts[:1], treated[:1]
    else:
        counts = np.zeros_like(counts)
    assert treatment_coefficient(counts, treated) is None
