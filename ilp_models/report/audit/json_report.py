"""Write ``report.json``: the audit report for programs, one row per number, with a JSON Schema."""

import json
import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.domain.finding import REPORTED, State, sentence
from ilp_models.report.audit.audit_record import SENSITIVITY, AuditRecord
from ilp_models.report.audit.tables import COUNTS, KEYS, NUMBERS, measure_rows
from ilp_models.report.definitions import NOTATION, definition_row
from ilp_models.report.page import write_text_file

SCHEMA_VERSION: Final = "2.1"
_SCHEMA: Final = "schema/audit-report-2.json"
_TABLES: Final = ("group_gaps", "feedback", "gaps", "proxies", "frontier")
_DECISION_FIELDS: Final = ("forecaster", "recipe", "forecast", "cutoff", "periods", "seal")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``report.json``."""
    text = files("ilp_models.report").joinpath(_SCHEMA).read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def report_content(record: AuditRecord) -> dict[str, Any]:
    """Return the content of ``report.json`` as plain JSON values."""
    decision, rows = record.decision, measure_rows(record)
    tables = {name: getattr(record, name) for name in _TABLES} | {
        f"sensitivity.{name}": table for name, table in record.sensitivity.items()
    }
    missing = [name for name in (*_TABLES, "explanation", "intake", "measures") if getattr(record, name) is None]
    missing += [name for name in ("settings", "provenance", "command") if not getattr(record, name)]
    missing += [name for name in SENSITIVITY if name not in record.sensitivity]
    content = {
        "schema_version": SCHEMA_VERSION,
        "decision": {name: getattr(decision, name) for name in _DECISION_FIELDS}
        | {
            "standing": record.status,
            "admitted": decision.admitted,
            "reasons": list(decision.reasons),
            "may_be_accepted": list(decision.reviews),
            "issued": decision.issued.isoformat(),
            "valid_until": decision.valid_until.isoformat(),
        },
        "header": {
            "city": record.city,
            "crime_types": list(decision.report.crime_types),
            "groups": [list(pair) for pair in decision.report.groups],
            "areal_unit": _areal_unit(record),
            "command": record.command,
            "audit": dict(record.header),
            "changed": list(decision.report.changed),
            "provenance": dict(record.provenance),
            "settings": dict(record.settings),
        },
        "definitions": {"notation": NOTATION} | {name: definition_row(name) for name in dict.fromkeys(rows["measure"])},
        "measures": [_measure(row) for row in rows.to_dict("records")],
        "findings": [one.to_dict() | {"text": sentence(one)} for one in decision.findings],
        "tables": {name: table.to_dict("records") for name, table in tables.items() if table is not None},
        "absent": {name: record.missing_reason(name) for name in missing},
        "caveat": CAVEAT,
        "scope": SCOPE,
    }
    json_values: dict[str, Any] = _json_value(content)
    return json_values


def write_audit_json(record: AuditRecord, folder: Path) -> Path:
    """Write ``report.json`` and return its path."""
    text = json.dumps(report_content(record), allow_nan=False, ensure_ascii=False)
    return write_text_file(folder / "report.json", text + "\n")


def _measure(row: Mapping[Any, Any]) -> dict[str, Any]:
    numbers = {name: row[name] for name in (*KEYS, *NUMBERS, *COUNTS)}
    finding = {name: row[name] or None for name in ("state", "check", "reason")}
    if finding["state"] == REPORTED:
        finding["state"] = str(State.PASS)  # as in decision.json
    return numbers | {"enough": row["enough"]} | finding


def _areal_unit(record: AuditRecord) -> dict[str, Any] | None:
    grid = record.grid
    if grid is None:
        return None
    return {
        "cells": len(grid),
        "least_km2": float(grid.area_m2.min() / 1e6),
        "most_km2": float(grid.area_m2.max() / 1e6),
    }


def _json_value(value: Any) -> Any:
    """Return a value as plain JSON; NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(one) for one in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)
