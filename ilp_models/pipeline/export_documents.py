"""Gather what the documents of an export say about the run: its settings, scores, decision and records."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.local_file import file_in_folder
from ilp_models.export.marking import Marking
from ilp_models.export.run_facts import RunFacts
from ilp_models.model.bundle import read_bundle
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.pipeline.run_record import read_record

_COPIED: Final = {
    "settings.yaml": ".hydra/config.yaml",
    "decision.json": "decision.json",
    "summary.csv": "summary.csv",
    "skill.csv": "skill.csv",
}
_LARGEST: Final = 1 << 20


def run_facts(
    earlier: RunFolder, marking: Marking, decision: Decision | None, statements: Mapping[str, str | list[str]]
) -> RunFacts:
    """Return what the folder of a run knows about it."""
    folder = earlier.folder
    names = {new: old for new, old in _COPIED.items() if (folder / old).is_file()}
    if decision is not None and decision.forecast != earlier.forecast.digest():
        decision = None
    if decision is None:
        names.pop("decision.json", None)  # it is damaged, or of another forecast
    bundle = read_bundle(folder / "model") or {}
    task = str(_stored(folder, ".hydra/hydra.yaml", {}).get("hydra", {}).get("job", {}).get("name", ""))
    words = _stored(folder, ".hydra/overrides.yaml", [])
    return RunFacts(
        marking=marking,
        decision=decision,
        task=task,
        command=shlex.join(["ilp", task, *map(str, words)]) if task else "",
        model=str(bundle.get("class", "")).rpartition(".")[2],
        intake=read_record(folder, "intake.json").content if (folder / "intake.json").is_file() else {},
        files={new: file_in_folder(folder, old) for new, old in names.items()},
        statements=statements,
    )


def _stored(folder: Path, name: str, empty: Any) -> Any:
    """Return the content of a YAML file of a run; the empty value where there is none."""
    if not (folder / name).is_file():
        return empty
    try:
        text = file_in_folder(folder, name).read_bytes()
        found = yaml.safe_load(text) if len(text) <= _LARGEST else None
    except (StorageError, RecursionError, ValueError, yaml.YAMLError) as error:
        msg = f"{folder / name} cannot be read ({error}). Ask for a complete copy of the run."
        raise InputError(msg) from error
    return found if isinstance(found, type(empty)) else empty
