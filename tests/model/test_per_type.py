import numpy as np
import pytest

from ilp_models.domain.errors import NotRunError
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.regressions.per_type import PerType
from tests.builders import city, history_of, poisson_counts

GRID = city(3, 4)
COUNTS = poisson_counts((3, 12, 100), np.random.default_rng(3).gamma(1.0, 0.6, (3, 12, 1)))
TREES = LightGBM(
    [ExponentialMeans((4, 16))], offset=None, n_estimators=5, min_child_samples=40, train_periods=60, holdout=8
)


def next_week(forecaster, history):
    return forecaster.predict(history.calendar.next_periods(history.cutoff, 1))


@pytest.mark.parametrize("method", [EWMA((4, 16)), TREES], ids=["ewma", "lightgbm"])
def test_each_type_is_forecast_from_its_events_only(method):
    history = history_of(COUNTS, GRID)
    forecast = next_week(PerType(method).fit(history), history)
    for index, kind in enumerate(history.events.crime_types):
        only = history.select_types([kind])
        np.testing.assert_array_equal(only.panel.values[0], COUNTS[index])
        alone = next_week(method.fit(only), only)
        np.testing.assert_array_equal(forecast.expected.values[index], alone.expected.values[0])
        np.testing.assert_array_equal(forecast.dispersion.values[index], alone.dispersion.values[0])


def test_other_types_change_nothing():
    other = COUNTS.copy()
    other[1:] = poisson_counts((2, 12, 100), 2.0, seed=9)
    one, two = (next_week(PerType(TREES).fit(history_of(c, GRID)), history_of(c, GRID)) for c in (COUNTS, other))
    np.testing.assert_array_equal(one.expected.values[0], two.expected.values[0])


def test_an_update_reaches_every_type():
    history, before = history_of(COUNTS, GRID), history_of(COUNTS[..., :-2], GRID)
    moved = next_week(PerType(EWMA((8,))).fit(before).update(history), history).expected.values
    fresh = next_week(PerType(EWMA((8,), (0.0,))).fit(history), history).expected.values
    assert np.corrcoef(moved.ravel(), fresh.ravel())[0, 1] > 0.95
    assert not np.array_equal(moved, next_week(PerType(EWMA((8,))).fit(before), before).expected.values)


def test_a_type_without_events_is_forecast_at_half_an_event():
    counts = COUNTS.copy()
    counts[1] = 0
    forecast = next_week(PerType(TREES).fit(history_of(counts, GRID)), history_of(counts, GRID))
    np.testing.assert_allclose(forecast.expected.values[1], 0.5 / (12 * 100))
    assert forecast.dispersion.values[1] == 0


def test_a_type_with_too_few_events_is_named():
    counts = COUNTS.copy()
    counts[2, :, 1:] = 0
    counts[2, 0, 0] = 1
    with pytest.raises(NotRunError, match=r"^c cannot be fitted: The 52 weeks to learn from contain no event\."):
        PerType(TREES).fit(history_of(counts, GRID))


def test_no_event_at_all_is_not_run():
    with pytest.raises(NotRunError, match=r"^No event of any crime type is known\. Give more data\.$"):
        PerType(EWMA()).fit(history_of(np.zeros((2, 12, 60), dtype=int), GRID))
