"""Events in a span of time are counted at the same time in every table of a description."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.description.change import ChangeTable
from ilp_models.description.hot_spots import HotSpots
from ilp_models.description.near_repeats import NearRepeats
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.description import DescriptionData
from ilp_models.domain.events import UNTIL
from tests.builders import city, events_at

DAYS = 52 * 7


@pytest.fixture(scope="module")
def weekends():
    """Return burglaries spread evenly over the week; those from Friday to Sunday are found on Monday at 00:00."""
    rng, size = np.random.default_rng(0), 1500
    day = rng.uniform(0, DAYS, size)
    weekend = day % 7 >= 4
    first, on_friday = pd.Timestamp("2021-01-04"), day // 7 * 7 + 4
    start = first + pd.to_timedelta(np.where(weekend, on_friday, day), unit="D").floor("min")
    until = pd.Series(first + pd.to_timedelta(on_friday + 3, unit="D")).where(weekend)
    x, y = (corner + rng.uniform(0, 2000, size) for corner in (630_000.0, 4_834_000.0))
    span = {"start": "2021-01-04", "end": "2022-01-03", "types": ("Burglary",)}
    known = until.fillna(pd.Series(start))
    events = events_at(x, y, start, reported_at=known, **span)
    return replace(events, table=events.table.assign(**{UNTIL: until})), day


def by_weekday(weekends, *, start_only=False):
    """Return the share of Friday, Saturday and Sunday in change table and hot spots, and same-day pairs of Knox."""
    events, _ = weekends
    if start_only:
        events = replace(events, table=events.table.drop(columns=UNTIL))
    data = DescriptionData(events, city(4, 4))
    change = ChangeTable(Calendar("day"), series_periods=DAYS - 8).describe(data).tables["periods"]
    week = pd.to_datetime(change["period"]).dt.day_of_week
    counts = change.groupby(week)["count"].sum()
    hot = HotSpots(period_days=1, periods=DAYS).describe(data).tables["hot_periods"]
    days = hot.groupby(hot["first"].dt.day_of_week)["events"].sum()
    knox = NearRepeats(draws=1, process=False).describe(data).tables["knox"]
    pairs = knox.loc[knox["days_to"] == 0, "observed"].sum()
    return counts[4:].to_numpy() / counts.sum(), days[4:].to_numpy() / days.sum(), pairs


def test_spans_are_counted_when_they_may_have_happened_not_at_their_start(weekends):
    _, day = weekends
    change, hot, pairs = by_weekday(weekends)
    same = np.bincount(day.astype(int))
    truth = (same * (same - 1)).sum() / 2
    np.testing.assert_allclose(change, 1 / 7, atol=0.03)
    np.testing.assert_allclose(hot, 1 / 7, atol=0.03)
    assert pairs == pytest.approx(truth, rel=0.1)
    change, hot, pairs = by_weekday(weekends, start_only=True)  # what a count of starts would give
    assert min(change[0], hot[0]) > 0.35
    assert pairs > 1.5 * truth


def test_every_part_says_how_spans_are_counted(weekends):
    data = DescriptionData(weekends[0], city(4, 4))
    for part in (ChangeTable(), HotSpots(), NearRepeats(draws=1, process=False)):
        assert any("at a time drawn from the span" in note for note in part.describe(data).notes)
