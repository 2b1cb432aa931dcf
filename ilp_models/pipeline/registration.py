"""Record decisions and releases in the register before any file may be used for resource allocation."""

import getpass
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from ilp_models.audit.register.approvals import decision_in_state, record_decision, registered_decision
from ilp_models.audit.register.register import Register, RegisterEntry, RegisterState
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.pipeline.clock import now

_LOG = logging.getLogger(__name__)
REGISTER: Final = "outputs/register.jsonl"


def register_decision(decision: Decision, register: Path) -> str:
    """Record a new decision and return the grade that its files may have.

    The grade is `research` if the decision withholds, or if the register cannot be written.
    """
    try:
        record_decision(Register(register), decision, user())
    except IlpError as error:
        _LOG.warning("The decision is not in the register, so its files are for research only: %s", error)
        return "research"
    return "allocation" if decision.admitted else "research"


def release(forecast: RiskForecast, areas: Iterable[str], decision: Decision, file: str, register: Path) -> str:
    """Return the grade that a file of a forecast may have, having recorded its release for allocation.

    A decision that the register does not know yet is recorded first.
    """
    book = Register(register)
    if not any(line.act == "decided" for line in book.verify().entries_of(decision.seal)):
        register_decision(decision, register)
    if not decision.admitted and not decision.reviews:
        return "research"
    known = registered_decision(book, decision, now())
    if not known.admitted and not known.approved:
        return "research"
    known.require_permission(forecast, now())

    def check(state: RegisterState) -> None:
        decision_in_state(state, decision, now()).require_permission(forecast, now())

    book.append(export_entry(forecast, areas, decision, [file]), check)
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


def user() -> str:
    """Return the name of the user on this machine, for lines of the register."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"  # a container may run under a number that has no name
