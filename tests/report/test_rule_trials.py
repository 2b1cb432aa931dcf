"""The section on the rules that a search tried, on the pages of the week and of the audit."""

import re
from dataclasses import replace

import pytest

from ilp_models.domain.finding import Limit
from ilp_models.report.audit.rule_trials import plot_trials, rule_section
from ilp_models.report.weekly_report import WeeklyReport, compose_weekly
from tests.domain.test_rule_trials import header, trial
from tests.report import audit_records as records
from tests.report.html_page import Page
from tests.report.weekly_evidence import evidence_of


def ratio(value, low, high, group=""):
    about = {"crime_type": "Assault", "dimension": "income", "group": group}
    return {"value": value, "low": low, "high": high, **about}


def complete(one, coverage=0.8):
    worst = {"coverage_ratio": ratio(coverage, coverage - 0.1, coverage + 0.1), "need_adjusted_ratio": None}
    return {**one, "worst": worst}


def searched():
    found = header(
        complete(trial("wide", cost=-0.125, covered=0.3)), {"name": "tight", "error": "The period from 2024-03-04: no."}
    )
    found["rule_search"]["trials"][0] |= complete(trial("", cost=0.0, failed=["coverage_ratio"])) | {
        "name": "the audited rule"
    }
    found["rule_search"]["trials"][0]["cost"] = {"value": 0.0, "low": 0.0, "high": 0.0}
    return found


def with_search(decision):
    report = replace(decision.report, header={**decision.report.header, **searched()})
    return replace(decision, report=report)


def test_a_row_says_what_a_plan_covers_more_or_less_and_errors_stand_below_the_table(tmp_path):
    section = rule_section(with_search(records.withheld()), tmp_path)
    rows = [dict(zip(section.table.labels, row, strict=True)) for row in section.table.rows]
    change = next(name for name in section.table.labels if "against the audited rule" in name)
    assert [row[change] for row in rows] == ["0", "+12.5 (+12.0 to +13.0)", "\N{EN DASH}"]
    assert rows[1]["Events covered, %"] == "30.0 (29.0 to 31.0)"
    assert rows[1]["Lowest coverage ratio"] == "0.800 (0.700 to 0.900; Assault, income)"
    assert rows[2]["Checks"] == "could not be planned; see below"
    assert section.unplanned == ((3, "The period from 2024-03-04: no."),)
    assert "[" not in "".join("".join(row) for row in section.table.rows)


def test_the_lines_of_the_figure_are_the_limits_of_the_audit():
    figure = plot_trials([complete(trial("wide"))], Limit(fail_below=0.98, warn_below=0.99))
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert {"fails below 0.98", "review below 0.99"} <= set(labels)


def test_without_a_search_there_is_no_section(tmp_path):
    assert rule_section(records.withheld(), tmp_path) is None


@pytest.mark.parametrize(
    ("withheld", "words"), [(True, "Remedies found among 3 plans"), (False, "3 plans were compared")]
)
def test_the_page_of_the_week_shows_what_was_tried(tmp_path, withheld, words):
    evidence = evidence_of(**({"groups": ()} if withheld else {}))
    content = compose_weekly(WeeklyReport(), replace(evidence, decision=with_search(evidence.decision)), tmp_path)
    page = Page(WeeklyReport().write(tmp_path, content).read_text())
    assert content.verdict.admitted is not withheld
    assert words in page.text
    assert "The period from 2024-03-04: no." in page.text
    assert not re.search(r"\[\d", " ".join(content.rules.lines))
