"""The task `objection`: record an objection to a plan, answer it, take it back, or list all."""

from pathlib import Path
from typing import Final

from ilp_models.audit.register.objections import (
    ANSWERED,
    RETRACTED,
    PlanObjection,
    close_objection,
    objections_in,
    record_objection,
)
from ilp_models.audit.register.register import Register
from ilp_models.data.personal_data import personal_in_text
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.registration import last_line, user
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.pipeline.terminal_text import as_text

_NO_PERSONS: Final = "The register is kept and read by others: describe the place and the reason, not people."


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    decision: str | None,
    area: str | None,
    text: str | None,
    made_by: str,
    answer: int | None,
    answered_by: str | None,
    retract: int | None,
    register: str,
    last: str | None = None,
    folder: Path,
) -> str:
    """Write one line to the register, or none, and return the objections."""
    del folder
    book = Register(Path(register), last)
    words = as_text(text)
    if answer is not None and retract is not None:
        msg = f"answer={answer} and retract={retract} exclude each other. Set one of them."
        raise InputError(msg)
    for setting, given in (("area", as_text(area)), ("text", words)):
        if found := personal_in_text(given):
            msg = f"{setting} holds what looks like {found} and cannot be recorded. {_NO_PERSONS}"
            raise InputError(msg)
    if answer is not None or retract is not None:
        act, number = (ANSWERED, answer) if answer is not None else (RETRACTED, retract)
        content = {"text": words, "answered_by": as_text(answered_by)}
        changed = close_objection(book, _number(number), act, content, user(), now())
        head = [f"Objection {changed.number} is {changed.state}: {changed.answer}"]
    elif words or area is not None:
        seal = str(decision) if decision else RunFolder.from_path(source).decision().seal
        made = record_objection(book, seal, {"area": as_text(area), "text": words, "made_by": made_by}, user(), now())
        head = [f"Objection {made.number} is recorded. Every approval lists it until it is answered or taken back."]
    else:
        head = []
    return "\n".join([*head, *objection_lines(objections_in(book.verify().lines)), last_line(book)])


def _number(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        msg = f"{given!r} is not the number of an objection. `ilp objection` lists them."
        raise InputError(msg)
    return given


def objection_lines(objections: tuple[PlanObjection, ...]) -> list[str]:
    """Return the open objections and the number of the others, for the terminal."""
    open_ones = [one for one in objections if one.open]
    closed = len(objections) - len(open_ones)
    lines = [f"Open objections: {len(open_ones)} (answered or taken back: {closed})"]
    return [*lines, *(f"  {one.as_text()}" for one in open_ones)]
