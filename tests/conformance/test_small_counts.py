"""Counts are held in 16 bits; near the limit of 16 bits no method and no table computes with them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.panel import Panel
from ilp_models.domain.recent_counts import RecentCounts
from tests.builders import city, history_of, poisson_counts
from tests.conformance.configured_forecasters import forecaster

HISTORY = history_of(poisson_counts((2, 9, 112), 0.7), city(3, 3))
LIMIT = np.iinfo(np.int16).max
METHODS = ("moving_average", "ewma", "empirical_bayes", "level_share", "seasonal_naive", "lightgbm")


def near_limit(seed, share):
    """Return a history with some counts near the limit, in 16 and in 32 bits."""
    rng = np.random.default_rng(seed)
    counts = HISTORY.panel.values
    large = np.where(rng.random(counts.shape) < share, LIMIT - rng.integers(0, 9, counts.shape), counts)
    cube = HISTORY.panel.counts
    return [replace(HISTORY, panel=Panel(cube.copy(data=large.astype(kind)))) for kind in (np.int16, np.int32)]


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=3)
@given(seed=st.integers(0, 99), share=st.sampled_from([0.02, 0.5, 1.0]))
def test_forecasts_do_not_depend_on_the_width_of_counts(name, seed, share):
    histories = near_limit(seed, share)
    periods = HISTORY.calendar.next_periods(HISTORY.cutoff, 1)
    narrow, wide = (
        forecaster(name, n_estimators=5, min_child_samples=20).fit(one).predict(periods) for one in histories
    )
    assert narrow.to_table().equals(wide.to_table())
    assert np.isfinite(narrow.expected.values).all()
    recent = [RecentCounts.from_history(one, periods) for one in histories]
    for column, cube in recent[0].counts.items():
        assert cube.identical(recent[1].counts[column])
        assert not (cube < 0).any()


def test_values_of_a_panel_do_not_overflow():
    panel = near_limit(0, 1.0)[0].panel
    assert panel.counts.dtype == np.int16
    assert (panel.values * 2 > LIMIT).all()
    assert panel.by_period.min() >= LIMIT - 9
