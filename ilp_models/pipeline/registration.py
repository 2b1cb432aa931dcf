"""Record decisions and releases in the register before any file may be used for resource allocation."""

import json
import logging
import os
import pwd
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ilp_models.audit.register.approvals import decision_in_state, record_decision, registered_decision
from ilp_models.audit.register.declarations import declarations_for
from ilp_models.audit.register.earlier import RegisterSnapshot, earlier_decisions
from ilp_models.audit.register.register import Register, RegisterEntry, RegisterState
from ilp_models.audit.register.standing_checks import StandingOutlook
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError, StorageError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.pipeline.clock import now

_LOG = logging.getLogger(__name__)
REGISTER: Final = "outputs/register.jsonl"
_TASKS: Final = ("weekly", "audit", "preregister")  # their run folders lie in output/<task>


@dataclass(frozen=True)
class RegisterPath:
    """The register of a run, and where it is by default."""

    book: Register
    default: Path = Path(REGISTER)

    @classmethod
    def of_task(cls, register: Register, folder: Path) -> "RegisterPath":
        """Return the register of a task with the folder of its run, such as ``outputs/weekly/2026-01-05-run``."""
        own = folder.absolute()
        outputs = next((place.parent for place in own.parents if place.name in _TASKS), own)
        return cls(register, outputs / Path(REGISTER).name)

    def change(self) -> list[str]:
        """Return the path in words if it is not the default."""
        if self.book.path.resolve() == self.default.resolve():
            return []
        return [f"register={self.book.path} (default {self.default.name} in the output folder)"]


def register_snapshot(register: Register, header: Mapping[str, Any], begins: datetime) -> RegisterSnapshot:
    """Return what the register holds on the data of an audit header, and how many decisions of its folder it lacks.

    It includes the declarations that were made before the forecast period begins.
    """
    path = register.path
    try:
        state = register.verify()
    except StorageError as error:
        return RegisterSnapshot(str(path), "", 0, fault=str(error).rstrip("."))
    known = {line.decision for line in state.lines if line.act == "decided"}
    seals = {seal for seal in map(_seal_in, path.absolute().parent.glob("*/*/decision.json")) if seal}
    return RegisterSnapshot(
        str(path),
        state.digest,
        state.entries,
        earlier_decisions(state.lines, header),
        len(seals - known),
        begins=begins.isoformat(),
        declarations=declarations_for(state.lines, header, begins.isoformat()),
    )


def _seal_in(path: Path) -> str:
    """Return the seal that a decision.json shows; empty if it cannot be read."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["seal"])
    except (OSError, RecursionError, KeyError, TypeError, ValueError):
        return ""


def register_decision(decision: Decision, register: Register, files: Mapping[str, str] | None = None) -> str:
    """Record a new decision and return the grade that its files may have.

    ``files`` has the SHA-256 of each file that the decision rests on. The grade is `research` if the decision
    withholds, or if the register cannot be written.
    """
    try:
        record_decision(register, decision, user(), files)
    except IlpError as error:
        _LOG.warning("The decision is not in the register, so its files are for research only: %s", error)
        return "research"
    return "allocation" if decision.admitted else "research"


def release(forecast: RiskForecast, areas: Iterable[str], decision: Decision, file: str, register: Register) -> str:
    """Return the grade that a file of a forecast may have, having recorded its release for allocation.

    A decision that the register does not know yet is recorded first.
    """
    if not any(line.act == "decided" for line in register.verify().entries_of(decision.seal)):
        register_decision(decision, register)
    if not decision.admitted and not decision.reviews:
        return "research"
    known = registered_decision(register, decision, now())
    if not known.admitted and not known.approved:
        return "research"
    known.require_permission(forecast, now())

    def check(state: RegisterState) -> None:
        decision_in_state(state, decision, now()).require_permission(forecast, now())

    register.append(export_entry(forecast, areas, decision, [file]), check)
    return "allocation"


def export_entry(
    forecast: RiskForecast, areas: Iterable[str], decision: Decision, files: Sequence[str]
) -> RegisterEntry:
    """Return the line of the register on an export for allocation."""
    content = {
        "forecast": forecast.digest(),
        "cells": forecast.expected.shape[1],
        "areas": sorted({str(area) for area in areas if area}),
        "periods": [str(period) for period in forecast.periods],
        "files": list(files),
    }
    return RegisterEntry("exported", user(), decision.seal, now(), content)


def last_line(register: Register) -> str:
    """Return the register and the digest of its last line in one line; to be stored elsewhere and given as ``last``."""
    try:
        return f"Register: {register.path}, last={register.verify().digest}"
    except StorageError as error:
        return f"Register: {error}"


def standing_outlook(register: Register, decision: Decision) -> tuple[StandingOutlook, str] | None:
    """Return the standing approval of a decision's method, and the folder of the run that was signed, if there is one.

    The folder is ``FOLDER`` if it is not in the folder of the register.
    """
    try:
        found = StandingOutlook.from_lines(register.verify().lines, decision, now())
    except StorageError:
        return None
    if found is None:
        return None
    runs = (path.parent for path in register.path.parent.glob("*/*/decision.json") if _seal_in(path) == found.signed)
    return found, str(next(runs, "FOLDER"))


def user() -> str:
    """Return the name of the user on this machine, for lines of the register."""
    try:
        # not getpass.getuser, which believes $LOGNAME
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"  # a container may run under a number that has no name
