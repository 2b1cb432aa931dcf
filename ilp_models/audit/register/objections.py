"""Objections of residents and others to a plan, and their answers, as lines of the register."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ilp_models.audit.register.extents import EXTENT, SAME_AREA, shared_area
from ilp_models.audit.register.register import Register, RegisterEntry, RegisterState
from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import is_blank

MADE_BY: Final = ("resident", "organisation", "officer", "other")
MAX_TEXT: Final = 500  # characters: an objection is a reason, not a case file
MAX_AREA: Final = 100
OBJECTED, ANSWERED, RETRACTED = "objected", "answered", "retracted"
STATES: Final = {OBJECTED: "open", ANSWERED: "answered", RETRACTED: "taken back"}


@dataclass(frozen=True)
class PlanObjection:
    """An objection to what is done in an area, and its state."""

    number: int  # of its line in the register
    decision: str  # seal of the decision that it is about
    area: str
    text: str
    made_by: str
    moment: datetime
    state: str = STATES[OBJECTED]
    answer: str = ""
    answered_by: str = ""

    @property
    def open(self) -> bool:
        """Whether it still waits for an answer."""
        return self.state == STATES[OBJECTED]

    def as_text(self) -> str:
        """Return number, area, day, source and text in one line."""
        return f"{self.number} ({self.area}, {self.moment:%Y-%m-%d}, {self.made_by}): {self.text}"

    def to_dict(self) -> dict[str, Any]:
        """Return what an approval lists of it."""
        return {"number": self.number, "area": self.area, "text": self.text, "moment": self.moment.isoformat()}


def objections_in(lines: Sequence[RegisterEntry]) -> tuple[PlanObjection, ...]:
    """Return every objection in lines of a register, oldest first. A later answer or withdrawal changes its state."""
    found: dict[int, PlanObjection] = {}
    for number, line in enumerate(lines, start=1):
        content = line.content
        if line.act == OBJECTED:
            area, text, made_by = (str(content.get(name, "")) for name in ("area", "text", "made_by"))
            found[number] = PlanObjection(number, line.decision, area, text, made_by, line.moment)
        elif line.act in (ANSWERED, RETRACTED):
            about = found.get(_number(content.get("objection")))
            # a line on another decision, or a second one, changes nothing
            if about is not None and about.open and about.decision == line.decision:
                text, who = str(content.get("text", "")), str(content.get("answered_by", ""))
                given = {**vars(about), "state": STATES[line.act], "answer": text, "answered_by": who}
                found[about.number] = PlanObjection(**given)
    return tuple(found.values())


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def open_objections(lines: Sequence[RegisterEntry], extent: Any) -> tuple[PlanObjection, ...]:
    """Return the open objections to decisions on an area: at least half of one extent lies in the other."""
    # the first line of a decision counts: one that somebody adds later changes nothing
    extents = {line.decision: line.content.get(EXTENT) for line in reversed(lines) if line.act == "decided"}
    return tuple(
        one for one in objections_in(lines) if one.open and shared_area(extents.get(one.decision), extent) >= SAME_AREA
    )


def record_objection(
    register: Register, decision: str, content: Mapping[str, str], who: str, now: datetime
) -> PlanObjection:
    """Write an objection to a decision to the register and return it; ``content`` has area, text and made_by."""
    area, text, made_by = (str(content[name]).strip() for name in ("area", "text", "made_by"))
    _check_text(area, "area", MAX_AREA)
    _check_text(text, "text", MAX_TEXT)
    if made_by not in MADE_BY:
        msg = f"made_by={made_by} is unknown. Use one of {', '.join(MADE_BY)}; no name is stored."
        raise InputError(msg)

    def check(state: RegisterState) -> None:
        if not any(line.act == "decided" for line in state.entries_of(decision)):
            msg = (
                f"The register {register.path} knows no decision {decision[:16]}. Name the run with source=FOLDER, or "
                "set register to the file that has it."
            )
            raise InputError(msg)

    entry = RegisterEntry(OBJECTED, who, decision, now, {"area": area, "text": text, "made_by": made_by})
    register.append(entry, check)
    # another program may have written since: the latest of these words is this one
    same = (one for one in reversed(objections_in(register.verify().lines)) if (one.area, one.text) == (area, text))
    return next(same)


def close_objection(
    register: Register, number: int, act: str, content: Mapping[str, str], who: str, now: datetime
) -> PlanObjection:
    """Write the answer to an objection, or that it was taken back, to the register and return the objection."""
    text, by = str(content["text"]).strip(), str(content.get("answered_by", "")).strip()
    _check_text(text, "text", MAX_TEXT)
    if act == ANSWERED:
        _check_text(by, "answered_by", MAX_AREA)
    about = _objection(register.verify(), number, register)

    def check(state: RegisterState) -> None:
        known = _objection(state, number, register)
        if not known.open:
            msg = f"Objection {number} is {known.state} already. Record a new objection if there is more to say."
            raise InputError(msg)

    plain = {"objection": number, "text": text, **({"answered_by": by} if act == ANSWERED else {})}
    register.append(RegisterEntry(act, who, about.decision, now, plain), check)
    return _objection(register.verify(), number, register)


def _objection(state: RegisterState, number: int, register: Register) -> PlanObjection:
    known = {one.number: one for one in objections_in(state.lines)}
    if number not in known:
        numbers = ", ".join(map(str, known)) or "none"
        msg = f"The register {register.path} has no objection {number} (known: {numbers}). Use the number of its line."
        raise InputError(msg)
    return known[number]


def _check_text(text: str, setting: str, longest: int) -> None:
    if is_blank(text):
        msg = f"An objection needs {setting}. Give {setting}='...'."
    elif len(text) > longest:
        msg = f"{setting} has {len(text)} characters and may have {longest}. Say it in fewer words."
    elif any(sign in text for sign in "\n\r"):
        msg = f"{setting} has several lines. Write it in one."
    else:
        return
    raise InputError(msg)
