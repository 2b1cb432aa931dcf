"""Check every page except the audit page in a browser: accessibility, contrast and printed pages."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.browser import Chromium
from ilp_models.domain.disclaimers import RESEARCH_ONLY
from ilp_models.domain.timing import SIMULATED
from ilp_models.report.briefing import Briefing, BriefingColumn, Card, Section, write_briefing
from ilp_models.report.comparison.page import ComparisonReport
from ilp_models.report.front_page import Total
from ilp_models.report.intake_page import write_intake_page
from ilp_models.report.monitor_page import write_monitor_page
from ilp_models.report.page import FigureFile
from ilp_models.report.plots import plot_frontier, save_figure
from ilp_models.report.weekly_report import WeeklyReport, compose_weekly
from tests.pipeline.test_evaluation import page_with_dose
from tests.report.browser import axe_result, find_axe, find_browser, printed_pages
from tests.report.comparison_evidence import comparison_evidence
from tests.report.front_pages import last_of
from tests.report.test_approval_page import page_of
from tests.report.test_front_page import page_with
from tests.report.test_group_page import page_of as page_of_groups
from tests.report.test_intake_page import evidence as intake_evidence
from tests.report.test_interactive_map import map_of
from tests.report.test_monitor_page import evidence as monitor_evidence
from tests.report.test_plots import FRONTIER
from tests.report.weekly_evidence import evidence_of

REASONS = (
    "About 5 a week here over the past year; last four weeks 6, 4. Up 6 % because neighbouring squares were busier."
)
ROW = {
    "cell": "E684500N4707000",
    "area": "Waterfront Communities-The Island (77)",
    "group": "born here",
    "cap": "1.25",
    "place": "Church-Yonge Corridor, south",
    "effort": 1.0,
    "expected": 5.16,
    "share": 0.341,
    "crime": "vehicle_theft",
    "interval": "0 to 6",
    "reasons": REASONS,
    "trend": "no change shown",
}
NUMBERS = (BriefingColumn("effort", "Effort, cells"), BriefingColumn("expected", "Expected events"))
SHARES = (
    BriefingColumn("share", "Share of effort", "percent"),
    BriefingColumn("share", "Expected events covered", "percent"),
)
PLACE = BriefingColumn("place", "Place", "text")
AREA, CELL = BriefingColumn("area", "Area", "short"), BriefingColumn("cell", "Cell", "short")
# Tables of each audience, with as many rows as a large city has.
TABLES = {
    "management": [
        ("Plan", 16, (AREA, *NUMBERS, *SHARES)),
        ("Groups", 4, (BriefingColumn("group", "Group", "text"), *NUMBERS, *SHARES)),
        ("Price against equity", 6, (BriefingColumn("cap", "Cap on the exposure ratio", "text"), *SHARES)),
    ],
    "middle": [
        ("The week by district", 16, (AREA, *NUMBERS, *SHARES)),
        ("Map", 0, ()),
        ("Cells with effort", 20, (PLACE, CELL, *NUMBERS, SHARES[0])),
    ],
}
LEVELS = (*TABLES, "shift", "community")
PARAGRAPHS = ("Most intervals begin at no event: a cell on this list is no place where something will happen. " * 2,)


def weekly(folder, groups):
    report = WeeklyReport()
    evidence = replace(evidence_of(**groups), last=last_of(new=np.zeros(9, bool)))
    return report.write(folder, compose_weekly(report, evidence, folder / "figures"))


def cards_of(level):
    """Return the cards of a shift or of the neighbourhoods of a city."""
    facts = tuple((f"crime type {n}: expected, and range", "5.16, 1 to 12") for n in range(5))
    shift = Card(
        "King Street, Annex (95), north", facts, ("When: at night.", "Why:"), (REASONS,), (43.7, -79.4), 0, ("N:",)
    )
    area = Card("Annex (95)", lines=("145 crimes were recorded here.", "More than before.", "Ask."), folded=True)
    return (shift,) * 10 if level == "shift" else (area,) * 140


def harm_section():
    """Return events and harm covered under two sets, as a run with harm sets writes them."""
    rows = [
        ("Events", "34.2 %", "every crime counts the same"),
        (
            "Harm, csi_2009",
            "34.2 % to 34.3 %",
            "Crime Severity Index weights, Canada (2009); share of the convicted x days",
        ),
        (
            "Harm, ons_css",
            "33.6 % to 34.1 %",
            "Crime Severity Score weights, England and Wales (tool of 2016-2018); days",
        ),
    ]
    names = ("counted", "covered", "about")
    columns = tuple(
        BriefingColumn(name, name, kind) for name, kind in zip(names, ("short", "short", "text"), strict=True)
    )
    paragraphs = ("The plan maximises: expected count covered. A range shows the lowest and the highest reading.",)
    return Section("Events and harm", paragraphs, pd.DataFrame(rows, columns=names), columns, css_class="harm")


def plan(folder, level, *, harm=False):
    """Return a briefing with the rows of a large city."""
    frontier = save_figure(plot_frontier(FRONTIER, 1.5), folder / "frontier.png")
    figure = FigureFile(frontier, "Lines of what is covered under each cap on exposure.", "Price under caps.")
    pictured = {"management": 2, "middle": 1}.get(level, -1)
    sections: list[Section] = [
        Section("Where", (), figure=figure, map=map_of()),
        Section("Places", PARAGRAPHS, cards=cards_of(level)),
    ]
    sections = (
        sections
        if level not in TABLES
        else [
            Section(title, PARAGRAPHS, pd.DataFrame([ROW] * rows), columns, figure if at == pictured else None)
            for at, (title, rows, columns) in enumerate(TABLES[level])
        ]
    )
    sections[1:1] = [harm_section()] if harm else []
    facts = dict.fromkeys(("forecast", "data"), "23c275f46db793c08cd1f3a37037dc0a6733d26fd889491716751dacd4312262")
    facts |= dict.fromkeys(("decision", "forecaster", "recipe", "cutoff", "code", "seed"), "ilp_models 0.1.0")
    briefing = Briefing(
        level,
        "Areas and effort",
        "Monday 3 to Sunday 9 January 2022",
        "The plan covers 31 % of the expected crimes with 32 cells in each period (method: top areas; objective: "
        "expected count covered). Decided by A. Planner: status quo",
        ("12.5 % of the effort was set by hand (limit 20 %).", "Exposure ratio of income/low is 1.3."),
        "WITHHELD BY THE GATE, APPROVED BY A REVIEWER",
        "9 January 2022, 12:00 UTC",
        "08979df565fe7e5e",
        (
            "All 30 required checks passed for every crime type and group.",
            "Changed: audit.land_share=0.1 (default 0.05).",
        ),
        tuple(sections),
        facts,
    )
    return write_briefing(folder / f"{level}.html", briefing)


def approval(folder):
    page_of(folder)
    return folder / "approval.html"


PAGES = {
    "week admitted": lambda folder: weekly(folder, {}),
    "front page": lambda folder: page_with().write(folder),
    "front page withheld": lambda folder: page_with(admitted=False, mark="research only", places=()).write(folder),
    "week withheld": lambda folder: weekly(folder, {"groups": ()}),
    "comparison": lambda folder: ComparisonReport().write(folder, comparison_evidence())[0],
    "intake": lambda folder: write_intake_page(folder, intake_evidence()),
    "approval": lambda folder: approval(folder),
    "trial": page_with_dose,
    "groups": lambda folder: page_of_groups(folder, count=8),
    "monitor quiet": lambda folder: write_monitor_page(folder, monitor_evidence())[0],
    "monitor proposal": lambda folder: write_monitor_page(folder, monitor_evidence("ilp withdraw reason='why'"))[0],
    **{level: (lambda folder, level=level: plan(folder, level)) for level in LEVELS},
}


@pytest.fixture
def browser():
    found = find_browser()
    if found is None:
        pytest.skip("needs chromium")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation_and_enough_contrast(name, browser, tmp_path):
    axe = find_axe()
    if axe is None:
        pytest.skip("needs a package that bundles axe-core")
    page = PAGES[name](tmp_path)
    # every crime type of the weekly page is looked at, not only the one that is open
    shown = re.sub(r"\.panel \{ display: none; \}", "", page.read_text(encoding="utf-8"))
    page.write_text(shown, encoding="utf-8")
    found = axe_result(page, axe, browser, tmp_path)
    assert found["violations"] == []
    assert found["contrast"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("level", TABLES)
@pytest.mark.parametrize("harm", [False, True])
def test_a_briefing_prints_on_one_page(level, harm, browser, tmp_path):
    assert printed_pages(plan(tmp_path, level, harm=harm), browser, tmp_path) == 1


@pytest.mark.slow
def test_a_shift_prints_on_three_pages(browser, tmp_path):
    assert printed_pages(plan(tmp_path, "shift"), browser, tmp_path) <= 3


@pytest.mark.slow
@pytest.mark.parametrize("admitted", [True, False])
def test_the_front_page_prints_on_one_page_and_fits_one_screen(admitted, browser, tmp_path):
    kinds = tuple(Total(f"Crime type {n}", 60.0, (50.0, 70.0), 55.0, 54.0) for n in range(9))
    shown = {"mark": "" if admitted else RESEARCH_ONLY, "note": SIMULATED}
    page = page_with(totals=kinds, admitted=admitted, **shown).write(tmp_path)
    assert printed_pages(page, browser, tmp_path) == 1
    with Chromium(page, 1280, 1000) as shown:
        assert shown.evaluate("document.getElementById('last').getBoundingClientRect().bottom") < 800
