import pandas as pd
import pytest

from ilp_models.data.suggestions.times import find_dates, suggest_formats, suggest_times

DAYS = pd.Series(pd.date_range("2021-01-01", periods=400, freq="31h"))


def suggestions(**columns):
    table = pd.DataFrame(columns)
    dates = find_dates(table)
    times = suggest_times(table, dates)
    used = [one for one in dates if one.name in {found.value for found in times}]
    return {one.setting.removeprefix("columns."): one.value for one in times}, suggest_formats(used)


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M", "%d-%b-%Y %H:%M"]
)
def test_the_order_of_day_and_month_follows_from_the_values(form):
    found, formats = suggestions(Date=DAYS.dt.strftime(form))
    assert found == {"occurred_at": "Date"}
    assert (formats.value, formats.confidence) == ([form], "certain")


def test_values_that_fit_both_orders_are_a_question():
    found, formats = suggestions(Date=DAYS[DAYS.dt.day <= 12].dt.strftime("%d/%m/%Y"))
    assert found == {"occurred_date": "Date"}
    assert (formats.confidence, formats.value) == ("open", None)
    assert formats.alternatives == ("['%d/%m/%Y']", "['%m/%d/%Y']")


def test_another_column_of_the_file_can_decide_the_order():
    reported = DAYS + pd.Timedelta(days=8)
    few = DAYS.dt.day <= 12
    table = {"occurred": DAYS[few].dt.strftime("%d/%m/%Y"), "reported": reported[few].dt.strftime("%d/%m/%Y")}
    found, formats = suggestions(**table)
    assert found == {"occurred_date": "occurred", "reported_date": "reported"}
    assert (formats.value, formats.confidence) == (["%d/%m/%Y"], "check")


def test_a_column_that_mixes_formats_gets_both():
    mixed = DAYS.dt.strftime("%Y-%m-%d %H:%M").where(DAYS.index % 4 > 0, DAYS.dt.strftime("%d/%m/%Y"))
    _, formats = suggestions(Date=mixed)
    assert formats.value == ["%Y-%m-%d %H:%M", "%d/%m/%Y"]
    assert formats.confidence == "check"


def test_the_occurrence_is_told_from_report_update_and_end():
    found, _ = suggestions(
        **{
            "Updated On": DAYS + pd.Timedelta(days=9),
            "Report Date": DAYS + pd.Timedelta(days=1),
            "Occurred From": DAYS,
            "Occurred To": DAYS + pd.Timedelta(hours=5),
        }
    )
    assert found == {"occurred_at": "Occurred From", "reported_at": "Report Date"}


def test_a_report_before_the_occurrence_is_no_report():
    found, _ = suggestions(Occurred=DAYS, Reported=DAYS - pd.Timedelta(days=30))
    assert found == {"occurred_at": "Occurred"}


def test_hours_months_and_epochs_are_recognised():
    day = DAYS.dt.strftime("%Y-%m-%d")
    assert suggestions(Date=day, Hour=DAYS.dt.hour)[0] == {"occurred_date": "Date", "occurred_hour": "Hour"}
    assert suggestions(Date=day, Time=DAYS.dt.strftime("%H%M"))[0] == {"occurred_date": "Date", "occurred_time": "Time"}
    found, formats = suggestions(Month=DAYS.dt.strftime("%Y-%m"))
    assert (found, formats.value) == ({"occurred_month": "Month"}, ["%Y-%m"])
    milliseconds = (DAYS.astype("datetime64[ms]").astype("int64")).astype(str)
    found, formats = suggestions(occ_date=milliseconds)
    assert (found, formats.value) == ({"occurred_at": "occ_date"}, ["epoch_ms"])


def test_midnights_in_utc_are_days_where_an_hour_stands_beside_them():
    utc = DAYS.dt.normalize().dt.tz_localize("America/Toronto").dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    found, _ = suggestions(occurrencedate=utc, occurrencehour=DAYS.dt.hour)
    assert found == {"occurred_date": "occurrencedate", "occurred_hour": "occurrencehour"}


@pytest.mark.parametrize("values", [["Theft"] * 9, list(range(2010, 2019)), ["12"] * 9, [None] * 9])
def test_other_columns_are_no_dates(values):
    assert find_dates(pd.DataFrame({"date": values})) == []
