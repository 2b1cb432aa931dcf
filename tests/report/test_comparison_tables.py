import pandas as pd
import pytest

from ilp_models.report.comparison.tables import consistency_matrix, pair_matrix, pair_results, skill_matrices, ties
from tests.report.comparison_evidence import comparison_evidence, consistency_of, pairs_of

NBSP = "\N{NO-BREAK SPACE}"
EVIDENCE = comparison_evidence()


def test_each_pair_has_both_directions():
    known = pair_results(pairs_of(), 1)
    assert known["glm", "ewma"]["verdict"] == "better"
    assert known["ewma", "glm"] == {"difference": 0.05, "low": 0.04, "high": 0.06, "holm": 0.002, "verdict": "worse"}
    assert pair_results(pairs_of(), 2) == {}


def test_ties_with_a_forecaster():
    pairs = pairs_of(("a", "b", "c"))
    pairs.loc[(pairs["forecaster"] == "a") & (pairs["other"] == "c"), "verdict"] = "tie"
    assert ties("a", pairs, 1) == ("c",)
    assert ties("c", pairs, 1) == ("a",)
    assert ties("b", pairs, 1) == ()


def test_the_matrix_shows_the_share_of_the_columns_deviance_that_the_row_removes():
    matrix = pair_matrix(pairs_of(), pd.Series({"glm": 0.20, "ewma": 0.25}), 1)
    (first, (own, saved)), (second, (lost, _)) = matrix.rows
    assert (first, second) == matrix.columns == ("glm", "ewma")
    assert (own.text, own.verdict) == ("", "")
    assert (saved.text, saved.verdict) == (f"+20.00{NBSP}%", "better")  # 0.05 / 0.25
    assert saved.note == f"interval [+16.00{NBSP}%, +24.00{NBSP}%], adjusted p = 0.002"
    assert (lost.text, lost.verdict) == (f"-25.00{NBSP}%", "worse")  # 0.05 / 0.20


def test_pairs_with_too_few_periods_say_so():
    pairs = pairs_of(verdict="tie").assign(holm=float("nan"))
    assert pair_matrix(pairs, pd.Series({"glm": 0.20, "ewma": 0.25}), 1).rows[0][1][1].note == "too few periods"


def test_skill_by_type_lead_and_season():
    by_type, by_season = skill_matrices(EVIDENCE.skill, EVIDENCE.seasons, ("glm", "ewma"), 1)
    assert by_type.columns == ("all types", "Assault", "Break and Enter")
    assert by_season.columns == ("January to March",)
    assert [cell.text for cell in by_type.rows[0][1]] == [f"+20.00{NBSP}%"] * 3
    assert by_type.rows[1][1][0].verdict == ""  # the baseline has no verdict on itself
    two = pd.concat([EVIDENCE.skill, EVIDENCE.skill.assign(lead=2)])
    assert skill_matrices(two, EVIDENCE.seasons, ("glm",), 1)[1].columns == ("lead 1", "lead 2")


def test_a_missing_score_is_a_dash():
    skill = EVIDENCE.skill[~((EVIDENCE.skill["forecaster"] == "glm") & (EVIDENCE.skill["crime_type"] == "Assault"))]
    assert skill_matrices(skill, EVIDENCE.seasons, ("ewma", "glm"), 1)[0].rows[1][1][1].text == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("name", "text", "state"), [("glm", "consistent; 2 of 2", "tie"), ("ewma", "too high; 0 of 2", "worse")]
)
def test_consistency_shows_the_verdict_on_all_types_and_counts_types(name, text, state):
    matrix = consistency_matrix(consistency_of(("glm", "ewma"), ("a", "b")), (name,), 1)
    assert matrix.columns == ("number, poisson", "space, negative binomial")
    cell = matrix.rows[0][1][0]
    assert (cell.text, cell.verdict) == (text, state)
    assert cell.note == "observed 50, consistent from 40 to 60"
