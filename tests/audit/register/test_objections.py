from datetime import UTC, datetime

import pytest

from ilp_models.audit.register.objections import (
    ANSWERED,
    MAX_TEXT,
    RETRACTED,
    close_objection,
    objections_in,
    open_objections,
    record_objection,
)
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.errors import InputError

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
SEAL, HERE = "a" * 64, [0.0, 0.0, 1.0, 1.0]
SAID = {"area": "West Hill", "text": "patrols are at the school", "made_by": "resident"}


@pytest.fixture
def register(tmp_path):
    """Return a register with one decision."""
    made = Register(tmp_path / "register.jsonl")
    made.append(RegisterEntry("decided", "t.rainer", SEAL, NOW, {"extent": HERE}))
    return made


def test_an_objection_is_open_until_it_is_answered(register):
    made = record_objection(register, SEAL, SAID, "rv", NOW)
    assert (made.number, made.open) == (2, True)
    assert made.as_text() == "2 (West Hill, 2026-01-05, resident): patrols are at the school"
    assert open_objections(register.verify().lines, HERE) == (made,)
    assert open_objections(register.verify().lines, [5.0, 5.0, 6.0, 6.0]) == ()
    answer = {"text": "they will leave", "answered_by": "chief"}
    closed = close_objection(register, 2, ANSWERED, answer, "rv", NOW)
    assert (closed.state, closed.answer, closed.answered_by) == ("answered", "they will leave", "chief")
    assert open_objections(register.verify().lines, HERE) == ()
    with pytest.raises(InputError, match="Objection 2 is answered already"):
        close_objection(register, 2, RETRACTED, {"text": "no"}, "rv", NOW)


def test_one_that_was_taken_back_is_not_open(register):
    record_objection(register, SEAL, SAID, "rv", NOW)
    assert close_objection(register, 2, RETRACTED, {"text": "settled"}, "rv", NOW).state == "taken back"


def test_an_answer_to_another_decision_closes_nothing(register):
    record_objection(register, SEAL, SAID, "rv", NOW)
    register.append(RegisterEntry(ANSWERED, "rv", "b" * 64, NOW, {"objection": 2, "text": "x"}))
    assert objections_in(register.verify().lines)[0].open


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": " "}, "An objection needs text"),
        ({"area": "."}, "An objection needs area"),
        ({"text": "a" * (MAX_TEXT + 1)}, "text has 501 characters and may have 500"),
        ({"text": "a\nb"}, "text has several lines"),
        ({"made_by": "J. Smith"}, "made_by=J. Smith is unknown"),
    ],
)
def test_texts_of_objections_are_short_lines_without_names(register, change, words):
    with pytest.raises(InputError, match=words):
        record_objection(register, SEAL, {**SAID, **change}, "rv", NOW)
    assert len(register.verify().lines) == 1


def test_unknown_decisions_and_numbers_are_refused(register):
    with pytest.raises(InputError, match="knows no decision"):
        record_objection(register, "b" * 64, SAID, "rv", NOW)
    with pytest.raises(InputError, match=r"has no objection 1 \(known: none\)"):
        close_objection(register, 1, RETRACTED, {"text": "x"}, "rv", NOW)
