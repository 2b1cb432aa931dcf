"""Pages of an allocation, and the figure of price against equity."""

import re

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from ilp_models.report.allocation_figures import draw_frontier, frontier_words
from ilp_models.report.products import Briefing, BriefingColumn, Section, write_briefing

FRONTIER = pd.DataFrame(
    {
        "cap": np.repeat([np.inf, 1.5, 1.0], 2),
        "group": ["hill", "$hore"] * 3,
        "of_uncapped": np.repeat([1.0, 0.98, np.nan], 2),
        "exposure_ratio": [1.8, 0.6, 1.4, 0.8, np.nan, np.nan],
        "coverage": [0.4, 0.3, 0.36, 0.33, np.nan, np.nan],
    }
)
TABLE = pd.DataFrame({"area": ["<b>Annex</b>", ""], "effort": [2.0, np.nan], "share": [0.25, 0.0]})
COLUMNS = (
    BriefingColumn("area", "Area", "text"),
    BriefingColumn("effort", "Effort"),
    BriefingColumn("share", "Share", "percent"),
)


def product(*sections):
    return Briefing(
        "shift",
        "Areas of the shift",
        "3 January",
        "Six cells",
        "ADMITTED",
        "9 January",
        "abc",
        ("Why.",),
        sections,
        {"seed": "0"},
    )


@pytest.fixture
def page(tmp_path):
    path = write_briefing(
        tmp_path / "shift.html",
        product(Section("Areas", ("Words.",), TABLE, COLUMNS), Section("None here", (), TABLE[:0], COLUMNS)),
    )
    return path.read_text()


def test_a_page_says_what_it_rests_on_for_whom_and_what_it_does_not_show(page):
    for words in ("For shift leaders", "Rests on decision abc, which holds until 9 January", "not grounds for a stop"):
        assert words in page
    assert "ecological fallacy" in page
    assert "<p>None.</p>" in page


def test_a_page_escapes_names_and_shows_numbers_as_people_write_them(page):
    assert "<b>Annex" not in page
    assert "&lt;b&gt;Annex" in page
    assert re.search(r'<td class="n">25\.0\s%</td>', page)
    assert ">nan" not in page


def test_a_page_needs_no_network_and_no_script(page):
    assert "<script" not in page
    assert "http" not in page
    assert len(re.findall(r'<th scope="col"', page)) == len(COLUMNS)
    assert len(re.findall(r'<th scope="row"', page)) == len(TABLE)


def test_the_frontier_is_drawn_and_told(tmp_path):
    path = draw_frontier(tmp_path / "frontier.png", FRONTIER, 1.5)
    assert matplotlib.image.imread(path).shape[1] > 800
    assert frontier_words(FRONTIER) == (
        "Covered under each cap, of what is covered without one: no cap: 100.0 %; 1.5: 98.0 %; 1: \N{EN DASH}."
    )
