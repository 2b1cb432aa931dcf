import json

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.strategy.threats.comparison import EarlierAssessment, compare_assessments, rank_range
from ilp_models.strategy.threats.judgements import Judgements, JudgementScheme
from tests.strategy.threat_assessments import assessed
from tests.strategy.threat_inputs import THREATS, weights_of


def stored(assessment):
    """Return an assessment as it comes back from its file."""
    return EarlierAssessment.from_dict(json.loads(json.dumps(assessment.to_dict())), "last")


def compared(now, before):
    return compare_assessments(now, stored(before), "last").set_index("threat")


def test_ranks_that_changed_places_rose_and_fell_for_a_reason():
    table = compared(assessed(), assessed((500.0, 1000.0, 10.0)))
    assert table["moved"].to_dict() == {"Assault": "rose", "Burglary": "fell", "Robbery": "tie"}
    assert table.loc["Assault", ["before", "now"]].tolist() == ["2", "1"]
    assert table.loc["Assault", "why"] == "recorded crimes 500 to 1,000; expected crimes 500 to 1,000"
    assert table.loc["Robbery", "why"] == "no input of this threat changed much"
    assert table.loc["Robbery", "earlier_made"] == "2026-01-05"


def test_open_ranks_that_overlap_are_a_tie():
    close = assessed((100.0, 100.0, 100.0))
    assert set(compared(close, close)["moved"]) == {"tie"}
    assert set(compared(close, close)["now"]) == {"1 to 3"}


def test_changed_weights_judgements_and_settings_are_reasons():
    harm = compared(assessed(weights=[weights_of([1, 1, 2])]), assessed())
    assert harm.loc["Robbery", "why"] == "its harm weight changed"
    scheme = JudgementScheme()
    scores = pd.DataFrame(float("nan"), index=list(THREATS), columns=list(scheme.dimensions))
    scores.iloc[0, 0] = 3.0
    known = compared(assessed(judgements=Judgements(scheme, scores, pd.DataFrame())), assessed())
    assert known.loc["Assault", "why"].startswith("judgements of ")
    assert known.loc["Burglary", "why"] == "judgements of other threats count now"
    assert set(compared(assessed(separation=0.95), assessed())["why"]) == {"settings of the ranking"}


def test_threats_under_another_harm_set_are_new_and_gone():
    other = assessed(weights=[weights_of([1, 1, 1], name="costs")])
    table = compare_assessments(other, stored(assessed()), "last")
    assert table["moved"].tolist() == ["new"] * 3 + ["gone"] * 3


def test_another_city_and_a_damaged_file_are_refused():
    with pytest.raises(InputError, match="last is an assessment of 'There', not of 'Here'"):
        compared(assessed(), assessed(city="There"))
    plain = assessed().to_dict()
    for wrong in (None, [], plain | {"schema": 0}):
        with pytest.raises(InputError, match="is not an assessment of this version"):
            EarlierAssessment.from_dict(wrong, "last")
    for name in ("facts", "ranks", "weights", "judgements", "threats"):
        with pytest.raises(InputError, match="is damaged or was changed by hand"):
            EarlierAssessment.from_dict({key: value for key, value in plain.items() if key != name}, "last")


def test_open_ranks_as_text():
    assert (rank_range(1, 1), rank_range(1, 3)) == ("1", "1 to 3")
