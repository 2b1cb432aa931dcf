import pandas as pd
import pytest

from ilp_models.data.time_formats import (
    describe_unreadable,
    fitting_formats,
    read_epoch,
    refuse_contradicting_formats,
)
from ilp_models.domain.errors import InputError

DAYS = pd.Series(pd.date_range("2021-01-01", "2021-12-31"))
FORMATS = [
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d %b %Y",
    "%d-%b-%Y",
    "%B %d, %Y",
    "%Y/%m/%d %H:%M",
    "%Y%m%d",
]
DAY_FIRST, MONTH_FIRST = "%d/%m/%Y", "%m/%d/%Y"


@pytest.mark.parametrize("time_format", FORMATS)
def test_the_format_that_fits_is_found(time_format):
    assert fitting_formats(DAYS.dt.strftime(time_format)) == [time_format]


def test_both_formats_are_found_where_day_and_month_look_alike():
    text = DAYS[DAYS.dt.day <= 12].dt.strftime(DAY_FIRST)
    assert fitting_formats(text) == [DAY_FIRST, MONTH_FIRST]
    assert "'%d/%m/%Y' and '%m/%d/%Y' read them: add the one" in describe_unreadable(text, ["ISO8601"])


def test_unreadable_values_are_shown_masked_with_the_format_that_fits():
    text = pd.Series(["13/01/2021", "14/1/2021", "J. Smith", "15/01/2021", None, "16/01/2021"])
    note = describe_unreadable(text, ["ISO8601"])
    assert note == (
        "data.time_formats=['ISO8601'] reads none of these, such as 99/99/9999, 99/9/9999, A. AAAAA (masked). "
        "'%d/%m/%Y' reads them: add it to data.time_formats."
    )
    assert "Smith" not in note


def test_values_that_are_no_dates_get_no_format():
    assert fitting_formats(pd.Series(["red", "green", "blue"])) == []
    assert describe_unreadable(pd.Series(["red"]), ["ISO8601"]).endswith("No usual format reads them.")
    assert describe_unreadable(pd.Series([None, None], dtype=object), ["ISO8601"]) == "the values are empty."


@pytest.mark.parametrize(
    ("first", "second"), [(DAY_FIRST, MONTH_FIRST), ("%d.%m.%y", "%m.%d.%y"), ("%y-%m-%d", "%d-%m-%y")]
)
def test_two_formats_that_both_read_many_rows_are_refused_with_examples(first, second):
    mixed = pd.concat([DAYS.dt.strftime(first), DAYS.dt.strftime(second)])
    with pytest.raises(InputError, match=r"both read \d+% of the values, such as '.*', as different dates"):
        refuse_contradicting_formats("When", mixed, [first, second])


def test_a_format_that_only_some_rows_need_is_refused_in_either_order():
    mixed = pd.concat([DAYS.dt.strftime(DAY_FIRST)] * 5 + [DAYS.head(60).dt.strftime(MONTH_FIRST)])
    for formats in ([DAY_FIRST, MONTH_FIRST], [MONTH_FIRST, DAY_FIRST]):
        with pytest.raises(InputError, match="as different dates"):
            refuse_contradicting_formats("When", mixed, formats)


def test_dates_that_both_formats_always_read_are_refused():
    text = DAYS[(DAYS.dt.day <= 12) & (DAYS.dt.day != DAYS.dt.month)].dt.strftime(DAY_FIRST)
    with pytest.raises(InputError, match="both read 100%"):
        refuse_contradicting_formats("When", text, [DAY_FIRST, MONTH_FIRST])


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        (DAYS.dt.strftime(DAY_FIRST), [DAY_FIRST]),
        (DAYS.dt.strftime(DAY_FIRST), [DAY_FIRST, MONTH_FIRST]),  # the second is never needed
        (pd.concat([DAYS.dt.strftime(DAY_FIRST), DAYS.astype(str)]), [DAY_FIRST, "ISO8601"]),
        (pd.concat([DAYS.dt.strftime("%d/%m/%Y %H:%M"), DAYS.dt.strftime(DAY_FIRST)]), ["%d/%m/%Y %H:%M", DAY_FIRST]),
        (DAYS, [DAY_FIRST, MONTH_FIRST]),  # dates of Parquet need no format
    ],
)
def test_formats_that_do_not_contradict_are_accepted(text, formats):
    refuse_contradicting_formats("When", text, formats)


def test_days_that_a_spreadsheet_exchanged_are_refused():
    low, high = DAYS[DAYS.dt.day <= 12], DAYS[DAYS.dt.day > 12]
    exchanged = pd.to_datetime(low.dt.strftime("%Y-%d-%m"), format="%Y-%m-%d").astype(str)
    mixed = pd.concat([exchanged, high.dt.strftime(DAY_FIRST)])
    for formats in (["ISO8601", DAY_FIRST], [DAY_FIRST, "ISO8601"]):
        with pytest.raises(InputError, match="A spreadsheet has exchanged day and month"):
            refuse_contradicting_formats("When", mixed, formats)


@pytest.mark.parametrize(("number", "name"), [("1609756200000", "epoch_ms"), ("1609756200", "epoch_s")])
def test_numbers_since_1970_are_recognised(number, name):
    assert fitting_formats(pd.Series([number, str(int(number) + 5)])) == [name]
    assert read_epoch(pd.Series([number]), name).tolist() == [pd.Timestamp("2021-01-04 10:30", tz="UTC")]


def test_other_long_numbers_are_no_times():
    assert fitting_formats(pd.Series(["9052021123", "9999999999999"])) == []
