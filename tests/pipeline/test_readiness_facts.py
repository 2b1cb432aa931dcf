from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from ilp_models.audit.register.register import RegisterEntry, RegisterState
from ilp_models.domain.readiness import NO, OPEN, PARTLY, YES
from ilp_models.pipeline.brief_parts.readiness_facts import facts_of_runs
from ilp_models.pipeline.brief_parts.sources import BriefSources
from ilp_models.pipeline.run_record import RunRecord
from tests.audit.audit_inputs import GOVERNANCE

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
SEAL = "a" * 64
EMPTY = RegisterState(0, "", "", "")
DECIDED = RegisterState(1, "", "", "", (RegisterEntry("decided", "rv", SEAL, NOW, {}),))
INTAKE = {"start": "2023-01-01", "end": "2026-01-01", "rows_read": 100, "rows_kept": 95}


def record(**content):
    return RunRecord(Path("run"), "record.json", content)


def answers(register=DECIDED, governance=None, groups=(("income", "low"),), intake=INTAKE, week=True, **records):
    header = {"governance": GOVERNANCE if governance is None else GOVERNANCE | governance}
    report = SimpleNamespace(header=header, groups=groups)
    audited = SimpleNamespace(decision=SimpleNamespace(seal=SEAL, report=report), intake=record(**intake))
    return facts_of_runs(BriefSources(records, audited if week else None, register, {}), NOW)


def test_without_a_week_its_items_are_open_with_the_command():
    found = answers(EMPTY, week=False)
    for name in ("goal", "owner", "reviewer", "groups", "records_span", "objections", "level_shifts"):
        assert found[name].answer == OPEN
        assert "No run tells. Run `ilp " in found[name].note
    assert (found["register"].answer, found["monitoring"].answer) == (NO, NO)
    assert {(one.answered_by, one.date) for one in found.values()} == {("runs", "2026-01-31")}


def test_a_complete_week_answers_its_items():
    found = answers()
    assert {found[name].answer for name in ("goal", "owner", "purpose", "retention", "complaints", "register")} == {YES}
    assert (found["reviewer"].answer, found["reviewer"].note) == (PARTLY, "No key of the reviewer is declared.")
    assert (found["groups"].answer, found["groups"].note) == (YES, "1 groups were audited.")
    assert answers(groups=())["groups"].answer == NO


@pytest.mark.parametrize(
    ("changes", "item", "note"),
    [
        ({"owner": " "}, "owner", "owner is empty"),
        ({"legal_basis": None}, "purpose", "legal_basis is empty"),
        ({"review_date": "2026-01-31"}, "review_date", "review_date 2026-01-31 is past"),
        ({"use_until": "2026-01-30"}, "goal", "use_until 2026-01-30 is past"),
        ({"trainer": "r. viewer"}, "reviewer", "the reviewer trained the model"),
    ],
)
def test_what_is_empty_or_past_is_named(changes, item, note):
    found = answers(governance=changes)[item]
    assert (found.answer, found.note) == (NO, note)


@pytest.mark.parametrize(
    ("changes", "item"),
    [
        ({"start": "2023-02-01"}, "records_span"),  # 35 of 36 months
        ({"end": "2025-12-26"}, "records_current"),  # 36 of 35 days
        ({"rows_kept": 94}, "records_used"),
    ],
)
def test_records_must_be_long_current_and_used(changes, item):
    assert answers()[item].answer == YES
    assert answers(intake=INTAKE | changes)[item].answer == NO


def test_the_register_must_know_the_decision_of_the_report():
    other = RegisterState(1, "", "", "", (RegisterEntry("decided", "rv", "b" * 64, NOW, {}),))
    assert answers(other)["register"].note == "The decision of this report is not in it."


def test_monitoring_is_of_this_decision_or_of_an_earlier_one():
    assert answers(monitoring=record(decision=SEAL))["monitoring"].answer == YES
    assert answers(monitoring=record(decision="b" * 64))["monitoring"].answer == PARTLY


def test_changes_of_level_that_were_found_must_be_declared():
    found = {"crime_type": "theft", "start": "2020-04", "source": "found, not declared"}
    shifts = answers(totals=record(shifts=[found]))["level_shifts"]
    assert (shifts.answer, shifts.note) == (NO, "Not declared: theft in 2020-04.")
    assert answers(totals=record(shifts=[found | {"source": "declared"}]))["level_shifts"].answer == YES
