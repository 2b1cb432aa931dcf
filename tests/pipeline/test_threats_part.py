from dataclasses import replace
from pathlib import Path

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline.brief_parts.threats_part import threats_part
from ilp_models.pipeline.run_record import RunRecord
from ilp_models.strategy.threats.gaps import FORECAST, IntelligenceGap
from tests.strategy.threat_assessments import assessed


def content_of(**changes):
    assessment = assessed()
    assessment = replace(assessment, table=assessment.table.assign(confidence="high"), **changes)
    return assessment.to_dict()


def part(content):
    return threats_part(RunRecord(Path("run"), "assessment.json", content))


def test_judgements_and_ranks_are_those_of_the_assessment():
    content = content_of()
    found = part(content)
    assert [one.text for one in found.judgements] == [one["text"] for one in content["conclusions"]]
    assert {one.confidence for one in found.judgements} == {"high"}
    ranks = found.section.tables[0]
    assert [row[0] for row in ranks.rows] == ["Assault", "Burglary", "Robbery"]
    assert [row[3] for row in ranks.rows] == ["1", "2", "3"]


def test_a_judgement_has_the_lowest_confidence_of_its_threats():
    content = content_of()
    content["threats"][2]["confidence"] = "low"
    content["confidence_reasons"]["Robbery"] = ["few crimes"]
    found = {one.text: one for one in part(content).judgements}
    first, change, _ = (found[one["text"]] for one in content["conclusions"])
    assert first.confidence == "high"  # about Assault alone
    assert (change.confidence, change.basis) == ("low", "Robbery: few crimes")


def test_threats_with_the_same_question_share_a_sentence():
    gaps = tuple(IntelligenceGap(name, FORECAST, "", "How many?") for name in ("Assault", "Robbery"))
    assert part(content_of(gaps=gaps)).unknown == ("Assault, Robbery: How many?",)


def test_a_damaged_record_is_refused():
    with pytest.raises(InputError, match="is damaged, or of another version"):
        part(content_of() | {"ranks": None})
