"""The page of the report of findings: escaped, whole, and on its number of pages."""

import pytest

from ilp_models.domain.brief import LENGTHS
from ilp_models.report.brief_page import write_brief_page, write_readiness_page
from tests.domain.brief_example import example_brief
from tests.report.browser import find_browser, printed_pages


def page_of(brief, folder):
    path = folder / "brief.html"
    write_brief_page(brief, path)
    return path


def test_text_is_escaped_and_the_title_names_the_city(tmp_path):
    text = page_of(example_brief(2), tmp_path).read_text(encoding="utf-8")
    assert "<h1>Testville &lt;&amp;&gt; Ltd: findings for decision makers</h1>" in text
    assert "Testville <&>" not in text
    assert "<script" not in text


def test_what_a_short_report_leaves_out_is_counted(tmp_path):
    text = page_of(example_brief(30).shorten("policy"), tmp_path).read_text(encoding="utf-8")
    assert text.count("25 more in the full report.") == 1 + 5  # judgements, and a table of each section
    assert text.count("26 more in the full report.") == 3  # unknown, decisions and questions
    assert "Annex" not in text


def test_every_part_says_so_when_it_is_empty(tmp_path):
    empty = example_brief(0, unknown=(), questions=())
    text = page_of(empty, tmp_path).read_text(encoding="utf-8")
    assert "No gap was recorded. Recorded crime is still not all crime." in text
    assert "The register has no decision." in text


def test_the_checklist_shows_every_answer_in_words(tmp_path):
    path = tmp_path / "readiness.html"
    write_readiness_page(example_brief(1), path)
    text = path.read_text(encoding="utf-8")
    assert text.count('<span class="chip insufficient">open</span>') == len(example_brief(1).readiness.to_frame())


@pytest.mark.slow
@pytest.mark.parametrize("length", [name for name, one in LENGTHS.items() if one.pages])
def test_the_longest_report_prints_on_its_number_of_pages(length, tmp_path):
    browser = find_browser()
    if browser is None:
        pytest.skip("needs chromium")
    page = page_of(example_brief(40).shorten(length), tmp_path)
    assert printed_pages(page, browser, tmp_path) <= LENGTHS[length].pages
