import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.report.comparison.figures import draw_critical_difference
from ilp_models.report.comparison.page import ComparisonReport, summary
from tests.report.comparison_makers import comparison_evidence
from tests.report.test_figures import pixels
from tests.report.test_page import Page, contrast

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


def test_sections_stand_in_order(page):
    assert [section["id"] for section in page.all("section")] == SECTIONS
    targets = {link["href"].removeprefix("#") for link in page.all("a")}
    assert targets - {"main"} == set(SECTIONS)


def test_nothing_is_fetched(page, files):
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href", "srcset", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:image/png;base64,"))
    style = re.search(r"<style>(.*?)</style>", files[0].read_text(), re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_readers_without_eyes_are_served(page):
    assert page.all("html")[0]["lang"] == "en"
    assert all(len(image["alt"]) > 40 for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") in ("col", "row", "rowgroup") for cell in page.all("th"))


def test_the_protocol_stands_before_any_number(page):
    assert page.text.index("12 cells, 16 weeks") < page.text.index("Result")


def test_the_leaderboard_shows_everybody(page):
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "glm 0.2000 +20.00 % [+20.00, +20.00] better inside p 1.00 0.3000" in text
    assert "ewma baseline 0.2500 +0.00 % outside p 0.04 0.3500" in text
    assert "1.5 0.062 20.0" in text  # CPU seconds a fit and a forecast, megabytes
    assert "trees did not run: singular fit" in text
    assert text.index("Not forecasters") < text.index("truth 0.1950") < text.index("oracle 0.01000")
    assert "glm 91 %" in text  # of the attainable skill: 0.2 / 0.22


def test_ties_are_called_ties():
    told = comparison_evidence(verdict="tie")
    assert summary(told)[1] == (
        "0 of 1 others were told apart from it by paired tests adjusted for all pairs; ties with it: ewma."
    )


def test_the_result_in_sentences():
    sentences = [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in summary(comparison_evidence())]
    assert sentences == [
        "glm has the smallest deviance: skill +20.00 % [+20.00 %, +20.00 %] over ewma.",
        "1 of 1 others were told apart from it by paired tests adjusted for all pairs; nobody ties with it.",
        "The 90 % model confidence set holds 1 of 2: glm.",
        "Better than ewma, before adjustment for the number of comparisons: glm.",
        "Did not run: trees.",
    ]


def test_verdicts_that_are_not_adjusted_are_said_to_be_so(page):
    assert "The verdict is on the skill, before adjustment for the number of comparisons." in page.text


def test_too_few_periods_for_a_confidence_set_are_told():
    evidence = comparison_evidence()
    few = evidence.leaderboard.assign(confidence_p_value=np.nan)
    told = summary(replace(evidence, leaderboard=few))
    assert told[2] == "There are too few periods to leave any out of the 90 % model confidence set."


def test_a_forecaster_alone_is_told_apart_from_nobody():
    evidence = comparison_evidence()
    board = evidence.leaderboard
    alone = replace(evidence, leaderboard=board[board["forecaster"] == "ewma"], pairs=evidence.pairs.iloc[:0])
    assert summary(alone) == ("ewma has the smallest deviance.",)


def test_hostile_labels_are_only_text(tmp_path):
    hostile = ("<script>alert(1)</script>", '" onmouseover="x', "a & b $x$ {{ 7*7 }}")
    files = ComparisonReport().write(tmp_path, replace(comparison_evidence(types=hostile), city=hostile[0]))
    told = Page(files[0].read_text(encoding="utf-8"))
    assert told.all("script") == []
    assert not any("onmouseover" in attrs for _, attrs in told.tags)
    assert all(label in told.text for label in hostile)


def test_a_forecaster_alone_has_no_pairs_and_no_maps(tmp_path):
    alone = replace(comparison_evidence(), ranks=None, rivals=None)
    told = Page(ComparisonReport().write(tmp_path, alone)[0].read_text(encoding="utf-8"))
    assert "There is one forecaster" in told.text
    assert "places" not in [section["id"] for section in told.all("section")]


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(StorageError, match="was not written"):
        ComparisonReport().write(tmp_path, comparison_evidence())


def test_contrast_of_verdicts_is_at_least_aa():
    from importlib.resources import files

    style = files("ilp_models.report").joinpath("templates/comparison.css").read_text()
    for word in ("better", "worse"):
        ground, ink = re.search(rf"\.{word} {{ background: (#\w{{6}}); color: (#\w{{6}})", style).groups()
        assert contrast(ground, ink) >= 4.5


@pytest.mark.parametrize("count", [2, 5, 24])
def test_every_name_of_the_critical_difference_lies_on_the_figure(count, tmp_path):
    table = pd.DataFrame(
        {
            "forecaster": [f"a_rather_long_name_{number}" for number in range(count)],
            "mean_rank": np.linspace(1.2, count - 0.2, count),
            "group": ["a"] * (count // 2) + ["b"] * (count - count // 2),
        }
    )
    image = pixels(draw_critical_difference(tmp_path / "ranks.png", table, 1.5, 9))
    edge = np.concatenate([image[:, :6].reshape(-1, 3), image[:, -6:].reshape(-1, 3), image[-6:].reshape(-1, 3)])
    assert (edge == 255).all()  # nothing is cut off
    assert (image < 128).any()


def test_ranks_with_too_few_blocks_can_be_drawn(tmp_path):
    table = pd.DataFrame({"forecaster": ["a", "b"], "mean_rank": [1.0, 2.0], "group": ["a", "a"]})
    assert draw_critical_difference(tmp_path / "ranks.png", table, float("nan"), 1).exists()
