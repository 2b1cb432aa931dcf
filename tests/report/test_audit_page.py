import json
import re
from dataclasses import replace

import jsonschema
import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.report.audit.as_json import schema
from ilp_models.report.audit.check_definitions import CHECKS
from ilp_models.report.audit.dossier import SENSITIVITY, AuditRecord
from ilp_models.report.audit.page import AuditPage
from ilp_models.report.audit.write_all import write_dossier
from ilp_models.report.definitions import MEASURES
from tests.report import dossier_makers as makers
from tests.report.browser import find_axe, find_browser, looked_at
from tests.report.test_page import Page

SECTIONS = ["decision", "summary", "sides", "ratios", "findings", "flagged", "explanation", "sensitivity", "feedback"]
SECTIONS += ["frontier", "records", "again", "caveats"]


def written(folder, dossier):
    write_dossier(AuditPage(), dossier, folder)
    return folder / "report.html"


def page_of(path):
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    written(folder, makers.full())
    return folder


@pytest.fixture(scope="module")
def full(folder):
    return page_of(folder / "report.html")


@pytest.fixture(scope="module")
def bare_path(tmp_path_factory):
    return written(tmp_path_factory.mktemp("bare"), makers.bare())


@pytest.fixture(scope="module")
def bare(bare_path):
    return page_of(bare_path)


def test_the_decision_comes_first_and_everything_in_order(full):
    assert [section["id"] for section in full.all("section")] == SECTIONS
    assert full.text.index("WITHHELD") < full.text.index("Summary 3")


def test_a_withheld_forecast_says_what_may_be_approved(full, bare):
    assert "research only - not for resource allocation" in full.text
    assert "can be accepted by nobody" in full.text
    assert "There is no group table" in bare.text


@pytest.mark.usefixtures("undrawn")
def test_an_admitted_forecast_says_until_when(tmp_path):
    decision = makers.admitted()
    assert decision.admitted
    page = page_of(written(tmp_path, AuditRecord(decision)))
    assert "ADMITTED May inform resource allocation until 11 January 2022" in page.text
    assert "Nothing needs an approval" in page.text
    assert "research only" not in page.text


@pytest.mark.usefixtures("undrawn")
def test_a_review_that_was_accepted_names_who_and_why(tmp_path):
    decision = makers.reviewed()
    assert decision.reviews
    asked = page_of(written(tmp_path / "asked", AuditRecord(decision)))
    assert "may accept, with a reason: need-adjusted ratio" in asked.text
    approved = makers.approved(decision)
    assert approved.approved
    page = page_of(written(tmp_path / "approved", AuditRecord(approved)))
    assert "APPROVED by a reviewer" in page.text
    assert "R. Viewer accepted need-adjusted ratio" in page.text
    assert "discussed with the panel" in page.text


def test_both_sides_stand_together_at_every_share_and_beside_the_baseline(full):
    captions = [words for words in full.words if "forecaster with interval by weeks, and baseline" in words]
    assert len(captions) == 3
    assert captions[0].startswith("All types by origin, ranked by count")
    for share in (1, 5, 10, 20):
        assert full.text.count(f"{share} % of the active land flagged") >= 3
    assert "5 % of the active land flagged (audited)" in full.text


@pytest.mark.usefixtures("undrawn")
def test_a_share_of_cells_is_called_one(tmp_path):
    report = replace(makers.withheld().report, header=makers.withheld().report.header | {"share_of": "cells"})
    page = page_of(written(tmp_path, makers.full(replace(makers.withheld(), report=report))))
    assert "5 % of the cells flagged (audited)" in page.text
    assert "Flagged is the 5.0% of the cells that ranks" in page.text


def test_every_check_has_a_definition_a_denominator_and_its_interval(full):
    findings = full.text[full.text.index("Only pass speaks for the model") : full.text.index("Which land was flagged")]
    checks = {finding.check for finding in makers.withheld().findings}
    for word in ("Definition", "Divided by", "Compared with", "Interval"):
        assert findings.count(f"{word} ") >= len(checks)
    assert "NAR_g = (sum a s / sum a) / (sum y s / sum y)" in findings


def test_what_was_not_worked_out_is_said_with_the_reason(bare):
    assert bare.text.count("Was not worked out:") >= 9
    for name in SENSITIVITY:
        assert name.replace("_", " ").capitalize() in bare.text
    assert "this run did not ask for it" in bare.text
    assert "this run did not simulate it" in bare.text


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "parts", [("flags", "measures", "gaps", "feedback"), ("grid", "explanation", "frontier", "intake")]
)
def test_the_page_works_without_some_parts_and_says_which(parts, tmp_path):
    why = {part: f"no {part} today" for part in parts}
    page = page_of(written(tmp_path, makers.full(**dict.fromkeys(parts), absent=why)))
    assert all(words in page.text for words in why.values())


@pytest.mark.usefixtures("undrawn")
def test_a_reason_for_an_absent_explanation_check_is_said(tmp_path):
    explained = replace(makers.explanation_of(), robustness=None)
    page = page_of(written(tmp_path, makers.full(explanation=explained)))
    assert "this run did not try the explanation again" in page.text


def test_choices_are_told_in_a_line(full):
    assert "per_km2" in full.text
    lines = full.text[full.text.index("Ranking unit: what changes") :]
    assert "per_km2 0.600 2 of 2 Assault, Upland: 1.10 to 0.660" in lines  # 1.4 becomes 0.84 for both scopes
    assert "per_resident 0.900 0 of 2 Assault, Upland: 1.10 to 0.990" in lines


def test_numbers_that_are_not_there_are_dashes_with_a_reason(full):
    assert "no number: not worked out, or nothing to divide by" in full.text
    assert not re.search(r"\bnan\b|\bNaN\b|\binf\b", full.text)


def test_nothing_is_fetched(folder, full):
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
def test_readers_without_eyes_or_mouse_are_served(name, request):
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


def test_pictures_are_there_for_every_part(full):
    names = [image["alt"] for image in full.all("img")]
    starts = ("Exposure and coverage of groups", "Ratios by group", "Map of how long", "Bars of how strongly")
    starts += ("Attribution gaps", "Distance of learned", "Events covered")
    assert all(any(name.startswith(start) for name in names) for start in starts)
    assert len(names) == 1 + 3 + 2 + 1 + 1 + 1 + 1


def test_the_price_of_caps_is_drawn_as_in_an_allocation(full):
    told = next(image["alt"] for image in full.all("img") if image["alt"].startswith("Events covered"))
    assert told.endswith("no cap: 100.0 %; 2: 98.8 %; 1.5: 95.2 %; 1.25: 89.2 %; 1.1: 80.8 %; 1: 70.0 %.")


@pytest.mark.usefixtures("undrawn")
def test_hostile_labels_are_only_text(tmp_path):
    path = written(tmp_path, makers.hostile())
    page = page_of(path)
    assert page.all("script") == []
    assert not any("onmouseover" in attrs for _, attrs in page.tags)
    assert makers.HOSTILE in page.text
    assert "{{ 7*7 }}" in page.text


def test_the_caveat_is_verbatim(full, bare):
    assert full.text.count(CAVEAT) == bare.text.count(CAVEAT) == 2


def test_the_run_can_be_made_again_from_the_page(full):
    again = full.text[full.text.index("Run it again The run") :]
    for words in ("ilp audit data=toronto", "ilp audit from=FOLDER", "d" * 64, '"fail_below": 0.8', "model_card.md: "):
        assert words in again


def test_the_words_of_the_page_claim_nothing(full):
    assert not re.search(r"\b(fair|fairer|unfair|unbiased|debias\w*|bias-free)\b", full.text, re.IGNORECASE)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="free space there or choose another folder"):
        write_dossier(AuditPage(), makers.bare(), tmp_path / "file")


def test_maps_of_other_cells_and_tables_without_rows_are_refused():
    with pytest.raises(InputError, match=r"Flags of shape .* are not of 2 crime types and 100 cells"):
        makers.full(flags=np.zeros((2, 3, 4)))
    with pytest.raises(InputError, match="rows=0 must be at least 1"):
        AuditPage(rows=0)


@pytest.mark.usefixtures("undrawn")
def test_a_table_of_measures_may_lack_columns(tmp_path):
    table = makers.measures_of(makers.withheld())[
        ["crime_type", "share", "unit", "dimension", "group", "measure", "value"]
    ]
    page = page_of(written(tmp_path, makers.full(measures=table)))
    assert "no interval" in page.text
    empty = page_of(written(tmp_path, makers.full(measures=table.head(0))))
    assert "No group of residents was measured" in empty.text


@pytest.mark.usefixtures("undrawn")
def test_what_the_audit_measures_is_shown_and_valid(tmp_path):
    dossier = makers.measured()
    page = page_of(written(tmp_path, dossier))
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
    assert {row["measure"] for row in content["measures"]} <= {*MEASURES, *CHECKS}
    exposure = next(
        row for row in content["measures"] if row["measure"] == "exposure" and row["check"] and row["group"] == "Upland"
    )
    finding = next(one for one in dossier.decision.findings if (one.check, one.group) == ("exposure", "Upland"))
    assert exposure["value"] == pytest.approx(finding.estimate)
    assert all(f"{share} % of the active land flagged" in page.text for share in (1, 5, 10, 20))
    assert "Areal unit: what changes" in page.text


@pytest.mark.usefixtures("undrawn")
def test_a_table_longer_than_the_page_says_how_many_rows_are_left(tmp_path):
    long = pd.DataFrame({"cell": range(100)})
    write_dossier(AuditPage(rows=30), makers.full(proxies=long), tmp_path)
    assert "70 more rows are in report.json" in page_of(tmp_path / "report.html").text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["folder", "bare_path"])
def test_a_browser_finds_no_barrier_and_enough_contrast(name, request, tmp_path):
    axe, browser = find_axe(), find_browser()
    if axe is None or browser is None:
        pytest.skip("needs chromium and a package that bundles axe-core")
    given = request.getfixturevalue(name)
    found = looked_at(given / "report.html" if given.is_dir() else given, axe, browser, tmp_path)
    assert found["violations"] == []
    assert found["contrast"] > 100


@pytest.mark.slow
def test_the_browser_would_find_a_barrier(bare_path, tmp_path):
    axe, browser = find_axe(), find_browser()
    if axe is None or browser is None:
        pytest.skip("needs chromium and a package that bundles axe-core")
    spoiled = tmp_path / "spoiled.html"
    text = bare_path.read_text(encoding="utf-8").replace('lang="en"', "")
    spoiled.write_text(text.replace("</main>", '<p style="color:#ccc">pale</p><img src="#"></main>'), encoding="utf-8")
    found = {rule for rule, _ in looked_at(spoiled, axe, browser, tmp_path)["violations"]}
    assert {"html-has-lang", "color-contrast", "image-alt"} <= found
