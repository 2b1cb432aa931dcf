import numpy as np
import pytest

from ilp_models.explain.explain import Explain
from ilp_models.model.means.moving_average import MovingAverage
from tests.builders import city, history_of, poisson_counts


def mean_of_the_past(alike=1.0):
    """Return a mean of the past of a city whose cells differ, or hardly do."""
    grid = city(5, 6)
    rates = np.random.default_rng(2).gamma(alike, 2 / alike, (2, 30, 1))
    history = history_of(poisson_counts((2, 30, 120), rates), grid)
    return MovingAverage(104).fit(history), history


def test_level_and_share_explain_methods_without_regression():
    plain, history = mean_of_the_past()
    periods = history.calendar.next_periods(history.cutoff, 2)
    explanation = Explain().run(plain, periods, "moving_average")
    assert explanation.method == "level and share"
    assert explanation.additivity_error <= 1e-12
    level, share = np.moveaxis(explanation.values.values, 3, 0)
    assert level[:, 0] == pytest.approx(plain.predict(periods).expected.sum("cell").values)
    assert share.sum(axis=1) == pytest.approx(1)
    assert np.ptp(explanation.attributions.values[..., 0], axis=1).max() <= 1e-12
    reasons = Explain().top_reasons(explanation, np.ones(30))["words"]
    assert reasons.str.contains("% of the city's events here, by past counts here and nearby: x").any()


def test_share_refits_are_stable_only_where_cells_differ():
    stable, chance = (
        Explain().run(one, history.calendar.next_periods(history.cutoff, 1)).robustness.stability[0]
        for one, history in (mean_of_the_past(alike=0.5), mean_of_the_past(alike=1e6))
    )
    assert stable > 0.95
    assert chance == pytest.approx(0.5, abs=0.15)  # two halves drawn at random share half of what each holds


def test_units_with_zero_rates_are_not_explained():
    grid = city(2, 2)
    counts = np.ones((1, 4, 60), dtype=int)
    counts[:, 3] = 0
    history = history_of(counts, grid)
    explanation = Explain().run(MovingAverage(52).fit(history), history.calendar.next_periods(history.cutoff, 1))
    assert explanation.explained.ravel().tolist() == [True, True, True, False]
    assert explanation.additivity_error <= 1e-12
    assert explanation.importance()["attribution"].notna().all()
