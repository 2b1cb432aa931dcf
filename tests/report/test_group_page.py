"""The page of a matrix of groups: caveat and recipients first, ties shown as ties, numbers that a reader can check."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.browser import Chromium
from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.report.group_page import MAX_MATRIX, GroupEvidence, chance, plot_score_ranges, write_group_page
from tests.report.browser import find_browser
from tests.report.html_page import Page


def group_evidence(count=4, **changes):
    names = [f"G{at:02d}" for at in range(1, count + 1)]
    ties = [" ".join(names[max(at - 1, 1) : at] + names[at + 1 : at + 2]) for at in range(1, count)]
    groups = pd.DataFrame(
        {
            "group": names,
            "members_known_at_least": 5,
            "scorers": 2,
            "rank_from": [1, *range(2, count + 1)],
            "rank_to": [1, *[min(at + 1, count) for at in range(2, count + 1)]],
            "tied_with": ["", *ties],
            "score_low": [60.0 - 10 * min(at, 5) for at in range(count)],
            "score_high": [110.0 - 10 * min(at, 5) for at in range(count)],
            "draw_low": [70.0 - 10 * min(at, 5) for at in range(count)],
            "draw_high": [100.0 - 10 * min(at, 5) for at in range(count)],
            "p_first": [0.995, *[0.005 / max(count - 1, 1)] * (count - 1)],
            "p_first_three": 0.5,
            "attributes": 10,
            "unknown": 2,
            "scorers_differ": 1,
            "low_confidence": 0.25,
        }
    )
    place = np.arange(count)
    apart = np.sign(place - place[:, None]) * np.where(np.abs(place - place[:, None]) > 1, 0.45, 0.2)
    square = pd.DataFrame(0.5 + apart, index=names, columns=names)
    requirement = {"group": "G02", "attribute": "exploitation", "kind": "not known", "unknown_share": 1.0}
    shown = {"by": "attribute", "name": "violence", "pairs": 6, "equal_share": 0.5, "mean_difference": 0.67}
    shown |= {"largest_difference": 2.0, "known_to_some": 1}
    mark = {"attribute": "violence", "component": "harm", "definition": "Uses violence.", "weight": "5"}
    settings = {
        "name": "groups.csv",
        "scheme": "organised_groups",
        "decimals": 0,
        "conclusions": ("G01 ranks first.", "3 of 6 pairs of groups are separated."),
        "authorisation": {
            "authorised_by": "A. Uthoriser",
            "prepared_by": "P. Reparer",
            "reviewer": "R. Viewer",
            "purpose": "plan prevention",
            "legal_basis": "police act",
            "recipients": ("Head of Prevention", "Oversight Board"),
            "complaints": "Ombudsman",
            "review_date": "2027-06-30",
            "retention_until": "2027-12-31",
            "min_members": 3,
        },
        "until": "2027-06-30",
        "groups": groups,
        "outranks": square,
        "rank_shares": pd.DataFrame(1 / count, index=names, columns=range(count)),
        "requirements": pd.DataFrame([{**requirement, "bits": 0.32, "pairs": 0.5}] * 14),
        "disagreement": pd.DataFrame([shown, {**shown, "by": "group", "name": "G01"}]),
        "attributes": pd.DataFrame([mark]),
        "bounds": (0.0, 124.0),
        "facts": {"aggregation": "weighted sum", "digest of the matrix": "a" * 64},
        "separation": 0.9,
        "written": "2027-01-05 09:30 UTC",
    }
    return GroupEvidence(**{**settings, **changes})


def page_of(folder, **changes):
    return write_group_page(folder / "groups.html", group_evidence(**changes))


@pytest.fixture
def page(tmp_path, undrawn):
    return Page(page_of(tmp_path).read_text())


def test_the_page_says_first_what_it_may_not_be_used_for_and_for_whom_it_is(page):
    start = page.text.index(GROUP_CAVEAT)
    assert start < page.text.index("What the matrix shows")
    for words in (
        "For Head of Prevention, Oversight Board only.",
        "Not to be used from 2027-06-30 on.",
        "Authorised by A. Uthoriser",
    ):
        assert start < page.text.index(words) < page.text.index("What the matrix shows")
    assert page.text.endswith(GROUP_CAVEAT)


def test_conclusion_comes_before_the_table_and_is_stressed(page):
    assert page.text.index("G01 ranks first.") < page.text.index("Ranks that the evidence leaves open")
    assert page.all("strong")


def test_open_ranks_and_ties_are_shown(page):
    assert "2 to 3" in page.text
    assert "G03, G02" not in page.text
    assert {"better", "worse", "tie"} <= {one.get("class") for one in page.all("td")}
    assert page.text.count("tie ") >= 2 * 3  # each tied pair in both directions


def test_ten_requirements_are_listed_and_the_rest_is_counted(page):
    assert page.text.count("0.32 bits") == 10
    assert "4 more are in requirements.csv" in page.text


def test_many_groups_have_no_table_of_pairs(tmp_path, undrawn):
    text = Page(page_of(tmp_path, count=MAX_MATRIX + 1).read_text()).text
    assert "too many groups for a table of all pairs" in text
    assert "Probability of each rank" not in text


def test_a_page_without_open_judgements_says_so(tmp_path, undrawn):
    empty = group_evidence().requirements.head(0)
    assert "known to all scorers, and they agree" in Page(page_of(tmp_path, requirements=empty).read_text()).text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "< 1 %"), (0.004, "< 1 %"), (0.01, "1 %"), (0.5, "50 %"), (0.99, "99 %"), (1, "> 99 %")]
)
def test_draws_show_neither_certainty_nor_impossibility(value, text):
    assert chance(value).replace("\N{NO-BREAK SPACE}", " ") == text


def test_the_figure_draws_the_first_forty_groups_within_the_bounds():
    axes = plot_score_ranges(group_evidence(count=50)).axes[0]
    assert len(axes.patches) == 40
    assert axes.get_xlim() == (0, 124)
    assert axes.patches[0].get_x() == 70
    assert axes.patches[0].get_width() == 30


def test_tables_scroll_and_the_page_does_not_on_a_phone(tmp_path):
    if find_browser() is None:
        pytest.skip("needs chromium")
    with Chromium(page_of(tmp_path, count=12), 390, 844) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") <= shown.evaluate("window.innerWidth")
