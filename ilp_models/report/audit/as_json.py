"""The report of an audit for programs: one row a number, its schema in the package."""

import json
import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.report.audit.dossier import SENSITIVITY, AuditRecord
from ilp_models.report.audit.tables import COUNTS, KEYS, NUMBERS, measure_rows
from ilp_models.report.definitions import NOTATION, defined
from ilp_models.report.page import write_whole

SCHEMA_VERSION: Final = "1.0"
_SCHEMA: Final = "schema/audit-report-1.json"
_TABLES: Final = ("feedback", "gaps", "proxies", "frontier")
_OF_DECISION: Final = ("forecaster", "recipe", "forecast", "cutoff", "periods", "seal")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``report.json``."""
    text = files("ilp_models.report").joinpath(_SCHEMA).read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def report_content(dossier: AuditRecord) -> dict[str, Any]:
    """Return the content of ``report.json``."""
    decision, rows = dossier.decision, measure_rows(dossier)
    tables = {name: getattr(dossier, name) for name in _TABLES} | {
        f"sensitivity.{name}": table for name, table in dossier.sensitivity.items()
    }
    lacking = [name for name in (*_TABLES, "explanation", "intake", "measures") if getattr(dossier, name) is None]
    lacking += [name for name in ("settings", "provenance", "command") if not getattr(dossier, name)]
    lacking += [name for name in SENSITIVITY if name not in dossier.sensitivity]
    content = {
        "schema_version": SCHEMA_VERSION,
        "decision": {name: getattr(decision, name) for name in _OF_DECISION}
        | {
            "standing": dossier.standing,
            "admitted": decision.admitted,
            "reasons": list(decision.reasons),
            "may_be_accepted": list(decision.reviews),
            "issued": decision.issued.isoformat(),
            "valid_until": decision.valid_until.isoformat(),
        },
        "header": {
            "city": dossier.city,
            "crime_types": list(decision.report.crime_types),
            "groups": [list(pair) for pair in decision.report.groups],
            "areal_unit": _areal_unit(dossier),
            "command": dossier.command,
            "audit": dict(dossier.header),
            "changed": list(decision.report.changed),
            "provenance": dict(dossier.provenance),
            "settings": dict(dossier.settings),
        },
        "definitions": {"notation": NOTATION} | {name: vars(defined(name)) for name in dict.fromkeys(rows["measure"])},
        "measures": [_row(row) for row in rows.to_dict("records")],
        "findings": [finding.to_dict() for finding in decision.findings],
        "tables": {name: table.to_dict("records") for name, table in tables.items() if table is not None},
        "absent": {name: dossier.why_absent(name) for name in lacking},
        "caveat": CAVEAT,
        "scope": SCOPE,
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def write_audit_json(dossier: AuditRecord, folder: Path) -> Path:
    """Return the path of the report for programs."""
    text = json.dumps(report_content(dossier), allow_nan=False, ensure_ascii=False)
    return write_whole(folder / "report.json", text + "\n")


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    kept = (*KEYS, *NUMBERS, *COUNTS)
    judged = {name: row[name] or None for name in ("state", "check", "reason")}
    return {name: row[name] for name in kept} | {"enough": row["enough"]} | judged


def _areal_unit(dossier: AuditRecord) -> dict[str, Any] | None:
    grid = dossier.grid
    if grid is None:
        return None
    return {
        "cells": len(grid),
        "least_km2": float(grid.area_m2.min() / 1e6),
        "most_km2": float(grid.area_m2.max() / 1e6),
    }


def _plain(value: Any) -> Any:
    """Return a value without anything that JSON does not know: NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)
