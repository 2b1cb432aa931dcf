import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.timing import TIMING, Timing, wall_clock

WEEK = Timing("Europe/London", *map(pd.Timestamp, ("2022-07-04", "2022-07-04", "2022-07-11")))
MONDAY = datetime(2022, 7, 4, 9, tzinfo=UTC)


def test_times_are_those_of_the_wall_clock_of_the_records():
    assert wall_clock(MONDAY, "Europe/London") == pd.Timestamp("2022-07-04 10:00")
    assert WEEK.ends_at() == datetime(2022, 7, 10, 23, tzinfo=UTC)  # British summer time


def test_a_span_covers_its_periods_only():
    week = pd.period_range("2022-07-04", periods=2, freq="W-SUN")
    assert WEEK.covers(week[:1])
    assert not WEEK.covers(week)
    assert not WEEK.covers(week[1:])


def test_age_is_counted_in_whole_days():
    assert WEEK.age_days(MONDAY) == 0
    assert WEEK.age_days(MONDAY + timedelta(days=3)) == 3
    assert WEEK.age_days(MONDAY - timedelta(hours=20)) == 0
    assert math.isnan(WEEK.age_days(MONDAY - timedelta(days=2)))
    assert replace(WEEK, as_of="2022-07-09").age_days(MONDAY) == 5
    assert replace(WEEK, simulated=True).age_days(MONDAY + timedelta(days=900)) == 0


def test_a_period_that_is_over_and_a_forecast_for_research_cannot_be_used():
    end = WEEK.ends_at()
    assert WEEK.fault(end - timedelta(seconds=1)) == ("", "")
    assert "ended on 2022-07-10" in WEEK.fault(end)[0]
    assert "as of 2022-07-01" in replace(WEEK, as_of="2022-07-01").fault(MONDAY)[0]
    assert replace(WEEK, simulated=True).fault(end + timedelta(days=1)) == ("", "")


def test_the_header_of_an_audit_gives_it_back():
    assert Timing.from_header({TIMING: WEEK.to_dict()}) == WEEK
    assert Timing.from_header({}) is None


@pytest.mark.parametrize("change", [{"ends": "soon"}, {"time_zone": "Nowhere"}, {"record_lag": None}, {"starts": []}])
def test_a_header_that_was_edited_is_refused(change):
    with pytest.raises(InputError, match=r"cannot be read.*Run the audit again"):
        Timing.from_dict(WEEK.to_dict() | change)


def test_only_true_makes_records_simulated():
    assert not Timing.from_dict(WEEK.to_dict() | {"simulated": 1}).simulated
