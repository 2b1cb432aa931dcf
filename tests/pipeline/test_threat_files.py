import pandas as pd

from ilp_models.pipeline.threat_files import judgement_table, threats_evidence
from ilp_models.strategy.threats.judgements import Judgements, JudgementScheme
from tests.strategy.threat_assessments import assessed
from tests.strategy.threat_inputs import THREATS

SCHEME = JudgementScheme(weights={"capability": 1.0, "public_concern": 1.0})


def judged():
    scores = pd.DataFrame(float("nan"), index=list(THREATS), columns=list(SCHEME.dimensions))
    scores.loc["Burglary", "capability"] = 4.0
    note = {"threat": "Burglary", "dimension": "capability", "evidence_grade": "B", "confidence": "high"}
    return assessed(judgements=Judgements(SCHEME, scores, pd.DataFrame([note])))


def test_judgements_have_a_row_for_each_threat_and_dimension():
    table = judgement_table(judged())
    assert table[["threat", "dimension"]].drop_duplicates().shape == (6, 2)
    known = table[table["score"].notna()]
    assert known.to_dict("records") == [
        {"threat": "Burglary", "dimension": "capability", "score": 4, "evidence_grade": "B", "confidence": "high"}
    ]


def test_the_page_gets_the_numbers_of_the_assessment():
    assessment = judged()
    evidence = threats_evidence(assessment)
    assert evidence.conclusions == assessment.conclusions()
    pd.testing.assert_frame_equal(evidence.ranks, assessment.ranks())
    assert list(evidence.harm) == ["days"]
    assert evidence.moved is None
    assert evidence.open_fields is None
