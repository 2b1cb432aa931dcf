import pytest

from ilp_models.explain.trees import interaction_values, interventional_values, log_rate, path_values
from tests.explain.fitted_regressions import fitted


def test_interactions_add_up_to_the_attributions_and_are_symmetric():
    fake = fitted()
    pairs = interaction_values(fake.estimator_, fake.matrix.values)
    phi, _ = path_values(fake.estimator_, fake.matrix.values)
    assert pairs.sum(axis=2) == pytest.approx(phi, abs=1e-9)
    assert pairs == pytest.approx(pairs.transpose(0, 2, 1), abs=1e-9)


def test_interventional_attributions_add_up_to_the_log_rate():
    fake = fitted()
    phi, start = interventional_values(fake.estimator_, fake.matrix.values, fake.matrix.values[:30])
    assert phi.sum(axis=1) + start == pytest.approx(log_rate(fake.estimator_, fake.matrix.values), abs=1e-6)
