"""Attacks: a line of the register that blocks the commands after it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ilp_models.audit.register.approvals import approve, record_decision, registered_decision, withdraw
from ilp_models.audit.register.register import CLOCK, Register, RegisterEntry, _canonical, _digest
from ilp_models.domain.errors import InputError, StorageError, WithheldError
from tests.attacks.test_decision_shopping import FILES, NOW, audited, signature

AHEAD = {
    "an hour": NOW + timedelta(hours=1),
    "ten years": NOW + timedelta(days=3653),
    "the end of time": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
}


@pytest.fixture
def decided(tmp_path):
    register = Register(tmp_path / "register.jsonl")
    decision = audited(register)
    record_decision(register, decision, "t.rainer")
    return register, decision


def ahead(register, decision, moment, act="decided"):
    register.append(RegisterEntry(act, "mallory", decision, moment, {"reason": "none"} if act == "withdrawn" else {}))


@pytest.mark.parametrize("moment", AHEAD.values(), ids=AHEAD)
@pytest.mark.parametrize("lines", [1, 3])
def test_a_line_from_the_future_does_not_block_a_withdrawal(decided, moment, lines):
    register, decision = decided
    for _ in range(lines):
        ahead(register, "cd" * 32, moment)
    withdraw(register, decision.seal, "records were incomplete", "rv", NOW)
    last = register.verify().entries_of(decision.seal)[-1]
    assert (last.act, last.moment, last.content[CLOCK]) == ("withdrawn", moment, NOW.isoformat())
    with pytest.raises(WithheldError, match="Nothing is left to do"):
        withdraw(register, decision.seal, "again", "rv", NOW)
    for when in (NOW, moment):
        with pytest.raises(WithheldError, match=r"withdrawn on 2026-01-05 by rv|The clock shows"):
            registered_decision(register, decision, when)


def test_a_line_from_the_future_that_is_a_withdrawal_itself_does_not_block_another(decided):
    register, decision = decided
    other = audited(register, now=NOW + timedelta(minutes=1))
    record_decision(register, other, "t.rainer")
    ahead(register, other.seal, AHEAD["ten years"], "withdrawn")
    withdraw(register, decision.seal, "records were incomplete", "rv", NOW)
    assert register.verify().lines[-1].decision == decision.seal


@pytest.mark.parametrize("moment", AHEAD.values(), ids=AHEAD)
def test_everything_else_stays_refused(decided, moment, tmp_path):
    register, decision = decided
    ahead(register, "cd" * 32, moment)
    before = register.path.read_bytes()
    with pytest.raises(WithheldError, match="The clock shows"):
        registered_decision(register, decision, NOW)
    with pytest.raises((InputError, WithheldError), match=r"before the last|The clock shows"):
        approve(register, decision, signature(tmp_path), FILES)
    for act in ("decided", "approved", "exported", "allocated"):
        with pytest.raises(InputError, match="before the last entry"):
            register.append(RegisterEntry(act, "t.rainer", decision.seal, NOW))
    assert register.path.read_bytes() == before


def test_a_withdrawal_with_a_right_clock_states_no_other_time(decided):
    register, decision = decided
    withdraw(register, decision.seal, "records were incomplete", "rv", NOW)
    assert CLOCK not in register.verify().lines[-1].content


@pytest.mark.parametrize(
    "text",
    ["99991231T235959Z", "9999-12-31 23:59:59+00:00", "9999-12-31T23:59:59.999999-14:00", "2027-01-05T08:00:00+00:00"],
)
def test_a_time_in_another_form_is_refused_where_it_stands(decided, text):
    """Times are compared as text: such a line would make the next one, a withdrawal, look too old."""
    register, _ = decided
    plain = json.loads(register.path.read_bytes().splitlines()[-1])
    plain |= {"moment": text, "number": 2, "previous": register.verify().digest}
    del plain["digest"]
    forged = _canonical(plain | {"digest": _digest(_canonical(plain))})
    register.path.write_bytes(register.path.read_bytes() + forged + b"\n")
    with pytest.raises(StorageError, match="line 2: the line is not a register entry"):
        register.verify()
