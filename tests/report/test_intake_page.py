import re

import numpy as np
import pandas as pd

from ilp_models.domain.intake import IntakeFinding, IntakeReport
from ilp_models.domain.suggestion import SuggestedSettings, Suggestion
from ilp_models.report.intake_page import IntakeEvidence, RecordMap, write_intake_page

SUGGESTED = SuggestedSettings(
    path="<b>crimes</b>.csv",
    rows=12,
    suggestions=(
        Suggestion("path", "crimes.csv", "certain", "given in the command"),
        Suggestion("columns.crime_type", "Offence", "likely", "the name fits", ("Type",)),
        Suggestion("time_formats", None, "open", "day first or month first?", ("['%d/%m/%Y']", "['%m/%d/%Y']")),
        Suggestion("crime_types", {"Theft": "Theft", "Drugs": None}, "check", "the most frequent"),
    ),
    label_counts={"Theft": 9, "Drugs": 3},
    person_columns=("Victim <i>",),
    columns_left=("Remarks",),
)


def evidence(**changes):
    report = IntakeReport(
        source="crimes.csv",
        files=("crimes.csv",),
        rows_read=12,
        rows_kept=11,
        start=pd.Timestamp("2021-01-04"),
        end=pd.Timestamp("2021-02-01"),
        time_zone="UTC",
        crs="EPSG:32617",
        findings=(IntakeFinding("coordinates are zero", "set aside", 1, 1 / 12, ("crimes.csv record 7",), "A note."),),
    )
    squares = RecordMap(np.array([[0.0, 0.0], [250.0, 0.0]]), np.array([1, 10]), 250.0, (43.65, -79.38))
    made = {"suggested": SUGGESTED, "report": report, "problem": "", "saved": "mine/data/my_crimes.yaml"}
    return IntakeEvidence(
        **{**made, "next_command": "ilp weekly data=my_crimes", "short": "", "records": squares, **changes}
    )


def page(tmp_path, **changes):
    return write_intake_page(tmp_path, evidence(**changes)).read_text()


def test_the_page_shows_each_setting_with_its_reason_and_line(tmp_path):
    text = page(tmp_path)
    shown = re.findall(r"<li><b>(.+?)</b> \(line (\d+)\)<br>(.+?)</li>", text)
    assert [(name, int(line)) for name, line, _ in shown] == [
        ("path: crimes.csv", 3),
        ("columns.crime_type: Offence", 5),
        ("time_formats: ???", 6),
        ("crime_types: 1 of 2 labels", 7),
    ]
    assert shown[1][2] == "likely: the name fits. Or: Type."
    assert "1 question is open: answer it in mine/data/my_crimes.yaml." in text
    assert "coordinates are zero" in text


def test_texts_of_the_data_are_escaped(tmp_path):
    text = page(tmp_path)
    assert "<b>crimes</b>" not in text
    assert "Victim &lt;i&gt;" in text


def test_the_page_is_complete_without_records(tmp_path):
    text = page(tmp_path, report=None, records=None, problem="columns differ")
    assert "could not be read" in text
    assert "<figure>" not in text


def test_rare_records_share_a_colour_and_the_place_is_named(tmp_path):
    text = page(tmp_path)
    assert "11 records in squares of 250 m" in text
    assert "43.650, -79.380" in text
