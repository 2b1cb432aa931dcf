"""The report of findings as a noun: what a shorter length shows, and what it says about the rest."""

import json

import pytest

from ilp_models.domain.brief import LENGTHS, BriefTable, KeyJudgement, lowest_confidence
from ilp_models.domain.errors import InputError
from tests.domain.brief_example import example_brief


@pytest.mark.parametrize("length", [name for name, one in LENGTHS.items() if one.pages])
def test_a_short_report_shows_the_first_entries_and_counts_the_others(length):
    full, one = example_brief(30), LENGTHS[length]
    short = full.shorten(length)
    assert short.judgements == full.judgements[: one.judgements]
    assert short.more == {
        "judgements": 30 - one.judgements,
        "unknown": 30 - one.points,
        "questions": 30 - one.points,
    }
    assert short.decisions.more == 30 - one.points
    for section in short.evidence:
        assert len(section.sentences) == one.sentences
        assert [len(table.rows) + table.more for table in section.tables] == [30] * one.tables
    assert short.annexes == ()


def test_the_full_length_leaves_nothing_out():
    full = example_brief(30)
    whole = full.shorten("full")
    assert (whole.judgements, whole.evidence, whole.annexes) == (full.judgements, full.evidence, full.annexes)
    assert set(whole.more.values()) == {0}


def test_a_short_report_cannot_be_made_long_again():
    with pytest.raises(InputError, match="of length policy cannot be shortened"):
        example_brief(2).shorten("policy").shorten("management")
    with pytest.raises(InputError, match="length=poster is unknown"):
        example_brief(2).shorten("poster")


def test_a_judgement_needs_a_known_confidence():
    with pytest.raises(InputError, match="confidence 'certain' is unknown"):
        KeyJudgement("It rains.", "certain", "a window")


def test_the_lowest_confidence_counts_and_none_is_low():
    assert lowest_confidence(["high", "moderate"]) == "moderate"
    assert lowest_confidence([]) == "low"


def test_rows_left_out_add_up():
    table = BriefTable("T", ("A",), tuple((str(at),) for at in range(9)))
    assert table.first(5).first(2).more == 7
    assert table.first(9) is table


def test_the_content_is_plain_json():
    content = json.loads(json.dumps(example_brief(2).to_dict()))
    assert content["judgements"][0]["confidence"] == "moderate"
    assert len(content["readiness"]) > 20
