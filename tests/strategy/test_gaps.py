import pandas as pd

from ilp_models.strategy.threats.confidence import Confidence
from ilp_models.strategy.threats.gaps import FORECAST, HARM, JUDGEMENT, RECORDS, find_gaps
from ilp_models.strategy.threats.judgements import Judgements, JudgementScheme
from tests.strategy.threat_inputs import THREATS, unknown, weights_of

SURE = Confidence("high", (), ())


def known():
    scheme = JudgementScheme(weights={"capability": 1.0})
    scores = pd.DataFrame(3.0, index=list(THREATS), columns=["capability"])
    return Judgements(scheme, scores, pd.DataFrame())


def test_everything_known_leaves_no_gap():
    assert find_gaps(THREATS, known(), [weights_of([1, 2, 3])], [SURE] * 3) == []


def test_each_missing_score_is_a_gap():
    judgements = unknown(weights={"public_concern": 1.0})
    found = find_gaps(THREATS, judgements, [], [SURE] * 3)
    assert [(one.threat, one.kind) for one in found] == [(threat, JUDGEMENT) for threat in THREATS]
    assert found[0].question == "How high is the public concern? It is not scored."
    assert found[0].piece == "the judgement of public concern of Assault"


def test_only_a_reading_of_more_than_three_to_one_is_a_gap_of_harm():
    (one,) = find_gaps(THREATS, known(), [weights_of([1, 1, 0], [3, 3.1, 9])], [SURE] * 3)
    assert (one.threat, one.kind, one.subject) == ("Burglary", HARM, "days")
    assert one.question.endswith("Their weights in days span 1 to 3.1.")
    assert one.piece == "the harm of one crime of Burglary under days"


def test_weak_forecasts_and_missing_places_are_gaps():
    weak = Confidence("low", ("not tested", "30 % have no place"), (FORECAST, RECORDS))
    forecast, records = find_gaps(THREATS, known(), [], [SURE, weak, SURE])
    assert forecast.question == "How many crimes will be recorded? The forecast is weak: not tested."
    assert records.question == "Where did these crimes happen? 30 % have no place."
    assert (forecast.piece, records.piece) == (
        "the number of crimes to come of Burglary",
        "the places of records of Burglary",
    )
