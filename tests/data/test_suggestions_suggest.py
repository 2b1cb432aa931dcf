import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ilp_models.data.suggestions.preview import read_preview
from ilp_models.data.suggestions.suggest import suggest_settings
from ilp_models.domain.errors import InputError

NAMES = (
    "Date occurred",
    "reported",
    "time",
    "hour",
    "lat",
    "lon",
    "x",
    "y",
    "offence",
    "beat",
    "id",
    "Victim age",
    "${x}",
)
VALUES = (
    st.dates().map(lambda day: day.strftime("%d/%m/%Y")),
    st.sampled_from(["Theft", "Robbery", "Drugs", "", "NA"]),
    st.floats(-90, 90).map(str),
    st.integers(0, 10**7).map(str),
    st.sampled_from(["", "nan", "1e400", "-", "43,5", "2021-05", "2310", "1609756200000"]),
    st.text(max_size=8),
)
TABLES = st.lists(st.sampled_from(NAMES), min_size=2, max_size=8, unique=True).flatmap(
    lambda names: st.fixed_dictionaries(
        {name: st.one_of([st.lists(kind, min_size=6, max_size=6) for kind in VALUES]) for name in names}
    )
)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TABLES, st.sampled_from([",", ";", "\t"]))
def test_any_table_gives_suggestions_or_one_error(tmp_path, table, separator):
    path = tmp_path / "export.csv"
    pd.DataFrame(table).to_csv(path, index=False, sep=separator)
    try:
        preview = read_preview(str(path), None, None)
    except InputError:
        return
    suggested = suggest_settings(preview, str(path), {}, lambda _: "")
    found = OmegaConf.create(suggested.to_yaml())
    assert OmegaConf.missing_keys(found) == {one.setting for one in suggested.questions}
    assert "Victim age" not in preview.table
    lines = suggested.to_yaml().splitlines()
    assert all(
        one.setting.rpartition(".")[2] in lines[suggested.line_of(one.setting) - 1] for one in suggested.suggestions
    )


def test_coordinates_that_are_all_zero_leave_the_place_open(tmp_path):
    path = tmp_path / "export.csv"
    pd.DataFrame({"lat": ["0.0"] * 6, "lon": ["0.0"] * 6, "date": ["2021-05-03"] * 6}).to_csv(path, index=False)
    suggested = suggest_settings(read_preview(str(path), None, None), str(path), {}, lambda _: "")
    reasons = {one.setting: one.reason for one in suggested.questions}
    assert "coordinates other than 0, 0" in reasons["input_crs"]
    assert "time_zone" in reasons


def test_records_that_all_lie_in_the_future_set_no_day_of_the_forecast(tmp_path):
    path = tmp_path / "export.csv"
    pd.DataFrame({"lat": ["43.6"] * 6, "lon": ["-79.4"] * 6, "date": ["2999-05-03"] * 6}).to_csv(path, index=False)
    suggested = suggest_settings(read_preview(str(path), None, None), str(path), {}, lambda _: "")
    assert "as_of" not in {one.setting for one in suggested.suggestions}


def test_given_settings_are_kept_and_replace_guesses(tmp_path):
    path = tmp_path / "export.csv"
    rows = [f"{day:02}/01/2021,Theft,{43.6 + day / 1000},{-79.4 + day / 1000}" for day in range(1, 29)]
    path.write_text("\n".join(["when,what,lat,lon", *rows]) + "\n")
    given_ = {"time_zone": "Europe/London", "columns": {"crime_type": "what"}, "bounds": [-80, 43, -79, 44]}
    found = suggest_settings(read_preview(str(path), None, None), str(path), given_, lambda _: "")
    made = {one.setting: one for one in found.suggestions}
    assert (made["time_zone"].value, made["time_zone"].confidence) == ("Europe/London", "certain")
    assert made["columns.crime_type"].reason == "given in the command"
    assert found.settings()["bounds"] == [-80, 43, -79, 44]
    assert found.settings()["columns"]["occurred_date"] == "when"
