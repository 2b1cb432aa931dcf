import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.report.briefing import Briefing, BriefingColumn, Section, write_briefing

TABLE = pd.DataFrame({"area": ["<b>Annex</b>", ""], "effort": [2.0, np.nan], "share": [0.25, 0.0]})
COLUMNS = (
    BriefingColumn("area", "Area", "text"),
    BriefingColumn("effort", "Effort"),
    BriefingColumn("share", "Share", "percent"),
)


def briefing(*sections):
    return Briefing(
        "shift",
        "Areas of the shift",
        "3 January",
        "Six cells",
        ("12.5 % of the effort was set by hand (limit 20 %).",),
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
        briefing(Section("Areas", ("Words.",), TABLE, COLUMNS), Section("None here", (), TABLE[:0], COLUMNS)),
    )
    return path.read_text()


def test_a_page_says_what_it_rests_on_for_whom_and_what_it_does_not_show(page):
    for words in ("For shift leaders", "Based on decision abc, valid until 9 January", "not grounds for a stop"):
        assert words in page
    assert "ecological fallacy" in page
    assert "<p>None.</p>" in page


def test_a_page_escapes_names_and_shows_numbers_as_people_write_them(page):
    assert "<b>Annex" not in page
    assert "&lt;b&gt;Annex" in page
    assert re.search(r'<td class="n" data-label="Share">25\.0\s%</td>', page)
    assert ">nan" not in page


def test_whole_amounts_have_no_decimals_and_changes_have_a_sign(tmp_path):
    kinds = ("count", "change", "change", "count")
    rows = pd.DataFrame([[1.0, 0.0688, -0.81, np.nan], [2.5, -0.01, 12.0, 1200.0]], columns=list("abcd"))
    columns = tuple(BriefingColumn(name, name, kind) for name, kind in zip("abcd", kinds, strict=True))
    shown = Section("Areas", (), rows, columns).rows
    assert shown == [["1", "+0.1", "-0.8", "\N{EN DASH}"], ["2.5", "0.0", "+12.0", "1,200"]]


def test_an_accepted_review_is_amber_and_a_pass_is_not(tmp_path):
    for accepted, css in ((True, "accepted"), (False, "admitted")):
        page = write_briefing(tmp_path / "a.html", replace(briefing(), accepted=accepted)).read_text()
        assert f'class="banner {css}"' in page


def test_a_page_needs_no_network_and_no_script(page):
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert len(re.findall(r'<th scope="col"', page)) == len(COLUMNS)
    assert len(re.findall(r'<th scope="row"', page)) == len(TABLE)
