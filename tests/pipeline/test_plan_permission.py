from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ilp_models.audit.register.register import RegisterEntry, RegisterState
from ilp_models.pipeline.brief_parts.plan_permission import plan_fault, unchecked

SEAL = "a" * 64
PLAN = {
    "decision": SEAL,
    **{name: name for name in ("forecast", "allocator", "objective", "periods", "overrides", "by_hand")},
    "budget": {"amount": 5.0, "unit": "cells"},
    "chosen": {"who": "A. Planner", "why": "enough"},
}
TERMS = {name: name for name in ("forecast", "allocator", "objective", "periods", "overrides", "by_hand")}
TERMS |= {"budget": "5 cells", "chosen_by": "A. Planner", "chosen_why": "enough"}


def line(act, **content):
    return RegisterEntry(act, "rv", SEAL, datetime(2026, 1, 5, tzinfo=UTC), content)


def fault(*lines, **changes):
    return plan_fault(PLAN | changes, RegisterState(len(lines), "", "", "", lines))


def test_a_plan_of_the_register_has_no_fault():
    assert fault(line("decided"), line("allocated", **TERMS, more=1)) == ""


@pytest.mark.parametrize(
    ("lines", "changes", "words"),
    [
        ((), {}, "The register does not know its decision aaaaaaaaaaaaaaaa"),
        ((line("decided"),), {}, "The register has no line of such a plan"),
        ((line("decided"), line("allocated", **TERMS)), {"objective": "harm"}, "has no line of such a plan"),
        (
            (line("decided"), line("allocated", **TERMS), line("withdrawn", reason="an error")),
            {},
            "Its decision was withdrawn on 2026-01-05 by rv: an error.",
        ),
    ],
)
def test_a_plan_that_may_not_be_used_says_why(lines, changes, words):
    assert words in fault(*lines, **changes)


def test_only_the_decision_of_the_report_was_checked():
    assert "no weekly forecast" in unchecked(PLAN, None)
    week = SimpleNamespace(decision=SimpleNamespace(seal=SEAL, short=SEAL[:16]))
    assert unchecked(PLAN, week) == ""
    assert "The plan follows decision bbbbbbbbbbbbbbbb" in unchecked(PLAN | {"decision": "b" * 64}, week)
