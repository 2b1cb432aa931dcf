import pandas as pd
import pytest

from ilp_models.data import validation
from ilp_models.domain.errors import InputError


def test_usable_settings_pass_and_are_read():
    validation.one_of("data.duplicates", "drop", ("flag", "drop"))
    validation.time_zone("data.time_zone", "Europe/London")
    validation.time_zone("data.time_zone", None)
    validation.encoding("data.encoding", "auto")
    validation.encoding("data.encoding", "cp1252")
    assert validation.crs("data.crs", "EPSG:32617").to_epsg() == 32617
    assert validation.moment("data.start", "2021-12-31") == pd.Timestamp("2021-12-31")
    assert validation.moment("data.start", None) is None
    assert validation.delay("data.delay", "14 days") == pd.Timedelta(days=14)


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (validation.time_zone, "Europe/Londn", "is not a time zone.*Europe/London"),
        (validation.crs, "EPSG:0", "is not a coordinate reference system"),
        (validation.moment, "31.12.2021", "is not a date; write it as 2021-12-31"),
        (validation.moment, "2021-12-31T00:00Z", "local date or time without an offset"),
        (validation.moment, "NaT", "local date or time"),
        (validation.delay, "two weeks", "is not a duration"),
        (validation.delay, "-1 days", "not negative"),
        (validation.delay, 14, "with a unit"),
        (validation.delay, "NaT", "with a unit"),
        (validation.encoding, "utf-9", "is not a text encoding"),
        (validation.encoding, "base64", "is not a text encoding"),
    ],
)
def test_an_unusable_value_is_named_with_its_setting(check, value, words):
    with pytest.raises(InputError, match=rf"data\.x={value!r}.*{words}"):
        check("data.x", value)


def test_a_misspelt_choice_gets_a_suggestion():
    with pytest.raises(InputError, match=r"data.x='flgg' is unknown.*flag.*choose one of flag, drop"):
        validation.one_of("data.x", "flgg", ("flag", "drop"))
