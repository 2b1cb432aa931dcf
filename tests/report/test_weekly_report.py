import re
from dataclasses import replace

import numpy as np
import pytest

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.family_reasons import FAMILY_KEYS
from ilp_models.report.audit.check_summaries import summarise_checks
from ilp_models.report.weekly_report import WeeklyReport, compose_weekly
from tests.report.comparison_evidence import skills_of
from tests.report.html_page import Page, contrast
from tests.report.weekly_evidence import evidence_of, scores_of

pytestmark = pytest.mark.slow

SECTIONS = ["decision", "numbers", "places", "comparison", "explanation", "audit", "intake", "provenance", "caveats"]


def page_of(folder, evidence, report=None):
    report = report or WeeklyReport()
    path = report.write(folder, compose_weekly(report, evidence, folder / "figures"))
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def withheld(tmp_path_factory):
    return page_of(tmp_path_factory.mktemp("withheld"), evidence_of(groups=()))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return compose_weekly(WeeklyReport(), evidence_of(), tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def admitted(content, tmp_path_factory):
    return Page(WeeklyReport().write(tmp_path_factory.mktemp("admitted"), content).read_text(encoding="utf-8"))


def test_the_chart_of_families_names_no_method_and_no_variable(content):
    assert content.families.caption.startswith("Why cells differ from the mean cell of the city")
    assert content.families.alt.endswith("the largest is usual level here, 75\N{NO-BREAK SPACE}%.")


def test_sections_are_in_order(withheld):
    assert [section["id"] for section in withheld.all("section")] == SECTIONS


def test_a_withheld_forecast_is_marked_at_the_top(withheld):
    assert "WITHHELD research only - not for resource allocation" in withheld.text.replace("✗ ", "")
    assert "No group of residents was audited" in withheld.text
    assert "ADMITTED" not in withheld.text


def test_an_admitted_forecast_states_until_when(admitted):
    assert "ADMITTED" in admitted.text
    assert "for Monday 3 to Sunday 9 January 2022. The decision is valid until 1 January 2999" in admitted.text
    assert "research only" not in admitted.text
    assert "WITHHELD" not in admitted.text


def test_the_page_loads_nothing(admitted):
    assert admitted.all("script") == [{"type": "application/json", "id": "map-data"}, {}]  # data, and that of the map
    for tag, attrs in admitted.tags:
        assert tag not in ("link", "iframe", "object")
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("src", "href", "srcset", "action"):
            allowed = ("#", "data:image/png;base64,", "geo:", "front.html")
            assert attrs.get(name, "#").startswith(allowed), (tag, attrs.get(name, "")[:60])


def test_the_style_loads_nothing(content, tmp_path):
    text = WeeklyReport().write(tmp_path, content).read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert len(text) < 5_000_000


def test_the_page_works_with_keyboard_and_screen_reader(admitted):
    html = admitted.all("html")[0]
    assert html["lang"] == "en"
    assert all(len(image["alt"]) > 40 for image in admitted.all("img"))
    assert len(admitted.all("img")) == 2 + 3
    assert len(admitted.all("caption")) == len(admitted.all("table"))
    assert all(cell.get("scope") in ("col", "row", "rowgroup") for cell in admitted.all("th"))
    labels = {label["for"] for label in admitted.all("label") if "for" in label}
    assert labels == {radio["id"] for radio in admitted.all("input")}
    ids = [attrs["id"] for _, attrs in admitted.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {link["href"][1:] for link in admitted.all("a") if link["href"].startswith("#")}
    assert targets <= set(ids)


def test_states_are_words(content, tmp_path):
    states = ("pass", "fail", "review", "insufficient", "reported")
    checks = tuple(replace(content.checks[0], check=state, state=state) for state in states)
    WeeklyReport().write(tmp_path, replace(content, checks=checks))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    audit = page.text[page.text.index("a missing check counts as not passed") :]
    for shown in ("✓ pass", "✗ fail", "! review", "? insufficient", "\N{EN DASH} reported"):
        assert shown in audit


def test_the_caveat_is_verbatim(admitted):
    assert CAVEAT in admitted.text


def test_numbers_of_the_comparison(admitted):
    text = admitted.text
    assert "ewma this forecast 0.2000 +20.00 % [+20.00 %, +20.00 %]" in text  # 1 - 0.20 / 0.25
    assert "moving_average baseline 0.2500 +0.00 %" in text
    assert text.index("moving_average baseline") < text.index("Not forecasters") < text.index("ceiling (ewma)")
    assert text.index("ceiling (ewma)") < text.index("oracle 0.0100")


def test_hostile_labels_are_escaped(tmp_path):
    hostile = ("<script>alert(1)</script>", '" onmouseover="x', "a & b $x$ {{ 7*7 }}")
    page = page_of(tmp_path, evidence_of(types=hostile, area=hostile[0]))
    assert len(page.all("script")) == 2
    assert not any("onmouseover" in attrs for _, attrs in page.tags)
    assert all(label in page.text for label in hostile)


def test_the_page_says_when_periods_are_too_few_for_an_interval(content, tmp_path):
    few = scores_of(weeks=3)
    evidence = replace(evidence_of(), scores=few, skill=skills_of(few, "moving_average"))
    numbers = {item.label: item for item in compose_weekly(WeeklyReport(), evidence, tmp_path).key_numbers}
    assert (
        numbers["forecast error removed, compared with moving_average (skill)"].note
        == "tie; too few periods for an interval"
    )
    assert {item.label: item.value for item in content.key_numbers}[
        "of crime captured on 5 % of the area"
    ] == "30.0\N{NO-BREAK SPACE}%"


def test_key_numbers_have_their_intervals(content):
    notes = {item.label: item.note.replace("\N{NO-BREAK SPACE}", " ") for item in content.key_numbers}
    assert notes["of crime captured on 5 % of the area"].startswith("[30.0 %, 30.0 %]; backtest, active area; PAI 6.00")
    assert notes["expected / recorded crimes"].startswith("[0.900, 0.900]")
    assert notes["of counts inside the 90 % interval"].startswith("[97.0 %, 97.0 %]")


def test_the_highest_cells_have_their_counts_and_reasons_in_words(admitted):
    assert "3 recorded in r0c1." in admitted.words
    assert not re.search(r"\bx\d", admitted.text)


def test_a_forecast_without_differences_between_cells_says_so(tmp_path):
    evidence = evidence_of()
    alike = evidence.reasons.assign(**dict.fromkeys(FAMILY_KEYS.values(), 0.0))
    page = page_of(tmp_path, replace(evidence, reasons=alike))
    assert "No cell differs from the mean cell of the city." in page.text


def test_cells_that_depend_on_single_points_are_in_the_caption_of_their_map(tmp_path):
    evidence = evidence_of()
    kind = str(evidence.forecast.expected.indexes["crime_type"][0])
    shares = np.zeros(len(evidence.grid))
    shares[[1, 4]] = 0.5, 1.0
    made = compose_weekly(WeeklyReport(), replace(evidence, overused={kind: shares}), tmp_path)
    captions = [section.map.caption for section in made.types]
    assert "A cross marks the 2 cells with half of their records, or more, at single points" in captions[0]
    assert all("A cross" not in caption for caption in captions[1:])


def test_a_failed_write_leaves_the_old_page(content, tmp_path):
    path = WeeklyReport().write(tmp_path, content)
    before = path.read_bytes()
    gone = replace(content, families=replace(content.families, path=tmp_path / "missing.png"))
    with pytest.raises(StorageError, match=r"missing.png cannot be read"):
        WeeklyReport().write(tmp_path, gone)
    assert path.read_bytes() == before
    assert not [name for name in tmp_path.iterdir() if name.name.startswith(".report")]


def test_checks_are_summarised_as_on_the_audit_page(withheld):
    gathered = summarise_checks(evidence_of(groups=()).decision.report)
    summaries = [f"{check.state} {check.label} {check.count}" for check in gathered]
    places = [withheld.text.index(words) for words in summaries]
    assert places == sorted(places)
    advice = [row["advice"] for check in gathered for _, _, rows in check.parts for row in rows]
    assert all(words in withheld.text for words in advice)


def test_an_audit_without_findings_is_stated(content, tmp_path):
    WeeklyReport().write(tmp_path, replace(content, checks=()))
    assert "No check was run." in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text


def test_contrast_of_text_is_at_least_aa():
    from importlib.resources import files

    style = files("ilp_models.report").joinpath("templates/style.css").read_text()
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", style))
    pale = {"good": "#eef8f0", "bad": "#fdf0f0", "warn": "#fff7e6", "soft": colours["pale"], "ink": colours["pale"]}
    for name, ground in pale.items():
        assert contrast(colours[name], ground) >= 4.5
    assert contrast("#ffffff", colours["bad"]) >= 4.5
    assert contrast("#ffffff", colours["good"]) >= 4.5


def test_zero_cells_are_an_error():
    with pytest.raises(InputError, match="must be at least 1"):
        WeeklyReport(top_cells=0)
