import sqlite3

import numpy as np
import pandas as pd
import pytest

from ilp_models.model.means.moving_average import MovingAverage
from tests.builders import city, history_of, poisson_counts


def test_the_mean_of_the_latest_weeks_by_hand():
    counts = np.array([[[9, 9, 9, 1, 2, 3, 6, 0], [0, 0, 0, 0, 0, 0, 0, 4]]])
    history = history_of(counts)
    forecast = MovingAverage(4).fit(history).predict(history.calendar.next_periods(history.cutoff, 3))
    assert forecast.expected.values[0].tolist() == [[2.75] * 3, [1.0] * 3]


def test_a_short_past_is_averaged_as_a_whole():
    history = history_of(np.array([[[1, 2, 3, 4, 5, 6]]]))
    forecast = MovingAverage(52).fit(history).predict(history.calendar.next_periods(history.cutoff, 1))
    assert forecast.expected.values.item() == pytest.approx(3.5)


@pytest.mark.parametrize("step", [1, 3])
def test_the_hindcast_equals_a_window_of_sql(step):
    counts = poisson_counts((2, 4, 30))
    history = history_of(counts, city(2, 2))
    rows = [(k, c, w, int(counts[k, c, w])) for k in range(2) for c in range(4) for w in range(30)]
    with sqlite3.connect(":memory:") as base:
        base.execute("create table counts (kind, cell, week, n)")
        base.executemany("insert into counts values (?, ?, ?, ?)", rows)
        frame = f"rows between {step + 6} preceding and {step} preceding"
        window = f"over (partition by kind, cell order by week {frame})"
        query = f"select coalesce(avg(n) {window}, 0) from counts order by week, kind, cell"  # noqa: S608
        oracle = np.array(base.execute(query).fetchall()).reshape(30, 2, 4)
    base.close()
    forecaster = MovingAverage(7)
    np.testing.assert_allclose(forecaster.hindcast(history, history.panel.periods, step), oracle)
    some = slice(11, 17)
    np.testing.assert_allclose(forecaster.hindcast(history, history.panel.periods[some], step), oracle[some])


def test_unsettled_counts_are_not_used():
    counts = np.arange(1, 21).reshape(1, 1, 20)
    history = history_of(counts, settles_after="14D")
    assert history.first_step == 3
    forecast = MovingAverage(1).fit(history).predict(history.calendar.next_periods(pd.Timestamp("2018-05-21"), 1))
    assert forecast.expected.values.item() == 18


def test_a_window_of_one_repeats_the_last_period_and_none_averages_all():
    counts = poisson_counts((2, 3, 40))
    history = history_of(counts)
    ahead = history.calendar.next_periods(history.cutoff, 1)
    last, mean = (MovingAverage(window).fit(history).predict(ahead).expected.values[..., 0] for window in (1, None))
    np.testing.assert_array_equal(last, counts[..., -1])
    np.testing.assert_allclose(mean, counts.mean(axis=2))
    half = MovingAverage(None).hindcast(history, history.panel.periods[20:21], 3)[0]
    np.testing.assert_allclose(half, counts[..., :18].mean(axis=2))
