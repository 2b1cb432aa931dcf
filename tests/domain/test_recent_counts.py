import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.history import History
from ilp_models.domain.recent_counts import RecentCounts, recent_columns
from tests.builders import city, events_of, history_of


def recent_of(counts, periods=1, **settings):
    history = history_of(counts, **settings)
    return RecentCounts.from_history(history, history.calendar.next_periods(history.cutoff, periods))


def test_one_cell_by_hand():
    counts = np.arange(60).reshape(1, 1, 60)
    recent = recent_of(counts, periods=2)
    assert list(recent.counts) == ["last_week", "last_4_weeks", "same_week_last_year"]
    assert recent.counts["last_week"].values.tolist() == [[59]]
    assert recent.counts["last_4_weeks"].values.tolist() == [[56 + 57 + 58 + 59]]
    assert recent.counts["same_week_last_year"].values.tolist() == [[[60 - 52, 61 - 52]]]


@pytest.mark.parametrize("weeks", [3, 4, 51, 52])
def test_counts_are_unknown_where_the_records_do_not_reach(weeks):
    recent = recent_of(np.ones((2, 3, weeks), dtype=int))
    assert (recent.counts["last_week"] == 1).all()
    assert np.isnan(recent.counts["last_4_weeks"].values).all() == (weeks < 4)
    assert np.isnan(recent.counts["same_week_last_year"].values).all() == (weeks < 52)


def test_a_week_that_is_not_settled_or_known_does_not_count():
    counts = np.arange(60).reshape(1, 1, 60)
    assert recent_of(counts, settles_after="1D").counts["last_week"].item() == 58
    grid = city(1, 1)
    events = events_of(counts, grid)
    later = events.end + pd.Timedelta("14D")
    history = History.from_events(later, events, grid, Calendar(), record_lag=2)
    recent = RecentCounts.from_history(history, history.calendar.next_periods(later, 1))
    assert recent.counts["last_week"].item() == 59
    assert recent.counts["same_week_last_year"].item() == 62 - 52
    assert recent.text.startswith("last_week: crimes from 2019-02-18 to 2019-02-24; last_4_weeks: from 2019-")


def test_the_columns_have_the_noun_of_the_calendar():
    assert recent_columns("month") == ("last_month", "last_4_months", "same_month_last_year")
    assert list(recent_of(np.ones((1, 1, 5), dtype=int), unit="day").counts)[1] == "last_4_days"


def test_a_year_before_a_day_has_the_same_weekday():
    recent = recent_of(np.arange(400).reshape(1, 1, 400), unit="day")
    assert recent.counts["same_day_last_year"].item() == 400 - 364
    assert recent.last.item() == 399
