import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError as SklearnNotFittedError

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Forecaster, NotFittedError
from tests.builders import history_of

COUNTS = np.array([[[2, 0, 4, 2], [0, 0, 0, 4]]])
HISTORY = history_of(COUNTS)
NEXT = pd.period_range(HISTORY.cutoff, periods=2, freq="W-SUN")


class Nested(BaseEstimator):
    """An estimator with one setting."""

    def __init__(self, weight=1.0):
        self.weight = weight


class Last(Forecaster):
    """Forecast the mean count of each cell plus the distance of a period."""

    def __init__(self, nested=None):
        self.nested = nested
        self.fits = 0

    def _fit(self, history):
        self.fits += 1
        self.mean_ = history.panel.counts.values.mean(axis=2)

    def _predict(self, periods, steps):
        del periods
        return self.mean_[:, :, None] + steps, np.zeros(1)


def test_steps_are_counted_from_the_last_settled_period():
    forecast = Last().fit(HISTORY).predict(NEXT)
    np.testing.assert_array_equal(forecast.expected.values, [[[3, 4], [2, 3]]])
    assert forecast.cutoff == HISTORY.cutoff


def test_a_method_that_is_not_fitted_says_so():
    for call in (lambda: Last().predict(NEXT), lambda: Last().update(HISTORY)):
        with pytest.raises(NotFittedError, match="Last is not fitted; call fit first") as caught:
            call()
        assert isinstance(caught.value, SklearnNotFittedError)


def test_periods_of_the_past_or_of_another_length_are_refused():
    fitted = Last().fit(HISTORY)
    for periods in (NEXT - 1, pd.period_range(HISTORY.cutoff, periods=2, freq="D")):
        with pytest.raises(InputError, match="must be W-SUN and start at or after"):
            fitted.predict(periods)


def test_an_update_needs_the_same_cells_and_a_later_cutoff():
    fitted = Last().fit(HISTORY)
    with pytest.raises(InputError, match="other cells than the fit"):
        fitted.update(history_of(np.ones((1, 3, 4), dtype=int)))
    with pytest.raises(InputError, match="was seen already"):
        fitted.update(history_of(COUNTS[:, :, :3]))
    later = history_of(np.concatenate([COUNTS, COUNTS], axis=2))
    assert fitted.update(later).history_ is later
    assert fitted.fits == 2


def test_nested_estimators_are_cloned_before_they_change():
    shared = Nested()
    changed = Last(shared).set_params(nested__weight=3.0)
    assert changed.nested.weight == 3.0
    assert shared.weight == 1.0


def test_reasons_without_a_design_matrix_are_the_mean_cell_and_the_rest():
    fitted = Last().fit(HISTORY)
    reasons = fitted.reasons(NEXT)
    assert len(reasons.families) == 1
    np.testing.assert_allclose(
        reasons.reference.values[:, None] + reasons.parts.sum("family").values, reasons.expected.values
    )
    assert fitted.composition() is None
    assert fitted.share_column is None
