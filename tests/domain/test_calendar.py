import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TIMES = st.datetimes(dt.datetime(2010, 1, 1), dt.datetime(2029, 12, 31))  # noqa: DTZ001 - wall clock
CALENDARS = st.one_of(
    st.builds(Calendar, st.just("week"), st.sampled_from(DAYS)), st.builds(Calendar, st.sampled_from(["day", "month"]))
)


def first_day(calendar, day):
    """The oracle: the first day of the period that holds a day, by the standard library alone."""
    if calendar.period_unit == "week":
        return day - dt.timedelta(days=(day.weekday() - DAYS.index(calendar.week_start)) % 7)
    return day.replace(day=1) if calendar.period_unit == "month" else day


@given(CALENDARS, TIMES)
def test_a_period_starts_at_local_midnight_of_its_first_day(calendar, time):
    period = pd.Period(pd.Timestamp(time), freq=calendar.freq)
    assert period.ordinal == calendar.ordinals(pd.Series([pd.Timestamp(time)]))[0]
    assert period.start_time == pd.Timestamp(first_day(calendar, time.date()))


@settings(max_examples=60)
@given(CALENDARS, TIMES, st.integers(0, 120), st.integers(0, 86_399))
def test_partial_first_and_last_periods_are_excluded(calendar, start, days, seconds):
    end = start + dt.timedelta(days=days, seconds=seconds)
    found = calendar.whole_periods(pd.Timestamp(start), pd.Timestamp(end))
    midnights = [pd.Timestamp(start.date() + dt.timedelta(days=n)) for n in range(days + 2)]
    starts = [m for m in midnights if start <= m <= end and m.date() == first_day(calendar, m.date())]
    assert found.start_time.tolist() == starts[:-1]


@given(CALENDARS, TIMES, st.integers(1, 5))
def test_next_periods_start_at_or_after_the_cutoff(calendar, cutoff, count):
    ahead = calendar.next_periods(pd.Timestamp(cutoff), count)
    assert len(ahead) == count
    assert (np.diff(ahead.asi8) == 1).all()
    assert (ahead[0] - 1).start_time < pd.Timestamp(cutoff) <= ahead[0].start_time


def test_weeks_may_start_on_any_day():
    weeks = Calendar(week_start="sunday").whole_periods(pd.Timestamp("2021-01-01"), pd.Timestamp("2021-01-17"))
    assert weeks.start_time.tolist() == [pd.Timestamp("2021-01-03"), pd.Timestamp("2021-01-10")]


def test_whole_days_and_months():
    start, end = pd.Timestamp("2020-01-31 00:00:01"), pd.Timestamp("2020-04-30 23:59:59")
    assert [str(month) for month in Calendar("month").whole_periods(start, end)] == ["2020-02", "2020-03"]
    days = Calendar("day").whole_periods(start, pd.Timestamp("2020-02-03"))
    assert [str(day) for day in days] == ["2020-02-01", "2020-02-02"]


@pytest.mark.parametrize("night", ["2021-03-14", "2021-11-07"])
def test_nights_with_a_clock_change_belong_to_one_day(night):
    # Every half hour of the local day, 46 or 50 of them, as a device that counts in UTC would stamp it.
    start = pd.Timestamp(night, tz="America/Toronto")
    end = pd.Timestamp(night, tz="America/Toronto") + pd.DateOffset(days=1)
    stamps = pd.date_range(start.tz_convert("UTC"), end.tz_convert("UTC"), freq="30min", inclusive="left")
    local = stamps.tz_convert("America/Toronto").tz_localize(None)
    assert len(local) in (46, 50)
    for calendar in (Calendar("day"), Calendar("week")):
        assert set(calendar.ordinals(local)) == {pd.Period(night, freq=calendar.freq).ordinal}


def test_a_sunday_evening_belongs_to_its_local_week():
    local = pd.DatetimeIndex(["2021-03-15 03:30"], tz="UTC").tz_convert("America/Toronto").tz_localize(None)
    assert Calendar().ordinals(local)[0] == pd.Period("2021-03-08", freq="W-SUN").ordinal


@pytest.mark.parametrize(("calendar", "per_year"), [(Calendar(), 52), (Calendar("day"), 365), (Calendar("month"), 12)])
def test_periods_per_year(calendar, per_year):
    assert calendar.per_year == per_year


@pytest.mark.parametrize("wrong", [{"period_unit": "fortnight"}, {"week_start": "Monday"}])
def test_unknown_units_and_days_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(InputError, match=rf"calendar\.{name}='\w+' is unknown; choose one of"):
        Calendar(**wrong)
