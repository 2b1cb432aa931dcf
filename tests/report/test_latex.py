import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilp_models.report.comparison.latex import escape, latex_table
from tests.report.comparison_makers import comparison_evidence

PROTOCOL = "12 cells & 16 weeks; 95% of a_b"
TABLE = latex_table(comparison_evidence().leaderboard, "ewma", PROTOCOL, ("ewma",))


def row(name):
    (line,) = [line for line in TABLE.splitlines() if line.strip().startswith(name)]
    return [cell.strip() for cell in line.removesuffix(r"\\").split(" & ")]


def test_rows_by_hand():
    assert row("glm")[1:4] == [r"\textbf{0.2000}", r"\textbf{20.00} [20.00, 20.00]", r"\textbf{0.3000}"]
    assert row("glm")[8:] == ["yes", "--"]
    assert row("ewma") == [
        *("ewma$^{*}$", "0.2500", "0.00", "0.3500", "--", "28.0", "--"),
        *(r"\textbf{0.900}", "no", "1.50"),
    ]
    assert row("oracle")[1:3] == ["0.0100", "96.00 [96.00, 96.00]"]  # never bold: nobody could reach it


def test_who_did_not_run_keeps_a_row_with_the_reason():
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


def test_the_caption_says_where_too_few_periods_leave_nobody_out_of_the_set():
    few = comparison_evidence().leaderboard.assign(confidence_p_value=float("nan"))
    assert "confidence set (too few periods to leave any out)." in latex_table(few, "ewma", PROTOCOL)


@given(st.text(alphabet='ab\\&%$#_{}~^<>|" '))
def test_no_command_is_left_in_escaped_text(text):
    plain = re.sub(r"\\(?:text[a-z]+\{\}|[&%$#_{}])", "", escape(text))
    assert not set(plain) & set('\\&%$#_{}~^<>|"')


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_takes_it(tmp_path):
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}"
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}"
    whole = rf"{head}\begin{{document}}{TABLE}\end{{document}}"
    (tmp_path / "paper.tex").write_text(whole)
    subprocess.run(["pdflatex", "-halt-on-error", "paper.tex"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
