"""Describe exported files and the run behind them as an RO-Crate 1.1 with the profile Process Run Crate 0.5."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.export.run_facts import RunFacts

METADATA: Final = "ro-crate-metadata.json"
_CRATE: Final = "https://w3id.org/ro/crate/1.1"
_PROFILE: Final = "https://w3id.org/ro/wfrun/process/0.5"
_SHA256: Final = "https://w3id.org/ro/terms/workflow-run#sha256"  # the context of 1.1 has no such term
_KINDS: Final = {
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".qml": "application/xml",
    ".tif": "image/tiff",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
}

Entity = dict[str, Any]


def write_crate(facts: RunFacts, folder: Path, now: datetime) -> None:
    """Copy settings, decision and scores of the run to the exported files, and describe all in the metadata file."""
    results = sorted(path.name for path in folder.iterdir())
    for name, path in facts.files.items():
        shutil.copyfile(path, folder / name)
    copied = [name for name in facts.files if name not in results]
    files = [_file(folder / name, facts, exported=name in results) for name in (*results, *copied)]
    entities = [*_root(facts, [*results, *copied], now), *files, *_run(facts, results, copied)]
    content = {"@context": [f"{_CRATE}/context", {"sha256": _SHA256}], "@graph": entities}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (folder / METADATA).write_text(text, encoding="utf-8")


def _root(facts: RunFacts, files: Iterable[str], now: datetime) -> list[Entity]:
    """Return the metadata file, the crate, its profile, its licence and the people or the organisation behind it."""
    marks, people = facts.marking.facts, _people(facts)
    crate: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Risk forecast of {marks['forecaster']}, cutoff {marks['cutoff'][:10]}",
        "description": f"{facts.marking.headline}. {CAVEAT}",
        "datePublished": now.isoformat(),
        "license": _link("#licence"),
        "conditionsOfAccess": marks["use"],
        "conformsTo": _link(_PROFILE),
        "hasPart": [_link(name) for name in files],
        "mentions": _link("#run"),
    }
    if people:
        crate["author"] = _link(people[0]["@id"])
    if people and people[0]["@type"] == "Organization":
        crate["publisher"] = _link(people[0]["@id"])
    licence = {
        "@id": "#licence",
        "@type": "CreativeWork",
        "name": "Licence of the records",
        "description": marks["attribution"] or "The publisher of the records states no licence.",
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": _link(_CRATE),
        "about": _link("./"),
    }
    profile = {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    return [descriptor, crate, profile, licence, *people]


def _people(facts: RunFacts) -> list[Entity]:
    """Return the organisation that is stated, or else the person who trained the model; empty if neither is known."""
    organisation, trainer = facts.statements.get("organisation"), facts.governance.get("trainer")
    if organisation:
        return [{"@id": "#organisation", "@type": "Organization", "name": str(organisation)}]
    return [{"@id": "#trainer", "@type": "Person", "name": trainer}] if trainer else []


def _file(path: Path, facts: RunFacts, *, exported: bool) -> Entity:
    marks = {"conditionsOfAccess": facts.marking.facts["use"]} if exported else {}
    return {
        "@id": path.name,
        "@type": "File",
        "name": path.name,
        "encodingFormat": _KINDS.get(path.suffix, "application/octet-stream"),
        "contentSize": str(path.stat().st_size),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        **marks,
    }


def _run(facts: RunFacts, results: list[str], copied: list[str]) -> list[Entity]:
    """Return the action, the program and the records that it read."""
    marks, intake, people = facts.marking.facts, facts.intake, _people(facts)
    names = ", ".join(Path(one).name for one in intake.get("files", ()))  # no folders of a machine
    records: Entity = {
        "@id": "#records",
        "@type": "CreativeWork",
        "name": str(intake.get("source") or "Records of incidents"),
        "sha256": marks["data"],
        "description": f"SHA-256 of the events. {f'Files: {names}.' if names else 'The files are not stated.'}",
    }
    program: Entity = {
        "@id": "#program",
        "@type": "SoftwareApplication",
        "name": "ilp_models",
        "softwareVersion": marks["code"],
    }
    settings = [_link(name) for name in copied if name.endswith(".yaml")]
    run: Entity = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"ilp {facts.task}".strip(),
        "description": facts.command or "The command is not stated.",
        "endTime": marks["created"],
        "actionStatus": _link("http://schema.org/CompletedActionStatus"),
        "instrument": _link("#program"),
        "object": [_link("#records"), *settings],
        "result": [_link(name) for name in (*results, *copied) if not name.endswith(".yaml")],
        "identifier": f"recipe {marks['recipe']}, forecast {marks['forecast']}, decision {marks['decision']}",
    }
    if people:
        run["agent"] = _link(people[0]["@id"])
    return [run, program, records]


def _link(identity: str) -> Mapping[str, str]:
    return {"@id": identity}
