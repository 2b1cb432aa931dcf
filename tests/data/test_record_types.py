from collections import Counter

import pytest

from ilp_models.data.crime_schemes.publisher_types import (
    PUBLISHERS,
    comparability_notes,
)
from ilp_models.domain.errors import InputError
from tests.data.csv_records import COLUMNS, record

LIMIT = {"max_rejected_share": 1.0}


def file_of(*labels):
    header = "when,what,lat,lon,beat,more\n"
    return header + "\n".join(record(label, at, detail) for at, (label, detail) in enumerate(labels)) + "\n"


def findings(report):
    return {one.rule: one for one in report.findings if one.action != "flagged"}


def test_totals_by_category_of_a_small_file(source):
    robberies = [("ROBBERY", "ARMED - HANDGUN")] * 3
    thefts = [("THEFT", "OVER $500"), ("Theft", "Over  $500"), ("THEFT", "FINANCIAL ID THEFT: OVER $300")]
    others = [
        ("NON-CRIMINAL", "LOST PASSPORT"),
        ("ROBBERY", "BY DRONE"),
        ("NARCOTICS", "UNHEARD OF"),
        ("", "OVER $500"),
    ]
    content = file_of(*robberies, *thefts, *others)
    settings = {"crime_scheme": "nibrs", "publisher_types": "chicago", "unmapped": "set_aside", **LIMIT}
    columns = {**COLUMNS, "crime_type_detail": "more"}
    events = source(content, columns=columns, crime_types={"NARCOTICS": None, "ROBBERY": "ignored"}, **settings).read()
    assert Counter(events.table["crime_type"]) == {"Robbery": 3, "Other Theft": 2, "Impersonation": 1}
    found = {rule: (one.action, one.count) for rule, one in findings(events.intake).items()}
    assert found == {
        "crime type excluded by data.crime_types": ("left out", 1),
        "crime type missing": ("set aside", 1),
        "not counted as crime by data.crime_scheme": ("left out", 1),
        "label without a category in data.crime_scheme": ("set aside", 1),
    }
    assert events.declared_types == ("Robbery",)
    alone = source(content, crime_types={"NARCOTICS": None}, **settings).read()
    assert Counter(alone.table["crime_type"]) == {"Robbery": 4, "Larceny/Theft Offenses (any)": 3}


def test_labels_without_a_category_are_counted_and_rare_ones_masked(source):
    content = file_of(*[("ROBBERY", "")] * 9, *[("SEX OFFENSE", "")] * 6, *[("Witchcraft", "")] * 2)
    settings = {"crime_scheme": "iccs", "publisher_types": "chicago", **LIMIT}
    report = source(content, unmapped="set_aside", **settings).read().intake
    note = findings(report)["label without a category in data.crime_scheme"].note
    assert note.startswith("labels 'SEX OFFENSE' (6), AAAAAAAAAA (masked) (2). Set data.columns.crime_type_detail")
    with pytest.raises(InputError, match=r"No category .* labels 'SEX OFFENSE' \(6\), .*data\.unmapped=set_aside"):
        source(content, **settings).read()


def test_notes_state_definition_counting_limits_and_the_doubts_of_labels_in_use(source):
    content = file_of(*[("THEFT", "")] * 5)
    report = source(content, crime_scheme="iccs", publisher_types="chicago").read().intake
    notes = "\n".join(report.notes)
    assert "Crime Open Database" in notes
    assert "Counting in chicago: one record" in notes
    assert "THEFT: Six of 18 descriptions" in notes
    assert "HOMICIDE" not in notes
    by_publisher = comparability_notes("iccs", PUBLISHERS)
    assert set(by_publisher) == set(PUBLISHERS)
    assert all("Not comparable: " in found[1] for found in by_publisher.values())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"crime_scheme": "ucr", "publisher_types": "chicago"}, r"data.crime_scheme='ucr' is unknown.*iccs"),
        ({"crime_scheme": "iccs"}, "needs a table for your labels. Set data.publisher_types"),
        ({"crime_scheme": "iccs", "publisher_types": "chigaco"}, "chigaco is not a table of the package.*chicago"),
        (
            {"crime_scheme": "nibrs", "publisher_types": "toronto"},
            "no table leads to nibrs. Set data.crime_scheme=iccs",
        ),
        ({"crime_scheme": "iccs", "publisher_types": "chicago", "unmapped": "keep"}, "cannot keep labels"),
        ({"columns": {**COLUMNS, "crime_type_detail": "more"}}, "used with a scheme only"),
        (
            {"columns": {**COLUMNS, "crime_type_detail": "more"}, "crime_scheme": "iccs", "publisher_types": "toronto"},
            "has one column of labels",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(source, settings, expected):
    with pytest.raises(InputError, match=expected):
        source(file_of(("ROBBERY", "x")), **settings).read()


def test_a_second_label_may_not_name_persons(source):
    names = ["Smith, John", "Doe, Mary", "Jones, Peter", "Brown, Anna", "Miller, James"]
    content = file_of(*[("ROBBERY", f'"{name}"') for name in names])
    columns = {**COLUMNS, "crime_type_detail": "more"}
    with pytest.raises(
        InputError, match=r"'more' \(data.columns.crime_type_detail\) holds what looks like personal names"
    ):
        source(content, columns=columns, crime_scheme="iccs", publisher_types="chicago").read()
