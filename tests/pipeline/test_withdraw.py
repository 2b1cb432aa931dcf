from datetime import UTC, datetime

import pytest

from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.errors import IlpError, WithheldError
from ilp_models.pipeline import withdraw
from ilp_models.tracking.memory import InMemoryTracker

SEAL = "a" * 64


@pytest.fixture
def register(tmp_path):
    """Return a register with one decision."""
    made = Register(tmp_path / "register.jsonl")
    made.append(RegisterEntry("decided", "t.rainer", SEAL, datetime(2026, 1, 5, tzinfo=UTC)))
    return made


def run(register, **changes):
    given = {"source": "", "decision": SEAL, "reason": "an error in the records"} | changes
    return withdraw.run(**given, register=str(register.path), tracking=InMemoryTracker(), folder=register.path.parent)


def test_a_decision_is_withdrawn_by_its_seal(register):
    text = run(register)
    assert text.startswith(f"Decision {SEAL[:16]} is withdrawn")
    state = register.verify()
    assert (state.lines[-1].act, state.lines[-1].decision) == ("withdrawn", SEAL)
    assert text.endswith(f"last={state.digest}")


def test_an_unknown_decision_and_a_missing_reason_write_no_line(register):
    with pytest.raises(IlpError):
        run(register, decision="b" * 64)
    with pytest.raises(WithheldError, match="needs a reason"):
        run(register, reason=" ")
    assert len(register.verify().lines) == 1


def test_a_folder_without_a_run_is_named(register, tmp_path):
    with pytest.raises(IlpError, match="nowhere"):
        run(register, decision=None, source=str(tmp_path / "nowhere"))
