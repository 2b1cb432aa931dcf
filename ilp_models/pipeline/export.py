"""The task ``export``: write the grid of an earlier run in other formats or under another grade."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.export.writers import Export, marked_names
from ilp_models.pipeline.allocation_record import grounds
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.run_folder import RunFolder, user


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    grade: str,
    register: str,
    trusted: str | None,
    formats: Sequence[str],
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return where the files are, having written them under names that show their grade."""
    del config
    export, left = Export(tuple(formats), grade), RunFolder.from_path(source)
    names, allowed = marked_names(export.grade), grade == "allocation"
    asked = [names[form] for form in export.formats]
    decision = _permitted(left, register, trusted, asked) if allowed else _known(left)
    files = export.write(left.forecast, left.places, left.provenance, decision, folder, names)
    rests_on = grounds(decision) if allowed and decision is not None else []
    return "\n".join([f"Exported as {export.grade}:", *(f"  {file}" for file in files), *rests_on])


def _permitted(left: RunFolder, register: str, trusted: str | None, names: Sequence[str]) -> Decision:
    """Return the decision that lets the files out, having left their line in the register.

    The line comes before the files, because a line too many can be explained and an export without one cannot.
    """
    decision = left.permitted_decision(register, trusted)
    Register(Path(register)).append(_entry(left, decision, names), left.asked_again(decision, trusted))
    return decision


def _known(left: RunFolder) -> Decision | None:
    """Return the decision to quote in files for research, where one that is not valid counts as none."""
    try:
        return left.decision()
    except WithheldError:
        return None


def _entry(left: RunFolder, decision: Decision, names: Sequence[str]) -> RegisterEntry:
    forecast = left.forecast
    content = {
        "forecast": forecast.digest(),
        "cells": forecast.expected.shape[1],
        "areas": sorted({str(area) for area in left.places.area if area}),
        "periods": [str(period) for period in forecast.periods],
        "files": list(names),
    }
    return RegisterEntry("exported", user(), decision.seal, now(), content)
