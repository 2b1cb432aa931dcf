import pandas as pd
import pytest

from ilp_models.report import trial_page
from ilp_models.report.formatting import MISSING
from ilp_models.report.trial_page import effect_texts

NAN = float("nan")
ROW = {
    "role": "secondary",
    "outcome": "all",
    "kind": "main",
    "estimator": "intention to treat",
    "ratio": 0.8,
    "ratio_low": 0.7,
    "ratio_high": 0.9,
    "events": -20.0,
    "events_low": -30.0,
    "events_high": -10.0,
    "p_value": 0.0004,
    "p_adjusted": 0.0316,
    "conclusion": "fewer",
    "treated_count": 80.0,
    "unit": "events",
}


def test_an_effect_is_a_change_with_its_interval_and_p_values():
    texts = effect_texts(ROW)
    assert texts["role"] == "other outcome"
    assert texts["outcome"] == "all types"
    assert texts["change"] == "-20.0\N{NO-BREAK SPACE}%"
    assert texts["conclusion"] == "fewer"
    assert {"<0.001", "0.032"} <= set(texts.values())


def test_an_effect_that_is_not_identified_is_a_dash():
    nothing = dict.fromkeys(("ratio", "ratio_low", "ratio_high", "events", "p_value", "p_adjusted"), NAN)
    texts = effect_texts(ROW | nothing)
    assert texts["change"] == texts["interval"] == MISSING


@pytest.mark.parametrize(
    ("study", "text"),
    [
        (None, ""),
        (
            pd.DataFrame({"span": [-3, -2, -1, 0, 1], "low": [1.1, 0.9, NAN, NAN, 2], "high": [2, 1.2, NAN, NAN, 3]}),
            "1 of 2 spans before the trial differ from the last one.",
        ),
    ],
)
def test_spans_before_the_trial_that_differ_are_counted(study, text):
    assert trial_page._moved(study).startswith(text)
    assert bool(trial_page._moved(study)) == bool(text)


def test_hours_that_are_hidden_are_not_shown():
    row = {"place": "c1", "unit": "north", "treated_hours": 2.0, "other_hours": 0.5, "suppressed": True}
    hidden = trial_page._dose(row, {"north": "treated"})
    assert (hidden["treated_hours"], hidden["other_hours"], hidden["assigned"]) == ("hidden", "hidden", "treated")
    assert trial_page._dose(row | {"suppressed": False}, {"north": "treated"})["treated_hours"] == "2.00"


def test_units_that_change_have_a_column_only_if_there_are_some():
    table = pd.DataFrame(
        {"stage": ["eligible"], "units": [9], "treated": [None], "control": [None], "changing": [None]}
    )
    assert trial_page._flow(table) == [{"stage": "eligible", "units": "9", "treated": "", "control": ""}]
    assert "changing" in trial_page._flow(table.assign(changing=2))[0]
