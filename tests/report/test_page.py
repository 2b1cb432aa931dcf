import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.report.audit.findings import summarise_checks
from ilp_models.report.page import Report
from ilp_models.report.weekly_report import compose_weekly
from tests.report.report_makers import evidence_of, scores_of

VOID = {"meta", "img", "input", "br", "link", "hr"}
SECTIONS = ["decision", "numbers", "places", "comparison", "explanation", "audit", "intake", "provenance", "caveats"]


class Page(HTMLParser):
    """The tags, attributes and visible text of a page; unbalanced tags are an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page_of(folder, evidence, report=None):
    report = report or Report()
    path = report.write(folder, compose_weekly(report, evidence, folder / "figures"))
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def withheld(tmp_path_factory):
    return page_of(tmp_path_factory.mktemp("withheld"), evidence_of(groups=()))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return compose_weekly(Report(), evidence_of(), tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def admitted(content, tmp_path_factory):
    return Page(Report().write(tmp_path_factory.mktemp("admitted"), content).read_text(encoding="utf-8"))


def test_the_size_of_attributions_names_no_method_as_forecasters_have_others(content):
    assert content.importance.caption.startswith("Mean size of each feature's attribution over all units")


def test_sections_stand_in_order(withheld):
    assert [section["id"] for section in withheld.all("section")] == SECTIONS


def test_a_withheld_forecast_says_so_on_its_face(withheld):
    assert "WITHHELD research only - not for resource allocation" in withheld.text.replace("✗ ", "")
    assert "No group of residents was audited" in withheld.text
    assert "ADMITTED" not in withheld.text


def test_an_admitted_forecast_says_until_when(admitted):
    assert "ADMITTED" in admitted.text
    assert "for Monday 3 to Sunday 9 January 2022; the decision holds until 1 January 2999" in admitted.text
    assert "research only" not in admitted.text
    assert "WITHHELD" not in admitted.text


def test_nothing_is_fetched(admitted):
    for tag, attrs in admitted.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href", "srcset", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:image/png;base64,")), (tag, attrs.get(name, "")[:60])


def test_style_fetches_nothing(content, tmp_path):
    text = Report().write(tmp_path, content).read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert len(text) < 5_000_000


def test_readers_without_eyes_or_mouse_are_served(admitted):
    html = admitted.all("html")[0]
    assert html["lang"] == "en"
    assert all(len(image["alt"]) > 40 for image in admitted.all("img"))
    assert len(admitted.all("img")) == 2 + 3
    assert len(admitted.all("caption")) == len(admitted.all("table"))
    assert all(cell.get("scope") in ("col", "row", "rowgroup") for cell in admitted.all("th"))
    labels = {label["for"] for label in admitted.all("label")}
    assert labels == {radio["id"] for radio in admitted.all("input")}
    ids = [attrs["id"] for _, attrs in admitted.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {link["href"].removeprefix("#") for link in admitted.all("a")}
    assert targets <= set(ids)


def test_states_are_words(content, tmp_path):
    states = ("pass", "fail", "review", "insufficient", "reported")
    checks = tuple(replace(content.checks[0], check=state, state=state) for state in states)
    Report().write(tmp_path, replace(content, checks=checks))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    audit = page.text[page.text.index("not judged. A missing check") :]
    for shown in ("✓ pass", "✗ fail", "! review", "? insufficient", "\N{EN DASH} reported"):
        assert shown in audit


def test_the_caveat_is_verbatim(admitted):
    assert CAVEAT in admitted.text


def test_numbers_of_the_comparison(admitted):
    text = admitted.text
    assert "ewma this forecast 0.2000 +20.00 % [+20.00 %, +20.00 %]" in text  # 1 - 0.20 / 0.25
    assert "moving_average baseline 0.2500 +0.00 %" in text
    assert text.index("moving_average baseline") < text.index("Not forecasters") < text.index("floor (ewma)")
    assert text.index("floor (ewma)") < text.index("oracle 0.0100")


def test_hostile_labels_are_only_text(tmp_path):
    hostile = ("<script>alert(1)</script>", '" onmouseover="x', "a & b $x$ {{ 7*7 }}")
    page = page_of(tmp_path, evidence_of(types=hostile, area=hostile[0]))
    assert page.all("script") == []
    assert not any("onmouseover" in attrs for _, attrs in page.tags)
    assert all(label in page.text for label in hostile)


def test_too_few_periods_for_an_interval_are_named(content, tmp_path):
    evidence = replace(evidence_of(), scores=scores_of(weeks=3))
    numbers = {item.label: item for item in compose_weekly(Report(), evidence, tmp_path).key_numbers}
    assert numbers["skill over moving_average"].note == "tie; too few periods for an interval"
    assert {item.label: item.value for item in content.key_numbers}[
        "of events on 5 % of the land"
    ] == "30.0\N{NO-BREAK SPACE}%"


def test_key_numbers_carry_their_intervals(content):
    notes = {item.label: item.note.replace("\N{NO-BREAK SPACE}", " ") for item in content.key_numbers}
    assert notes["of events on 5 % of the land"].startswith("[30.0 %, 30.0 %]; PAI 6.00")
    assert notes["forecast / happened"].startswith("[0.900, 0.900]")
    assert notes["of counts in the 90 % interval"].startswith("[97.0 %, 97.0 %]")


def test_a_forecaster_without_explanation_says_so(tmp_path):
    page = page_of(tmp_path, evidence_of(explained=False))
    assert "ewma has no explanation by features." in page.text
    assert "no explanation for this forecaster" in page.text


def test_a_failed_write_keeps_the_page_of_before(content, tmp_path):
    path = Report().write(tmp_path, content)
    before = path.read_bytes()
    gone = replace(content, importance=replace(content.importance, path=tmp_path / "missing.png"))
    with pytest.raises(StorageError, match=r"missing.png cannot be read"):
        Report().write(tmp_path, gone)
    assert path.read_bytes() == before
    assert not [name for name in tmp_path.iterdir() if name.name.startswith(".report")]


def test_checks_are_gathered_as_on_the_page_of_an_audit(withheld):
    gathered = summarise_checks(evidence_of(groups=()).decision.report)
    summaries = [f"{check.state} {check.label} {check.tally}" for check in gathered]
    places = [withheld.text.index(words) for words in summaries]
    assert places == sorted(places)
    advice = [row["advice"] for check in gathered for _, _, rows in check.parts for row in rows]
    assert all(words in withheld.text for words in advice)


def test_an_audit_without_findings_is_named(content, tmp_path):
    Report().write(tmp_path, replace(content, checks=()))
    assert "No check has run." in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text


def test_contrast_of_text_is_at_least_aa():
    from importlib.resources import files

    style = files("ilp_models.report").joinpath("templates/style.css").read_text()
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", style))
    pale = {"good": "#eef8f0", "bad": "#fdf0f0", "warn": "#fff7e6", "soft": colours["pale"], "ink": colours["pale"]}
    for name, ground in pale.items():
        assert contrast(colours[name], ground) >= 4.5
    assert contrast("#ffffff", colours["bad"]) >= 4.5
    assert contrast("#ffffff", colours["good"]) >= 4.5


def contrast(one, other):
    light = sorted((luminance(one), luminance(other)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def luminance(colour):
    channel = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channel <= 0.03928, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("settings", [{"top_cells": 0}, {"features": 0}])
def test_lists_without_an_entry_are_refused(settings):
    with pytest.raises(InputError, match="must be at least 1"):
        Report(**settings)
