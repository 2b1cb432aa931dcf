from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.report.comparison.leaderboard import cost_table, leaderboard
from tests.report.comparison_makers import FIELD, confidence_of, scores_of, skills_of

SCORES = scores_of()
BOARD = leaderboard(SCORES, skills_of(SCORES), confidence_of(), FIELD)


def test_forecasters_come_first_by_deviance_then_who_did_not_run_then_bounds():
    assert BOARD[["forecaster", "kind"]].to_numpy().tolist() == [
        ["glm", "forecaster"],
        ["ewma", "forecaster"],
        ["trees", "not run"],
        ["truth", "bound"],
        ["floor (glm)", "bound"],
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


def test_only_forecasters_can_be_in_the_confidence_set():
    assert BOARD["in_confidence_set"].tolist()[:2] == [True, False]
    assert BOARD["in_confidence_set"][2:].isna().all()
    assert BOARD["confidence_p_value"].tolist()[:2] == [1.0, 0.04]


def test_without_a_truth_nothing_is_attained():
    measured = {"ewma": (0.25, 0.28), "glm": (0.20, 0.30)}
    scores = scores_of(measured)
    board = leaderboard(scores, skills_of(scores), confidence_of(), replace(FIELD, ceilings=(), not_run={}))
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
