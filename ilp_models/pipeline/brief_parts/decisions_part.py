"""Decisions that the register records, and who took them."""

from collections.abc import Mapping
from typing import Any, Final

from ilp_models.audit.register.objections import objections_in
from ilp_models.audit.register.register import RegisterEntry, RegisterState
from ilp_models.domain.brief import BriefTable
from ilp_models.pipeline.trial_register import TRIAL

_LABELS: Final = ("Day", "Decision", "By whom", "About")
_BY_PEOPLE: Final = ("approved", "allocated", "withdrawn", "answered", "declared", "retracted")
_GATE: Final = "the gate"


def decisions_table(register: RegisterState) -> BriefTable:
    """Return the decisions, the latest first: acts of people before those that follow from rules on the same day."""
    lines = [line for line in register.lines if line.act in (*_BY_PEOPLE, "decided")]
    lines.sort(key=lambda line: (line.moment.date(), line.act != "decided", line.moment), reverse=True)
    return BriefTable("Decisions in the register, the latest first", _LABELS, tuple(map(_row, lines)))


def objection_texts(register: RegisterState) -> tuple[str, ...]:
    """Return the question that open objections raise; empty without any."""
    waiting = [one for one in objections_in(register.lines) if one.open]
    if not waiting:
        return ()
    areas = ", ".join(dict.fromkeys(one.area for one in waiting))
    what = "open objection" if len(waiting) == 1 else f"{len(waiting)} open objections"
    return (f"Who answers the {what} ({areas})?",)


def _row(line: RegisterEntry) -> tuple[str, str, str, str]:
    content, seal = line.content, line.decision[:16]
    texts: Mapping[str, tuple[str, Any, Any]] = {
        "decided": (
            f"Forecast {'admitted' if content.get('admitted') else 'withheld'}",
            _GATE,
            f"{content.get('forecaster', '')}, decision {seal}",
        ),
        "approved": ("Approved", content.get("reviewer"), f"{content.get('reason', '')} (decision {seal})"),
        "allocated": (
            "Allocated",
            content.get("chosen_by"),
            f"{content.get('budget', '')}: {content.get('chosen_why', '')}",
        ),
        "withdrawn": ("Withdrawn", line.who, f"{content.get('reason', '')} (decision {seal})"),
        "answered": ("Objection answered", content.get("answered_by"), content.get("text")),
        "retracted": ("Objection taken back", line.who, content.get("text")),
        "declared": (
            f"{'Field trial' if TRIAL in content else 'Forecast'} declared in advance",
            line.who,
            f"declaration {seal}",
        ),
    }
    what, who, about = texts[line.act]
    return (f"{line.moment:%Y-%m-%d}", what, str(who or line.who), str(about or ""))
