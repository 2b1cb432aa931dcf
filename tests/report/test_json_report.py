import copy
import json

import jsonschema
import numpy as np
import pytest

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.report.audit.json_report import SCHEMA_VERSION, report_content, schema, write_audit_json
from ilp_models.report.audit.tables import measure_rows
from tests.report import audit_records as records


@pytest.fixture(scope="module")
def content():
    return report_content(records.full())


def valid(content):
    return not list(jsonschema.Draft202012Validator(schema()).iter_errors(content))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("maker", [records.full, records.bare, records.hostile])
def test_reports_are_valid(maker, tmp_path):
    path = write_audit_json(maker(), tmp_path)
    text = path.read_text(encoding="utf-8")
    assert valid(json.loads(text))
    assert "NaN" not in text
    assert "Infinity" not in text


def test_admitted_and_approved_reports_are_valid():
    for decision in (records.admitted(), records.approved(records.reviewed())):
        content = report_content(records.AuditRecord(decision))
        assert valid(content)
    assert content["decision"]["standing"] == "approved"
    assert content["decision"]["admitted"] is False


BROKEN = {
    "no version": lambda one: one.pop("schema_version"),
    "a version to come": lambda one: one.update(schema_version="3.0"),
    "admitted, yet withheld": lambda one: one["decision"].update(admitted=True),
    "no seal": lambda one: one["decision"].update(seal="abc"),
    "a share in percent": lambda one: one["measures"][0].update(share=5),
    "a number as text": lambda one: one["measures"][0].update(value="0.05"),
    "a row without its unit": lambda one: one["measures"][0].pop("unit"),
    "an unknown state": lambda one: one["findings"][0].update(state="nearly"),
    "an absent part without a reason": lambda one: one["absent"].update(feedback=""),
    "no caveat": lambda one: one.update(caveat=""),
    "a p value above 1": lambda one: one["measures"][0].update(p_adjusted=1.5),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_reports_are_not_valid(name, content):
    spoiled = copy.deepcopy(content)
    BROKEN[name](spoiled)
    assert not valid(spoiled)


def test_each_number_has_one_row(content):
    keys = ("crime_type", "share", "unit", "dimension", "group", "measure")
    rows = [tuple(row[key] for key in keys) for row in content["measures"]]
    assert len(rows) == len(set(rows)) == 3 * 4 * 3 * 2 * 6
    assert content["schema_version"] == SCHEMA_VERSION


def test_nan_is_null_and_a_number_with_a_finding_has_its_state(content):
    unknown = [row for row in content["measures"] if row["measure"] == "coverage" and row["share"] == 0.01]
    assert unknown
    assert all(row["value"] is None and row["baseline"] is None for row in unknown)
    audited = {(row["share"], row["unit"]) for row in content["measures"] if row["state"]}
    assert audited == {(0.05, "count")}
    row = next(row for row in content["measures"] if row["check"] == "need_adjusted_ratio" and row["group"] == "Upland")
    assert row["state"] == "insufficient"
    assert "lacks evidence" in row["reason"]


def test_the_header_states_how_it_was_measured_and_what_is_missing(content):
    audit = content["header"]["audit"]
    assert (audit["rank_by"], audit["land_share"], audit["baseline"]) == ("count", 0.05, "moving_average")
    assert audit["governance"]["owner"] == "O. Wner"
    assert content["header"]["areal_unit"]["cells"] == 100
    assert content["header"]["provenance"]["Seed of the audit"] == "0"
    assert "tainted_periods" in content["absent"]
    assert "feedback" in report_content(records.bare())["absent"]
    assert content["caveat"] == CAVEAT
    assert "exposure" in content["definitions"]


def test_tables_are_rows_of_plain_values(content):
    assert {"feedback", "gaps", "proxies", "frontier", "sensitivity.ranking_unit"} <= set(content["tables"])
    caps = {row["cap"] for row in content["tables"]["frontier"]}
    assert None in caps  # no cap
    assert np.isclose(content["tables"]["gaps"][0]["gap"], 0.2)


def test_without_a_table_of_measures_the_findings_are_the_rows():
    rows = report_content(records.full(measures=None))["measures"]
    assert {row["measure"] for row in rows} >= {"exposure", "coverage", "need_adjusted_ratio", "coverage_ratio"}
    assert all(row["unit"] == "count" and row["share"] == 0.05 for row in rows)
    assert all(row["area_low"] is None for row in rows)


def test_a_value_without_a_limit_has_the_state_of_the_decision():
    record = records.computed()
    content = report_content(record)
    rows = [row for row in content["measures"] if row["check"] == "exposure" and row["value"] is not None]
    assert {row["state"] for row in rows} == {"pass"}
    assert set(measure_rows(record).query("check == 'exposure'")["state"]) == {"reported"}
