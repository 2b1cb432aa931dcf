from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.errors import InputError
from tests.builders import city, events_of

WEEKS, DAYS, MONTHS = Calendar(), Calendar("day"), Calendar("month")
ONTARIO = CalendarTerms("CA", "ON")


def term(name, periods, calendar, terms=ONTARIO):
    values = terms.values(periods, calendar)
    assert values.shape == (len(periods), len(terms.names(calendar)))
    return values[:, terms.names(calendar).index(name)]


def week_of(day):
    return pd.PeriodIndex([pd.Period(day, freq="W-SUN")])


@pytest.mark.parametrize(
    ("monday", "holds"),
    [
        ("2021-01-25", 0),  # 31 January is its Sunday
        ("2021-02-01", 1),  # 1 February is its Monday
        ("2021-02-08", 0),
        ("2021-07-26", 1),  # 1 August is its Sunday
        ("2021-08-02", 0),
        ("2021-12-27", 1),  # 1 January 2022 is its Saturday
    ],
)
def test_weeks_with_the_first_of_a_month(monday, holds):
    assert term("first_of_month", week_of(monday), WEEKS).tolist() == [holds]


@pytest.mark.parametrize(
    ("monday", "count"),
    [
        ("2021-12-20", 2),  # Christmas Day, Saturday, and Boxing Day
        ("2021-06-28", 1),  # Canada Day, Thursday
        ("2021-02-15", 1),  # Family Day, the third Monday of February
        ("2021-03-08", 0),
        ("2021-03-29", 1),  # Good Friday, 2 April
    ],
)
def test_public_holidays_of_ontario(monday, count):
    assert term("holidays", week_of(monday), WEEKS).tolist() == [count]


def test_holidays_are_those_of_the_country():
    july = week_of("2021-06-28")
    american = CalendarTerms("US")
    assert term("holidays", july, WEEKS, american).tolist() == [1]  # 4 July is its Sunday
    assert term("holidays", week_of("2021-11-22"), WEEKS, american).tolist() == [1]  # Thanksgiving in the US
    assert term("holidays", week_of("2021-11-22"), WEEKS).tolist() == [0]
    assert "holidays" not in CalendarTerms(country=None).names(WEEKS)


def test_the_turn_of_the_year_is_a_share_of_the_period():
    weeks = pd.period_range("2021-12-13", periods=4, freq="W-SUN")
    assert term("year_end", weeks, WEEKS).tolist() == pytest.approx([0, 3 / 7, 6 / 7, 0])
    days = pd.period_range("2021-12-23", periods=11, freq="D")
    assert term("year_end", days, DAYS).tolist() == [0, *[1] * 9, 0]
    months = pd.period_range("2021-11", periods=3, freq="M")
    assert term("year_end", months, MONTHS).tolist() == pytest.approx([0, 8 / 31, 1 / 31])


def test_months_all_hold_a_first_day_and_days_name_their_weekday():
    assert ONTARIO.names(MONTHS) == ("holidays", "year_end", "sine_1", "cosine_1")
    days = pd.period_range("2021-03-01", periods=7, freq="D")  # a Monday
    names = [f"weekday_{day}" for day in range(1, 7)]
    shown = np.stack([term(name, days, DAYS) for name in names], axis=1)
    assert shown.tolist() == np.eye(7)[:, 1:].tolist()
    assert term("first_of_month", days, DAYS).tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_waves_have_one_and_two_cycles_per_year():
    terms = CalendarTerms(None, harmonics=2)
    days = pd.period_range("2019-01-01", "2020-12-31", freq="D")
    for k in (1, 2):
        sine, cosine = (term(f"{kind}_{k}", days, DAYS, terms) for kind in ("sine", "cosine"))
        np.testing.assert_allclose(sine**2 + cosine**2, 1)
        turns = np.unwrap(np.arctan2(sine, cosine))
        assert (turns[365] - turns[0]) / (2 * np.pi) == pytest.approx(k * 365 / 365.2425)
    january, july = (term("cosine_1", week_of(day), WEEKS)[0] for day in ("2021-01-04", "2021-07-05"))
    assert january > 0.97
    assert july < -0.97


@settings(max_examples=8)
@given(st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2040-01-01").date()), st.integers(1, 30))
def test_terms_of_a_period_do_not_depend_on_other_periods(day, count):
    for calendar in (WEEKS, MONTHS):
        periods = pd.period_range(pd.Period(day, freq=calendar.freq), periods=count, freq=calendar.freq)
        together = ONTARIO.values(periods, calendar)
        np.testing.assert_array_equal(together[[-1]], ONTARIO.values(periods[[-1]], calendar))


def test_terms_of_days_sum_to_those_of_weeks():
    weeks = pd.period_range("2020-12-07", periods=60, freq="W-SUN")
    days = pd.period_range("2020-12-07", periods=420, freq="D")
    for name in ("first_of_month", "holidays"):
        of_days = term(name, days, DAYS).reshape(60, 7).sum(axis=1)
        assert of_days.tolist() == term(name, weeks, WEEKS).tolist()


@pytest.mark.parametrize(("country", "subdivision"), [("Atlantis", None), ("CA", "TORONTO")])
def test_an_unknown_country_is_refused(country, subdivision):
    with pytest.raises(InputError, match=rf"No holidays are known for country='{country}'"):
        CalendarTerms(country, subdivision)


def test_the_country_of_the_events_replaces_auto():
    events = events_of(np.ones((1, 1, 4), dtype=int), city(1, 1))
    canadian = replace(events, country="CA", subdivision="ON")
    assert CalendarTerms().for_events(canadian) == ONTARIO
    assert CalendarTerms().for_events(events) == CalendarTerms(country=None)
    assert CalendarTerms("US").for_events(canadian) == CalendarTerms("US")
    with pytest.raises(InputError, match="call CalendarTerms"):
        CalendarTerms().names(WEEKS)
    with pytest.raises(InputError, match="subdivision='ON' needs a country"):
        CalendarTerms(subdivision="ON")
