import csv
from pathlib import Path

import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.data.crime_schemes.publisher_types import (
    PUBLISHERS,
    load_crosswalk,
    load_publisher_types,
)
from ilp_models.data.crime_schemes.scheme import FACTS, load_crime_scheme
from ilp_models.data.crime_types import label_key
from ilp_models.data.label_screening import personal_offences
from ilp_models.domain.enforcement_kinds import enforcement_kind
from ilp_models.domain.errors import InputError
from tests.data.csv_records import COLUMNS, record, text

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT.parent / "shared" / "data" / "crime_open_database"
PAGE = ROOT / "docs" / "crime_types.md"
CROSSWALKS = [(one["from"], one["to"]) for one in FACTS["crosswalks"]]


def published(city):
    if not CODE.exists():
        pytest.skip("needs the Crime Open Database, which is not part of the repository")
    with (CODE / f"categories_{city}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", PUBLISHERS)
def test_every_label_leads_to_a_code_of_its_scheme_or_is_declared_ambiguous(name):
    types = load_publisher_types(name, FACTS["publishers"][name]["scheme"])
    assert {row.code for row in types.rows.values()} <= {"", *types.scheme.categories}
    assert all(row.doubt for row in types.rows.values() if not row.code)
    assert all(types.code(first) is not None for first, _ in types.rows)


@pytest.mark.parametrize(("start", "end"), CROSSWALKS)
def test_a_table_between_schemes_covers_every_code_and_keeps_what_is_not_counted(start, end):
    origin, target, steps = load_crime_scheme(start), load_crime_scheme(end), load_crosswalk(start, end)
    assert set(steps) == set(origin.categories)
    assert {step.code for step in steps.values()} <= set(target.categories)
    assert all(origin.counts(code) == target.counts(step.code) for code, step in steps.items())


@pytest.mark.parametrize(("start", "end"), CROSSWALKS)
def test_no_chain_hides_that_a_type_depends_on_police_activity(start, end):
    origin, target = load_crime_scheme(start).categories, load_crime_scheme(end).categories
    hidden = [
        name
        for code, name in origin.items()
        if enforcement_kind(name) and not enforcement_kind(target[load_crosswalk(start, end)[code].code])
    ]
    assert [name for name in hidden if "not counted" not in name] == []


def test_examples_of_the_chain_from_chicago_to_iccs():
    types = load_publisher_types("chicago", "iccs")
    given = {
        ("THEFT", ""): "0502",
        ("theft", "financial id  theft: over $300"): "0701",
        ("HOMICIDE", "FIRST DEGREE MURDER"): "0101",
        ("ARSON", ""): "0504",
        ("NON-CRIMINAL", "LOST PASSPORT"): "99Z",
        ("DECEPTIVE PRACTICE", ""): "",
    }
    assert {pair: types.code(*pair) for pair in given} == given
    assert types.code("ROBBERY", "A NEW DESCRIPTION") is None
    assert types.code("A NEW TYPE") is None


def test_chicago_resolves_every_published_label_and_its_robberies():
    rows = published("chicago")
    types = load_publisher_types("chicago", "nibrs")
    codes = {}
    for row in rows:
        codes.setdefault((label_key(row["label_1"]), label_key(row["label_2"])), set()).add(row["nibrs_clean"])
    conflicts = {pair: found for pair, found in codes.items() if len(found) > 1}
    assert len(conflicts) == 7
    assert all({types.code(*pair)} == found for pair, found in codes.items() if pair not in conflicts)
    assert all(types.code(*pair) in found and types.rows[pair].doubt for pair, found in conflicts.items())
    filled_down = [row for row in rows if row["nibrs_code"] != row["nibrs_clean"]]
    assert len(filled_down) == 14
    assert {types.code(row["label_1"], row["label_2"]) for row in filled_down} == {"120"}
    assert len([pair for pair in types.rows if pair[1]]) == len(codes)  # duplicates would count events twice


def test_new_york_resolves_every_published_label_with_a_type():
    types = load_publisher_types("nyc", "nibrs")
    for row in published("new_york"):
        if row["label_1"].strip():
            assert types.code(row["label_1"], row["label_2"]) == row["nibrs_clean"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is empty"),
        ("label,code\n", "no row below its header"),
        ("offence,code\nTheft,0502\n", "has no column label_1"),
        (
            "label,code\nTheft,502\n",
            "row 1: code='502' is not in the scheme iccs. A spreadsheet may have dropped .*0502",
        ),
        ("label,code\nTheft,0502\n theft ,0401\n", "row 2: 'theft' has code='0401', and an earlier row has '0502'"),
        ("label,code\n,0502\n", "row 1 has no label"),
        (
            "label,code\nSmith John,0502\nJohn Doe,0502\nMary Jones,0502\nPeter Brown,0401\n",
            "looks like personal names",
        ),
    ],
)
def test_a_table_of_the_user_is_checked(tmp_path, content, expected):
    path = tmp_path / "ours.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=expected) as found:
        load_publisher_types(str(path), "iccs")
    assert "ours.csv" in str(found.value)


def test_a_table_of_the_user_serves_python_and_counts_in_the_digest_of_reading(tmp_path):
    table, records = tmp_path / "ours.csv", tmp_path / "records.csv"
    records.write_text(text([f"{line}" for line in [record("Raub", at)[:-1] for at in range(40)]]))
    readings = set()
    for code, name in (("0401", "Robbery"), ("0502", "Theft")):
        table.write_text(f"label;code\nRaub;{code}\n")
        events = ilp.read_events(
            records, columns=COLUMNS, time_zone="America/Toronto", crime_scheme="iccs", publisher_types=str(table)
        )
        assert events.crime_types == (name,)
        readings.add(events.intake.reading)
    assert len(readings) == 2


def test_no_published_table_has_labels_that_would_be_refused_in_a_file_of_the_user():
    for name in PUBLISHERS:
        rows = load_publisher_types(name, FACTS["publishers"][name]["scheme"]).rows
        for at in (0, 1):
            assert personal_offences(pd.Series([pair[at] for pair in rows if pair[at]], dtype="str")) is None


def table_line(name):
    """Return the line of the page on a publisher's table."""
    facts = FACTS["publishers"][name]
    rows = load_publisher_types(name, facts["scheme"]).rows
    ambiguous = sum(not row.code for row in rows.values())
    return (
        f"| `{name}` | `{facts['scheme']}` | {len(rows)} | {ambiguous} | {facts['definition']} | {facts['licence']} |"
    )


def test_the_page_lists_the_tables_of_the_package():
    lines = PAGE.read_text(encoding="utf-8").split(
        "ambiguous | definition followed | licence |\n|---|---|---|---|---|---|\n"
    )[1]
    assert lines.split("\n<!-- end -->")[0].splitlines() == [table_line(name) for name in PUBLISHERS]
