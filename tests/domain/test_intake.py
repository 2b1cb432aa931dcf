import json

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.intake import IntakeError, IntakeFinding, IntakeReport


def report(**changes):
    findings = (
        IntakeFinding("coordinates are zero", "set aside", 3, 0.03, ("a.csv record 7, lat=0",)),
        IntakeFinding("does not match data.filters", "left out", 40, 0.4),
        IntakeFinding("exact duplicates", "flagged", 5, 0.05),
        IntakeFinding("level shifts", "flagged", 9, 0.1, unit="months"),
    )
    made = {
        "source": "A city",
        "files": ("a.csv",),
        "rows_read": 100,
        "rows_kept": 57,
        "start": pd.Timestamp("2021-01-01"),
        "end": pd.Timestamp("2022-01-01"),
        "time_zone": "America/Toronto",
        "crs": "EPSG:32617",
        "findings": findings,
        "crime_types": {"Theft": 57},
        "columns_left": ("VIC_AGE", "ward"),
        "person_columns_left": ("VIC_AGE",),
    }
    return IntakeReport(**{**made, **changes})


def test_the_rejected_share_ignores_excluded_rows():
    assert report().rejected_share == pytest.approx(3 / 60)


def test_a_row_lost_without_a_rule_is_refused():
    with pytest.raises(InputError, match="lost 44 rows and its findings account for 43"):
        report(rows_kept=56)


def test_an_unknown_action_is_refused():
    with pytest.raises(InputError, match=r"'dropped'.*unknown"):
        IntakeFinding("rule", "dropped", 1, 0.1)


def test_an_unknown_resolution_is_refused():
    with pytest.raises(InputError, match="'hour' is unknown"):
        report(resolution="hour")


def test_more_than_five_examples_are_refused():
    with pytest.raises(InputError, match="up to 5"):
        IntakeFinding("rule", "flagged", 6, 0.1, tuple("abcdef"))


def test_the_dictionary_is_plain_json():
    plain = report().to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["start"] == "2021-01-01T00:00:00"
    assert plain["findings"][0]["examples"] == ["a.csv record 7, lat=0"]
    assert report(start=None, end=None).to_dict()["end"] is None


def test_the_text_shows_every_rule_with_its_count_and_share():
    lines = report().to_text().splitlines()
    assert lines[0] == "Intake of A city: 57 of 100 rows kept (57.0%)"
    assert lines[1] == "  2021-01-01 to 2022-01-01 (not included), America/Toronto, EPSG:32617, 1 crime types"
    assert " ".join(lines[2].split()) == "set aside coordinates are zero 3 rows 3.0% e.g. a.csv record 7, lat=0"
    assert lines[-1] == "  columns not read that look like personal data: VIC_AGE"


def test_the_text_of_an_intake_without_events():
    findings = (IntakeFinding("time missing or unreadable", "set aside", 100, 1.0),)
    assert "no event" in report(rows_kept=0, start=None, end=None, findings=findings).to_text()


def test_the_error_carries_the_report():
    account = report()
    error = IntakeError("too many", account)
    assert isinstance(error, InputError)
    assert (str(error), error.report) == ("too many", account)


def test_the_report_prints_its_source_and_counts():
    assert repr(report()) == "<IntakeReport: A city: 57 of 100 rows kept (57.0%), 4 findings>"
    html = report(source="<A> & city")._repr_html_()
    assert "&lt;A&gt; &amp; city" in html
    assert "57 of 100 kept" in html
    assert "set aside: coordinates are zero" in html


def test_the_frame_has_one_row_per_finding():
    frame = report().to_frame()
    assert frame["count"].tolist() == [3, 40, 5, 9]
    assert frame.loc[0, "example"] == "a.csv record 7, lat=0"
