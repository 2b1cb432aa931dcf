"""The task ``export``: write the grid of an earlier run in other formats or under another grade."""

import getpass
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ilp_models.audit.register import Entry, Register
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.export.geoparquet import read_forecast, read_places, read_provenance
from ilp_models.export.marking import mark
from ilp_models.export.writers import Export, marked_names
from ilp_models.pipeline.study import now


def run(
    *, source: str, grade: str, register: str, formats: Sequence[str], config: Mapping[str, Any], folder: Path
) -> str:
    """Return where the files are, having written them under names that show their grade.

    Parameters
    ----------
    source : str
        Folder of a run of ``weekly``, ``audit`` or ``forecast``, holding ``forecast.parquet``.
    grade : str
        ``research`` or ``allocation``.
    register : str
        File in which an allocation-grade export leaves a line before its files appear.
    formats : sequence of str
        Any of ``parquet``, ``gpkg``, ``geojson``, ``csv``, ``geotiff``.
    config : mapping
        Resolved settings of the task.
    folder : Path
        Folder of this run.

    Returns
    -------
    str
        One line a file; for allocation, also what the decision rests on.

    Raises
    ------
    InputError
        If the folder holds no forecast.
    WithheldError
        If the grade is ``allocation`` and no decision admits that very forecast; nothing is written.
    """
    del config
    export = Export(tuple(formats), grade)
    origin = Path(source)
    path = origin / "forecast.parquet"
    if not path.is_file():
        msg = f"{origin} holds no forecast.parquet; run `ilp weekly` first, or name a run's folder with source=FOLDER."
        raise InputError(msg)
    forecast, places, made = read_forecast(path), read_places(path), read_provenance(path)
    decision = _read_decision(origin / "decision.json", grade)
    names = marked_names(export.grade)
    if decision is not None and grade == "allocation":
        # asked before the line is written, which must not tell of a refused export; the line comes before the files,
        # because a line too many can be explained and an export without one cannot
        mark(forecast, made, decision, grade)
        Register(Path(register)).append(_entry(forecast, decision, [names[form] for form in export.formats]))
    files = export.write(forecast, places, made, decision, folder, names)
    told = [f"Exported as {export.grade}:", *(f"  {file}" for file in files)]
    if decision is not None and grade == "allocation":
        told += [
            *decision.reasons,
            "The seal of decision.json is a checksum and no signature: know where it came from.",
        ]
    return "\n".join(told)


def _entry(forecast: RiskForecast, decision: Decision, names: Sequence[str]) -> Entry:
    content = {
        "forecast": forecast.digest(),
        "cells": forecast.expected.shape[1],
        "periods": [str(period) for period in forecast.periods],
        "files": list(names),
    }
    return Entry("exported", _user(), str(decision.to_dict()["seal"]), now(), content)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container may run under a number that has no name
        return f"user {os.getuid()}"


def _read_decision(path: Path, grade: str) -> Decision | None:
    """Return the decision beside a forecast; one that is not valid counts as none for research and is refused else."""
    if not path.is_file():
        return None
    try:
        return Decision.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except WithheldError:
        if grade == "research":
            return None
        raise
    except ValueError as error:
        if grade == "research":
            return None
        msg = f"{path} cannot be read ({error}); run the audit again."
        raise WithheldError(msg) from error
