import json
import re
from dataclasses import replace

import jsonschema
import pandas as pd
import pytest

from ilp_models.domain.checks import CATALOGUE
from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.errors import StorageError
from ilp_models.report.audit.audit_record import SENSITIVITY, AuditPage, AuditRecord
from ilp_models.report.audit.json_report import schema
from ilp_models.report.audit.page import write_audit_report
from ilp_models.report.definitions import MEASURES
from ilp_models.report.formatting import MISSING, number, percent, percent_interval
from tests.report import audit_records as records
from tests.report.browser import axe_result, find_axe, find_browser, printed_pages
from tests.report.html_page import Page

pytestmark = pytest.mark.slow

SECTIONS = ["decision", "summary", "sides", "ratios", "findings", "flagged", "explanation", "sensitivity", "feedback"]
SECTIONS += ["frontier", "records", "again", "caveats"]


def written(folder, record):
    write_audit_report(AuditPage(), record, folder)
    return folder / "report.html"


def page_of(path):
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    written(folder, records.full())
    return folder


@pytest.fixture(scope="module")
def full(folder):
    return page_of(folder / "report.html")


@pytest.fixture(scope="module")
def bare_path(tmp_path_factory):
    return written(tmp_path_factory.mktemp("bare"), records.bare())


@pytest.fixture(scope="module")
def bare(bare_path):
    return page_of(bare_path)


def test_sections_are_in_order_and_the_decision_is_first(full):
    assert [section["id"] for section in full.all("section")] == SECTIONS
    assert full.text.index("WITHHELD") < full.text.index("Summary 3")


def test_a_withheld_forecast_states_what_a_reviewer_can_accept(full, bare):
    assert "research only - not for resource allocation" in full.text
    assert "cannot be accepted" in full.text
    assert "There is no group table" in bare.text


@pytest.mark.usefixtures("undrawn")
def test_an_admitted_forecast_states_until_when(tmp_path):
    decision = records.admitted()
    assert decision.admitted
    page = page_of(written(tmp_path, AuditRecord(decision)))
    assert "ADMITTED May inform resource allocation until 12 January 2026" in page.text
    assert "No approval is required" in page.text
    assert "research only" not in page.text


@pytest.mark.usefixtures("undrawn")
def test_an_accepted_review_states_who_and_why(tmp_path):
    decision = records.reviewed()
    assert decision.reviews
    page = page_of(written(tmp_path / "reviews", AuditRecord(decision)))
    assert "can accept, with a reason: need-adjusted ratio" in page.text
    approved = records.approved(decision)
    assert approved.approved
    page = page_of(written(tmp_path / "approved", AuditRecord(approved)))
    assert "APPROVED by a reviewer" in page.text
    assert "R. Viewer accepted need-adjusted ratio" in page.text
    assert "discussed with the panel" in page.text


def test_exposure_and_coverage_are_shown_at_every_share_with_the_baseline(full):
    captions = [words for words in full.words if "forecaster with interval over other weeks, and baseline" in words]
    assert len(captions) == 3
    assert captions[0].startswith("All types by origin, ranked by count")
    for share in (1, 5, 10, 20):
        assert full.text.count(f"{share} % of the active area flagged") >= 3
    assert "5 % of the active area flagged (audited)" in full.text


@pytest.mark.usefixtures("undrawn")
def test_the_group_table_shows_the_metric_frame_of_the_audited_share(tmp_path):
    record = records.computed()
    page = page_of(written(tmp_path, record))
    own = record.measures[record.measures["crime_type"] == "all"]
    audited = (own["share"] == 0.05) & (own["unit"] == "count") | own["share"].isna()
    values = own[audited].set_index(["measure", "group"])
    for group in ("Upland", "Lowland"):
        exposure, coverage, error = (values.loc[(name, group)] for name in ("exposure", "coverage", "error"))
        parts = [*(_shares(one) for one in (exposure, coverage)), number(error["value"])]
        assert _words(f"{group} {' '.join(parts)} [{number(error['week_low'])}") in page.text
    gaps = record.group_gaps.set_index(["crime_type", "gap"]).loc["all"]
    for label, gap, form in (
        ("largest minus smallest", "difference", percent),
        ("smallest / largest", "ratio", number),
    ):
        exposure, coverage, error = gaps.loc[gap, ["exposure", "coverage", "error"]]
        shown = f"{label} {form(exposure)} {MISSING} {form(coverage)} {MISSING} {number(error)} {MISSING}"
        assert _words(shown) in page.text


def _shares(row):
    return f"{percent(row['value'])} {percent_interval(row['week_low'], row['week_high'])} {percent(row['baseline'])}"


def _words(text):
    return " ".join(text.split())


@pytest.mark.usefixtures("undrawn")
def test_a_share_of_cells_is_labelled(tmp_path):
    report = replace(records.withheld().report, header=records.withheld().report.header | {"share_of": "cells"})
    page = page_of(written(tmp_path, records.full(replace(records.withheld(), report=report))))
    assert "5 % of the cells flagged (audited)" in page.text
    assert "the 5.0% of the cells with the highest forecast is flagged" in page.text


def test_every_check_has_a_definition_a_denominator_and_its_interval(full):
    findings = full.text[
        full.text.index("A forecast is admitted only if") : full.text.index("Which areas were flagged, and")
    ]
    checks = {finding.check for finding in records.withheld().findings}
    for word in ("Definition", "Divided by", "Compared with", "Interval"):
        assert findings.count(f"{word} ") >= len(checks)
    assert "NAR_g = (sum a_it s_ig / sum a_it) / (sum y_it s_ig / sum y_it)" in findings


def test_missing_parts_are_named_with_the_reason(bare):
    assert bare.text.count("Not available:") >= 9
    for name in SENSITIVITY:
        assert name.replace("_", " ").capitalize() in bare.text
    assert "this run did not request it" in bare.text
    assert "this run did not simulate it" in bare.text


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "parts", [("flags", "measures", "gaps", "feedback"), ("grid", "explanation", "frontier", "intake")]
)
def test_the_page_works_without_some_parts_and_names_them(parts, tmp_path):
    why = {part: f"no {part} today" for part in parts}
    page = page_of(written(tmp_path, records.full(**dict.fromkeys(parts), absent=why)))
    assert all(words in page.text for words in why.values())


@pytest.mark.usefixtures("undrawn")
def test_a_missing_robustness_test_is_named(tmp_path):
    explained = replace(records.explanation_of(), robustness=None)
    page = page_of(written(tmp_path, records.full(explanation=explained)))
    assert "this run did not test the stability of the explanation" in page.text


def test_sensitivity_has_one_row_per_setting(full):
    assert "per_km2" in full.text
    lines = full.text[full.text.index("Ranking unit: what changes") :]
    assert "per_km2 0.600 2 of 2 Assault, Upland: 1.10 to 0.660" in lines  # 1.4 becomes 0.84 for both scopes
    assert "per_resident 0.900 0 of 2 Assault, Upland: 1.10 to 0.990" in lines


def test_missing_numbers_are_dashes_with_a_reason(full):
    assert "not available: not computed, or nothing to divide by" in full.text
    assert not re.search(r"\bnan\b|\bNaN\b|\binf\b", full.text)


def test_the_page_loads_nothing(folder, full):
    for tag, attrs in full.tags:
        assert tag not in ("script", "link", "iframe", "object", "base", "form")
        for name in ("src", "href", "srcset", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:image/png;base64,")), (tag, attrs.get(name, "")[:60])
    text = (folder / "report.html").read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert "://" not in text
    assert len(text) < 5_000_000


@pytest.mark.parametrize("name", ["full", "bare"])
def test_the_page_works_with_keyboard_and_screen_reader(name, request):
    page = request.getfixturevalue(name)
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("a")[0]["class"] == "skip"
    assert all(len(image["alt"]) > 40 for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") in ("col", "row", "rowgroup") for cell in page.all("th"))
    regions = [attrs for attrs in page.all("div") if attrs.get("class") == "scroll"]
    assert all(region["tabindex"] == "0" and region["aria-label"] for region in regions)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in page.all("a")} <= set(ids)
    assert len(page.all("details")) == len(page.all("summary"))


def test_every_part_has_its_figures(full):
    names = [image["alt"] for image in full.all("img")]
    starts = ("Exposure and coverage of groups", "Ratios by group", "Map of how often", "Bars of the typical")
    starts += ("Attribution gaps", "Distance of forecast", "Crimes covered")
    assert all(any(name.startswith(start) for name in names) for start in starts)
    assert len(names) == 1 + 3 + 3 + 1 + 1 + 1 + 1


def test_the_frontier_figure_has_its_numbers_as_text(full):
    text = next(image["alt"] for image in full.all("img") if image["alt"].startswith("Crimes covered"))
    ends = "no cap: 100.0 %; cap 2: 98.8 %; cap 1.5: 95.2 %; cap 1.25: 89.2 %; cap 1.1: 80.8 %; cap 1: 70.0 %."
    assert text.endswith(ends)


@pytest.mark.usefixtures("undrawn")
def test_hostile_labels_are_escaped(tmp_path):
    path = written(tmp_path, records.hostile())
    page = page_of(path)
    assert page.all("script") == []
    assert not any("onmouseover" in attrs for _, attrs in page.tags)
    assert records.HOSTILE in page.text
    assert "{{ 7*7 }}" in page.text


def test_the_caveat_is_verbatim(full, bare):
    assert full.text.count(CAVEAT) == bare.text.count(CAVEAT) == 2


def test_the_page_shows_how_to_repeat_the_run(full):
    again = full.text[full.text.index("Repeat the run Commands") :]
    for words in ("ilp audit data=toronto", "ilp audit rerun=FOLDER", "d" * 64, '"fail_below": 0.8', "model_card.md: "):
        assert words in again


def test_the_page_does_not_claim_fairness(full):
    assert not re.search(r"\b(fair|fairer|unfair|unbiased|debias\w*|bias-free)\b", full.text, re.IGNORECASE)


def test_an_unwritable_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Free disk space or choose another folder"):
        write_audit_report(AuditPage(), records.bare(), tmp_path / "file")


@pytest.mark.usefixtures("undrawn")
def test_a_table_of_measures_may_lack_columns(tmp_path):
    table = records.measures_of(records.withheld())[
        ["crime_type", "share", "unit", "dimension", "group", "measure", "value"]
    ]
    page = page_of(written(tmp_path, records.full(measures=table)))
    assert "no interval" in page.text
    empty = page_of(written(tmp_path, records.full(measures=table.head(0))))
    assert "No group of residents was measured" in empty.text


@pytest.mark.usefixtures("undrawn")
def test_computed_measures_are_shown_and_valid(tmp_path):
    record = records.computed()
    page = page_of(written(tmp_path, record))
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema()).validate(content)
    rows = {(row["measure"], row["group"]) for row in content["measures"] if row["crime_type"] == "all"}
    shown = {
        ("exposure", "Upland"),
        ("coverage", "Lowland"),
        ("sum_ratio", "Upland"),
        ("coverage_ratio", ""),
        ("gini", ""),
    }
    assert shown <= rows
    assert {row["measure"] for row in content["measures"]} <= {*MEASURES, *CATALOGUE}
    exposure = next(
        row for row in content["measures"] if row["measure"] == "exposure" and row["check"] and row["group"] == "Upland"
    )
    finding = next(one for one in record.decision.findings if (one.check, one.group) == ("exposure", "Upland"))
    assert exposure["value"] == pytest.approx(finding.value)
    assert all(f"{share} % of the active area flagged" in page.text for share in (1, 5, 10, 20))
    assert "Areal unit: what changes" in page.text


@pytest.mark.usefixtures("undrawn")
def test_a_long_table_states_how_many_rows_are_not_shown(tmp_path):
    long = pd.DataFrame({"cell": range(100)})
    write_audit_report(AuditPage(rows=30), records.full(proxies=long), tmp_path)
    assert "70 more rows are in report.json" in page_of(tmp_path / "report.html").text


@pytest.mark.parametrize("name", ["folder", "bare_path"])
def test_axe_finds_no_violation_and_enough_contrast(name, request, tmp_path):
    axe, browser = find_axe(), find_browser()
    if axe is None or browser is None:
        pytest.skip("needs chromium and a package that bundles axe-core")
    given = request.getfixturevalue(name)
    found = axe_result(given / "report.html" if given.is_dir() else given, axe, browser, tmp_path)
    assert found["violations"] == []
    assert found["contrast"] > 100


def test_what_does_not_speak_against_the_forecast_is_folded_in_print(folder, tmp_path):
    browser = find_browser()
    if browser is None:
        pytest.skip("needs chromium")
    text = (folder / "report.html").read_text(encoding="utf-8")
    opened = tmp_path / "opened.html"
    opened.write_text(text.replace("<details", "<details open"), encoding="utf-8")
    assert printed_pages(folder / "report.html", browser, tmp_path) < 0.5 * printed_pages(opened, browser, tmp_path)


def test_axe_finds_violations_in_a_broken_page(bare_path, tmp_path):
    axe, browser = find_axe(), find_browser()
    if axe is None or browser is None:
        pytest.skip("needs chromium and a package that bundles axe-core")
    spoiled = tmp_path / "spoiled.html"
    text = bare_path.read_text(encoding="utf-8").replace('lang="en"', "")
    spoiled.write_text(text.replace("</main>", '<p style="color:#ccc">pale</p><img src="#"></main>'), encoding="utf-8")
    found = {rule for rule, _ in axe_result(spoiled, axe, browser, tmp_path)["violations"]}
    assert {"html-has-lang", "color-contrast", "image-alt"} <= found
