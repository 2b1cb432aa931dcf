"""Judgements: what is unknown stays unknown, and what is off the scale is refused with its row."""

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.strategy.threats.judgements import COLUMNS, Judgements, JudgementScheme
from tests.strategy.threat_inputs import THREATS

ROW = {"threat": "Assault", "dimension": "capability", "score": "4", "evidence_grade": "B", "confidence": "high"}


def read(*rows):
    table = pd.DataFrame([ROW | row for row in rows], columns=list(COLUMNS))
    return Judgements.from_table(table, JudgementScheme(), THREATS, "j.csv")


def test_scores_are_read_and_others_stay_unknown():
    found = read({}, {"threat": "Robbery", "score": ""}, {"threat": "Burglary", "score": "Unknown"})
    assert found.known == 1
    assert found.scores.loc["Assault", "capability"] == 4
    assert len(found.missing()) == 14
    assert found.notes.to_dict("records")[0]["evidence_grade"] == "B"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"score": "6"}, "row 2: score '6' is not on the scale"),
        ({"score": "2.5"}, "score '2.5' is not on the scale"),
        ({"score": "inf"}, "score 'inf' is not on the scale"),
        ({"score": "high"}, "score 'high' is not on the scale"),
        ({"threat": "Arson"}, "'Arson' is not a threat"),
        ({"dimension": "menace"}, "'menace' is not a dimension"),
        ({"evidence_grade": ""}, "evidence_grade='' is unknown"),
        ({"confidence": "sure"}, "confidence='sure' is unknown"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_row(row, said):
    with pytest.raises(InputError, match=said):
        read(row)


def test_two_rows_for_one_score_and_other_columns_are_refused():
    with pytest.raises(InputError, match="row 3: Assault, capability is scored twice"):
        read({}, {})
    table = pd.DataFrame([ROW | {"note": "about a man"}])
    with pytest.raises(InputError, match="'note', which is not used"):
        Judgements.from_table(table, JudgementScheme(), THREATS, "j.csv")
    with pytest.raises(InputError, match="has no column score"):
        Judgements.from_table(table.drop(columns=["note", "score"]), JudgementScheme(), THREATS, "j.csv")


def test_scores_of_areas_are_read_and_those_of_the_city_stay_unknown():
    rows = [{"area": "West"}, {"area": "East", "score": "2"}, {"area": "North", "score": ""}, {"threat": "Robbery"}]
    table = pd.DataFrame([ROW | {"area": ""} | row for row in rows])
    found = Judgements.from_table(table, JudgementScheme(), THREATS, "j.csv")
    assert found.areas[["threat", "area", "score"]].to_numpy().tolist() == [
        ["Assault", "West", 4],
        ["Assault", "East", 2],
    ]
    assert found.known == 1
    assert np.isnan(found.scores.loc["Assault", "capability"])
    with pytest.raises(InputError, match="row 6: Assault, capability in West is scored twice"):
        Judgements.from_table(pd.concat([table, table.head(1)]), JudgementScheme(), THREATS, "j.csv")


def test_draws_stay_between_the_ends_that_unknown_scores_leave_open():
    scheme = JudgementScheme(weights={"a": 3, "b": 1})
    scores = pd.DataFrame([[5, np.nan]], index=["x"], columns=["a", "b"], dtype=float)
    rng = np.random.default_rng(0)
    points = Judgements(scheme, scores, pd.DataFrame()).draw_points(500, rng)
    drawn = scheme.relative(points, scheme.draw_weights(500, rng))
    assert drawn.min() >= 0.5
    assert drawn.max() <= 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"weights": {"a": -1}}, "weights.a=-1"),
        ({"weights": {"a": float("nan")}}, "weights.a=nan"),
        ({"weights": {"a": 0}}, "at least one weight above 0"),
        ({"weights": {}}, "at least one weight above 0"),
        ({"lowest": 5, "highest": 5}, "must be below highest"),
        ({"share": 1.5}, "share=1.5"),
        ({"weight_spread": -0.1}, "weight_spread=-0.1"),
    ],
)
def test_schemes_out_of_range_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        JudgementScheme(**settings)
