import re
from dataclasses import replace

import numpy as np
import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.report.comparison.page import ComparisonReport, summary
from tests.report.comparison_evidence import comparison_evidence
from tests.report.html_page import Page, contrast

pytestmark = pytest.mark.slow

SECTIONS = ["result", "leaderboard", "pairs", "parts", "places", "calibration", "consistency", "methods", "provenance"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return ComparisonReport().write(tmp_path_factory.mktemp("comparison"), comparison_evidence())


@pytest.fixture(scope="module")
def page(files):
    return Page(files[0].read_text(encoding="utf-8"))


def test_page_table_and_figures_are_written(files):
    assert [path.name for path in files] == ["comparison.html", "table.tex", "figures"]
    assert len(list(files[2].glob("*.png"))) == 8


def test_sections_are_in_order(page):
    assert [section["id"] for section in page.all("section")] == SECTIONS
    targets = {link["href"].removeprefix("#") for link in page.all("a")}
    assert targets - {"main"} == set(SECTIONS)


def test_the_page_loads_nothing(page, files):
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href", "srcset", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:image/png;base64,"))
    style = re.search(r"<style>(.*?)</style>", files[0].read_text(), re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_works_with_a_screen_reader(page):
    assert page.all("html")[0]["lang"] == "en"
    assert all(len(image["alt"]) > 40 for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") in ("col", "row", "rowgroup") for cell in page.all("th"))


def test_the_protocol_comes_before_any_number(page):
    assert page.text.index("12 cells, 16 weeks") < page.text.index("Result")


def test_the_leaderboard_shows_all_forecasters(page):
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "glm 0.2000 +20.00 % [+20.00, +20.00] better inside p 1.00 0.3000" in text
    assert "ewma baseline 0.2500 +0.00 % outside p 0.04 0.3500" in text
    assert "1.5 0.062 20.0" in text  # CPU seconds a fit and a forecast, megabytes
    assert "trees did not run: singular fit" in text
    assert text.index("Not forecasters") < text.index("truth 0.1950") < text.index("oracle 0.01000")
    assert "glm 91 %" in text  # of the attainable skill: 0.2 / 0.22


def test_the_summary_names_ties():
    evidence = comparison_evidence(verdict="tie")
    assert summary(evidence)[1] == (
        "It differs from 0 of 1 other methods (paired tests, Holm-adjusted); it ties with ewma."
    )
    assert not [line for line in summary(evidence) if line.startswith("Better")]
    assert "No difference from ewma: glm." in summary(evidence)


def test_the_summary_in_sentences():
    sentences = [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in summary(comparison_evidence())]
    assert sentences == [
        "glm has the smallest forecast error (deviance): skill +20.00 % [+20.00 %, +20.00 %] compared with ewma.",
        "It differs from 1 of 1 other methods (paired tests, Holm-adjusted); there is no tie.",
        "The 90 % model confidence set contains 1 of 2 methods: glm.",
        "Better than ewma: glm.",
        "Did not run: trees.",
    ]


def test_the_page_says_which_test_decides(page):
    assert "It is the verdict of the paired test with the baseline, Holm-adjusted over all pairs." in page.text


def test_the_summary_says_when_periods_are_too_few_for_a_confidence_set():
    evidence = comparison_evidence()
    few = evidence.leaderboard.assign(confidence_p_value=np.nan)
    assert (
        summary(replace(evidence, leaderboard=few))[2]
        == "There are too few periods to exclude any method from the 90 % model confidence set."
    )


def test_the_summary_of_a_single_forecaster_has_one_sentence():
    evidence = comparison_evidence()
    board = evidence.leaderboard
    alone = replace(evidence, leaderboard=board[board["forecaster"] == "ewma"], pairs=evidence.pairs.iloc[:0])
    assert summary(alone) == ("ewma has the smallest forecast error (deviance).",)


def test_hostile_labels_are_escaped(tmp_path):
    hostile = ("<script>alert(1)</script>", '" onmouseover="x', "a & b $x$ {{ 7*7 }}")
    files = ComparisonReport().write(tmp_path, replace(comparison_evidence(types=hostile), city=hostile[0]))
    page = Page(files[0].read_text(encoding="utf-8"))
    assert page.all("script") == []
    assert not any("onmouseover" in attrs for _, attrs in page.tags)
    assert all(label in page.text for label in hostile)


def test_a_single_forecaster_has_no_pairs_and_no_maps(tmp_path):
    alone = replace(comparison_evidence(), ranks=None, top_two=None)
    page = Page(ComparisonReport().write(tmp_path, alone)[0].read_text(encoding="utf-8"))
    assert "There is only one forecaster" in page.text
    assert "places" not in [section["id"] for section in page.all("section")]


def test_an_unwritable_folder_is_an_error(tmp_path):
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(StorageError, match="was not written"):
        ComparisonReport().write(tmp_path, comparison_evidence())


def test_contrast_of_verdicts_is_at_least_aa():
    from importlib.resources import files

    style = files("ilp_models.report").joinpath("templates/style.css").read_text()
    for word in ("better", "worse"):
        ground, ink = re.search(rf"\.{word} {{ background: (#\w{{6}}); color: (#\w{{6}})", style).groups()
        assert contrast(ground, ink) >= 4.5
