import numpy as np
import pytest
from statsmodels.api import GLM, families

from ilp_models.domain.errors import InputError
from ilp_models.domain.trial import TrialData
from ilp_models.evaluation.event_study import EventStudy
from ilp_models.evaluation.schemes import Observational


def trial(counts, before, treated_units):
    units, periods = counts.shape
    treated = np.zeros((units, periods - before), dtype=bool)
    treated[:treated_units] = True
    return TrialData(counts[:, :before], counts[:, before:], treated, Observational(), np.zeros(units, dtype=int))


def test_ratios_are_those_of_the_regression_on_units_spans_and_treatment():
    counts = np.random.default_rng(0).poisson(6.0, (8, 5)).astype(float)
    found = EventStudy(span=1).estimate(trial(counts, 3, 4))
    assert found["span"].tolist() == [-2, -1, 0, 1, 2]
    unit, period = np.indices(counts.shape)
    columns = [unit.ravel() == one for one in range(8)] + [period.ravel() == one for one in (0, 1, 3, 4)]
    columns += [(unit.ravel() < 4) & (period.ravel() == one) for one in (0, 1, 3, 4)]
    fit = GLM(counts.ravel(), np.column_stack(columns).astype(float), family=families.Poisson()).fit()
    ratios = found["ratio"].drop(2).to_numpy()
    np.testing.assert_allclose(np.log(ratios), fit.params[-4:], atol=1e-8)
    assert np.isnan(found["low"][2])


def test_intervals_hold_the_truth_when_units_vary():
    generator, covered = np.random.default_rng(1), 0
    for _ in range(200):
        level = generator.gamma(2.0, 3.0, (40, 1)) * generator.gamma(5.0, 0.2, (40, 8))  # units vary over time
        level[:20, 4:] *= 0.6
        row = EventStudy(span=4).estimate(trial(generator.poisson(level).astype(float), 4, 20)).iloc[1]
        covered += row["low"] <= 0.6 <= row["high"]
    assert 180 <= covered <= 199


def test_a_span_without_an_event_is_not_known_and_no_start_is_refused():
    counts = np.ones((4, 3))
    counts[:2, 0] = 0
    assert np.isnan(EventStudy(span=1).estimate(trial(counts, 2, 2))["ratio"][0])
    given = trial(np.ones((4, 6)), 2, 2)
    given.treated[0, 0] = False
    with pytest.raises(InputError, match="needs one start"):
        EventStudy().estimate(given)
    with pytest.raises(InputError, match="span=0"):
        EventStudy(span=0)
