"""The transparency record: counted as the schema counts, filled from the run alone, and completed by statements."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ilp_models.domain.errors import InputError
from ilp_models.export.atrs import TransparencyRecord, read_statements, schema, write_atrs
from ilp_models.export.marking import mark
from ilp_models.export.run_facts import RunFacts
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

SHARED = Path(__file__).parents[3] / "shared" / "data" / "atrs_schema"
FORECAST = forecast_on(square_grid())
MARKING = mark(FORECAST, provenance_of(FORECAST), None, "research")
VALUES = {name: ["stated"] if one["type"] == "array" else "stated" for name, one in schema()["properties"].items()}


def faults(record):
    return [one.message for one in Draft202012Validator(schema()).iter_errors(record)]


def test_an_empty_record_lacks_19_fields_and_a_full_one_none():
    assert len(faults({})) == 19
    assert faults(VALUES) == []
    assert len(schema()["properties"]) == 37


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published field lists are not here")
def test_the_schema_is_that_of_the_published_list_and_the_dutch_ones_count_too():
    published = json.loads((SHARED / "uk_atrs_v1_1.schema.json").read_text())
    assert {key: part for key, part in schema().items() if key != "$comment"} == published
    for name, missing in (("nl_register_v1_0", 7), ("nl_publicatiestandaard_v1_0_0", 18)):
        dutch = json.loads((SHARED / f"{name}.schema.json").read_text())
        assert len(list(Draft202012Validator(dutch).iter_errors({}))) == missing


@given(st.sets(st.sampled_from(sorted(VALUES))))
def test_the_count_is_that_of_the_schema(names):
    record = TransparencyRecord.from_run(RunFacts(MARKING, statements={name: VALUES[name] for name in names}))
    assert len(record.missing) == len(faults(dict(record.fields)))
    assert record.count == f"{19 - len(record.missing)} of 19"


def test_a_run_without_anything_stated_fills_what_it_knows_and_invents_nothing():
    bare = TransparencyRecord.from_run(RunFacts(MARKING))
    assert dict(bare.fields) == {"provided_information": MARKING.facts["units"]}
    assert bare.count == "0 of 19"
    intake = {
        "source": "Police of Here",
        "start": "2020-01-01T00:00:00",
        "end": "2022-01-01T00:00:00",
        "rows_kept": 1200,
        "crime_types": {"assault": 700},
    }
    known = TransparencyRecord.from_run(RunFacts(MARKING, decision_on(FORECAST), model="EWMA", intake=intake))
    assert known.fields["source_data_name"] == ["Police of Here"]
    assert known.fields["source_data_description"] == [
        "1,200 recorded incidents, 2020-01-01 to 2022-01-01, with place, time and crime type (assault)"
    ]
    assert "2 groups of residents" in known.fields["impact_assessment_name"][0]
    assert set(known.origins.values()) == {"run"}
    assert "audit.governance.complaints" in known.missing["appeals_and_review"]


def test_an_exported_record_is_completed_and_read_again(tmp_path):
    facts = RunFacts(MARKING, model="EWMA")
    record = write_atrs(facts, tmp_path / "atrs.json")
    plain = json.loads((tmp_path / "atrs.json").read_text())
    assert plain["required_filled"] == record.count == "1 of 19"
    assert plain["use"].startswith("research only")
    page = (tmp_path / "atrs.md").read_text()
    assert "research only - not for resource allocation" in page
    assert "| Contact email (`contact_email`) | `contact_email` in the file of statements |" in page
    plain["record"] |= {"contact_email": "a@b.example", "external_supplier": ["none"]}
    (tmp_path / "own.json").write_text(json.dumps(plain))
    stated = read_statements(str(tmp_path / "own.json"))
    assert stated == {"contact_email": "a@b.example", "external_supplier": ["none"]}  # what a run wrote is not stated
    again = TransparencyRecord.from_run(RunFacts(MARKING, model="Other", statements=stated))
    assert again.count == "3 of 19"
    assert "Other" in again.fields["model_type"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a JSON file"),
        ("[]", "has no fields"),
        ('{"nam": "x"}', "no field 'nam'"),
        ('{"external_supplier": "x"}', "must be a list of texts"),
        ('{"name": 3}', "must be a text"),
        ('{"record": [1]}', "must have names of fields"),
    ],
)
def test_a_wrong_file_of_statements_is_named(tmp_path, content, message):
    path = tmp_path / "own.json"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"statements=.*own\.json.*{message}"):
        read_statements(str(path))


def test_marks_of_tables_in_statements_do_not_break_the_page(tmp_path):
    write_atrs(RunFacts(MARKING, statements={"name": "a | b\n| c"}), tmp_path / "atrs.json")
    assert "| Name (`name`) | a \\| b \\| c | statement |" in (tmp_path / "atrs.md").read_text()
