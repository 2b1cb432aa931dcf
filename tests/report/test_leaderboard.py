import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilp_models.report.comparison.leaderboard import cost_table, escape_latex, latex_table, leaderboard
from tests.report.comparison_evidence import FIELD, comparison_evidence, confidence_of, scores_of, skills_of

SCORES = scores_of()
BOARD = leaderboard(SCORES, skills_of(SCORES), confidence_of(), FIELD)


def test_order_is_forecasters_by_deviance_then_not_run_then_bounds():
    assert BOARD[["forecaster", "kind"]].to_numpy().tolist() == [
        ["glm", "forecaster"],
        ["ewma", "forecaster"],
        ["trees", "not run"],
        ["truth", "bound"],
        ["ceiling (glm)", "bound"],
        ["oracle", "bound"],
    ]
    assert BOARD["lead"].eq(1).all()
    assert BOARD["did_not_run"].tolist() == ["", "", "singular fit", "", "", ""]


def test_numbers_by_hand():
    row = BOARD.set_index("forecaster").loc["glm"]
    assert row["deviance"] == pytest.approx(0.20)
    assert row[["skill", "skill_low", "skill_high"]].tolist() == pytest.approx([0.2, 0.2, 0.2])  # 1 - 0.20 / 0.25
    assert row["sum_ratio"] == pytest.approx(0.9)
    assert row["pai_05"] == pytest.approx(6)
    assert row["attained"] == pytest.approx(0.2 / 0.22)  # the truth has 1 - 0.195 / 0.25
    assert (row["verdict"], row["recipe"], row["n"]) == ("better", "9" * 16, 16)
    assert np.isnan(row["crps"])  # not scored here


def test_the_baseline_has_no_verdict_and_no_interval_on_itself():
    row = BOARD.set_index("forecaster").loc["ewma"]
    assert row["verdict"] == ""
    assert row["skill"] == 0
    assert row[["skill_low", "skill_high", "p_value"]].isna().all()


def test_a_second_baseline_has_its_own_skill_and_verdicts():
    board = leaderboard(SCORES, skills_of(SCORES, second="glm"), confidence_of(), FIELD).set_index("forecaster")
    assert board.loc[["glm", "ewma", "ceiling (glm)"], "second_skill"].tolist() == pytest.approx([0.0, -0.25, 0.05])
    assert board["second_verdict"].tolist() == ["", "worse", "", "", "", ""]
    assert np.isnan(board.loc["glm", "second_skill_low"])
    table = latex_table(board.reset_index(), "ewma", "protocol")
    assert r"Skill, \% & Over glm, \% &" in table
    assert r"ewma & 0.2500 & 0.00 & -25.00 [-25.00, -25.00] &" in table


def test_a_ceiling_has_no_hit_rate():
    row = BOARD.set_index("forecaster").loc["ceiling (glm)"]
    assert row[["hit_rate_05", "pai_05", "pai_area", "sum_ratio"]].isna().all()
    assert row["skill"] == pytest.approx(0.24)


def test_only_forecasters_can_be_in_the_confidence_set():
    assert BOARD["in_confidence_set"].tolist()[:2] == [True, False]
    assert BOARD["in_confidence_set"][2:].isna().all()
    assert BOARD["confidence_p_value"].tolist()[:2] == [1.0, 0.04]


def test_without_a_truth_nothing_is_attained():
    measured = {"ewma": (0.25, 0.28), "glm": (0.20, 0.30)}
    scores = scores_of(measured)
    board = leaderboard(scores, skills_of(scores), confidence_of(), replace(FIELD, truths=(), not_run={}))
    assert board["attained"].isna().all()
    assert board["forecaster"].tolist() == ["glm", "ewma"]


def test_costs_are_sums_and_unknown_ones_are_empty():
    table = cost_table(FIELD).set_index("forecaster")
    assert table.index.tolist() == ["ewma", "glm", "truth", "trees"]
    assert table.loc["ewma"].tolist() == [2, 8, 4.0, 3.0, 1.0, 0.5, 20.0, ""]
    assert table.loc[["glm", "trees"]].drop(columns="did_not_run").isna().all(axis=None)
    assert table.loc["trees", "did_not_run"] == "singular fit"
    pd.testing.assert_series_equal(
        BOARD.set_index("forecaster")["peak_mb"].loc[["ewma"]], table["peak_mb"].loc[["ewma"]]
    )


PROTOCOL = "12 cells & 16 weeks; 95% of a_b"
TABLE = latex_table(comparison_evidence().leaderboard, "ewma", PROTOCOL, ("ewma",))


def row(name):
    (line,) = [line for line in TABLE.splitlines() if line.strip().startswith(name)]
    return [cell.strip() for cell in line.removesuffix(r"\\").split(" & ")]


def test_latex_rows_by_hand():
    assert row("glm")[1:4] == [r"\textbf{0.2000}", r"\textbf{20.00} [20.00, 20.00]", r"\textbf{0.3000}"]
    assert row("glm")[8:] == ["yes", "--"]
    assert row("ewma") == [
        *("ewma$^{*}$", "0.2500", "0.00", "0.3500", "--", "28.0", "--"),
        *(r"\textbf{0.900}", "no", "1.50"),
    ]
    assert row("oracle")[1:3] == ["0.0100", "96.00 [96.00, 96.00]"]  # never bold: no method can reach it


def test_a_forecaster_that_did_not_run_has_a_latex_row_with_the_reason():
    assert r"trees & \multicolumn{9}{p{0.65\linewidth}}{did not run: singular fit} \\" in TABLE


def test_rules_environments_and_columns_are_right():
    for word in ("table", "tabular"):
        assert TABLE.count(rf"\begin{{{word}}}") == TABLE.count(rf"\end{{{word}}}") == 1
    assert [TABLE.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 2, 1]
    wide = len(re.search(r"\\begin{tabular}{(\w+)}", TABLE)[1])
    rows = [line for line in TABLE.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.count(" & ") + 1 for line in rows} == {wide}
    assert len(rows) == 1 + 2 + 3


def test_the_caption_carries_the_protocol_escaped():
    caption = next(line for line in TABLE.splitlines() if "caption" in line)
    assert r"12 cells \& 16 weeks; 95\% of a\_b" in caption
    assert "Holm" in caption
    assert r"90\,\% model confidence set. Fit" in caption


def test_the_caption_says_when_periods_are_too_few_for_a_confidence_set():
    few = comparison_evidence().leaderboard.assign(confidence_p_value=float("nan"))
    assert "confidence set (too few periods to exclude any)." in latex_table(few, "ewma", PROTOCOL)


@given(st.text(alphabet='ab\\&%$#_{}~^<>|" '))
def test_no_command_is_left_in_escaped_text(text):
    plain = re.sub(r"\\(?:text[a-z]+\{\}|[&%$#_{}])", "", escape_latex(text))
    assert not set(plain) & set('\\&%$#_{}~^<>|"')


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_compiles_the_table(tmp_path):
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}"
    whole = rf"{head}\begin{{document}}{TABLE}\end{{document}}"
    (tmp_path / "paper.tex").write_text(whole)
    subprocess.run(["pdflatex", "-halt-on-error", "paper.tex"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
