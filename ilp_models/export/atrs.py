"""The transparency record of the UK standard (ATRS 1.1), filled from the run; missing fields are listed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from ilp_models.domain.checks import label_of
from ilp_models.domain.disclaimers import SCOPE
from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import is_blank
from ilp_models.domain.local_file import local_file
from ilp_models.domain.printable import printable
from ilp_models.export.run_facts import RunFacts

STANDARD: Final = "UK Algorithmic Transparency Recording Standard 1.1 (2 December 2021)"
LICENCE: Final = "Contains public sector information licensed under the Open Government Licence v3.0."
_SCHEMA: Final = "schema/uk-atrs-1.1.schema.json"
_LARGEST: Final = 1 << 20  # bytes of a file of statements
_GOVERNANCE: Final = {  # settings of the audit that fill a field
    "scope": "audit.governance.purpose",
    "benefit": "audit.governance.goal and success_criterion",
    "human_decisions": "audit.governance.reviewer",
    "appeals_and_review": "audit.governance.complaints",
}
_AUDIT: Final = {"impact_assessment_name": "an audit with audit.groups", "risk_name": "an audit"}

Value = str | list[str]


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the record."""
    return dict(json.loads(Path(__file__).with_name("schema").joinpath(Path(_SCHEMA).name).read_text(encoding="utf-8")))


@dataclass(frozen=True, eq=False)
class TransparencyRecord:
    """The fields of a record that are known, where each comes from, and the required ones that are missing."""

    fields: Mapping[str, Value]
    origins: Mapping[str, str]  # run or statement

    @classmethod
    def from_run(cls, facts: RunFacts) -> "TransparencyRecord":
        """Fill the fields that the run knows; statements of the organisation come first. No text is made up."""
        own = {name: fill(facts) for name, fill in _FILLED.items()}
        fields: dict[str, Value] = {}
        for name in schema()["properties"]:
            value = facts.statements.get(name) or own.get(name)
            if value and not all(map(is_blank, [value] if isinstance(value, str) else value)):
                fields[name] = value
        origins = {name: "statement" if facts.statements.get(name) else "run" for name in fields}
        return cls(fields, origins)

    @property
    def missing(self) -> dict[str, str]:
        """The required fields that are missing, and where to state each."""
        return {name: _where(name) for name in schema()["required"] if name not in self.fields}

    @property
    def count(self) -> str:
        """How many required fields are filled, such as ``7 of 19``."""
        required = schema()["required"]
        return f"{len(required) - len(self.missing)} of {len(required)}"

    def to_dict(self, facts: RunFacts) -> dict[str, Any]:
        """Return the record as plain values, with the marks of the export."""
        return {
            "standard": STANDARD,
            "licence": LICENCE,
            "use": facts.marking.facts["use"],
            "decision": facts.marking.decision,
            "required_filled": self.count,
            "missing": self.missing,
            "origins": dict(self.origins),
            "record": dict(self.fields),
        }

    def to_markdown(self, facts: RunFacts) -> str:
        """Return the record as a page for readers."""
        titles = {name: str(one["title"]) for name, one in schema()["properties"].items()}
        lines = [f"# Transparency record: {facts.marking.facts['forecaster']}", "", f"**{facts.marking.headline}**", ""]
        lines += [f"{STANDARD}. Required fields filled: {self.count}.", ""]
        if self.missing:
            lines += ["## Missing required fields", "", "| field | where to state it |", "|---|---|"]
            lines += [f"| {titles[name]} (`{name}`) | {where} |" for name, where in self.missing.items()] + [""]
        lines += ["## Record", "", "| field | content | from |", "|---|---|---|"]
        for name, value in self.fields.items():
            text = value if isinstance(value, str) else "; ".join(value)
            clean = " ".join(printable(text).split()).replace("|", "\\|")
            lines.append(f"| {titles[name]} (`{name}`) | {clean} | {self.origins[name]} |")
        return "\n".join([*lines, "", LICENCE, ""])


def read_statements(path: str | None) -> dict[str, Value]:
    """Return the fields that an organisation states in a JSON file; those that a run wrote there are left out.

    The file is a record of an earlier export, completed, or the fields alone. InputError names the first wrong field.
    """
    if path is None:
        return {}
    file = local_file(path, "statements=")
    try:
        text = file.read_bytes()
        plain = json.loads(text.decode("utf-8-sig")) if len(text) <= _LARGEST else None
    except (RecursionError, ValueError) as error:
        msg = f"statements={path} is not a JSON file ({error}). Start from the JSON file of formats=[atrs]."
        raise InputError(msg) from error
    if not isinstance(plain, dict):
        msg = f"statements={path} has no fields. Start from the JSON file of formats=[atrs]."
        raise InputError(msg)
    record, origins = plain.get("record", plain), plain.get("origins", {})
    if not isinstance(record, dict) or not isinstance(origins, dict):
        msg = f"statements={path}: `record` and `origins` must have names of fields. Start from an exported file."
        raise InputError(msg)
    for name, value in record.items():
        _check(path, str(name), value)
    return {name: value for name, value in record.items() if origins.get(name) != "run" or "record" not in plain}


def _check(path: str, name: str, value: object) -> None:
    """Raise InputError unless a field exists and has a value of its kind."""
    known = schema()["properties"]
    if name not in known:
        msg = f"statements={path}: the standard has no field {name!r}. Choose from {', '.join(known)}."
        raise InputError(msg)
    several = known[name]["type"] == "array"
    texts = value if several and isinstance(value, list) else [value]
    if (several and not isinstance(value, list)) or not all(isinstance(one, str) for one in texts):
        kind = 'a list of texts, such as ["..."]' if several else "a text in quotes"
        msg = f"statements={path}: {name}={value!r} must be {kind}."
        raise InputError(msg)


def _where(name: str) -> str:
    """Return where a missing field is stated."""
    if name in _GOVERNANCE:
        return f"{_GOVERNANCE[name]}, or `{name}` in the file of statements"
    if name in _AUDIT:
        return f"{_AUDIT[name]}, or `{name}` in the file of statements"
    return f"`{name}` in the file of statements"


def _scope(facts: RunFacts) -> Value:
    purpose = facts.governance.get("purpose", "")
    return f"{purpose}. Limits: {SCOPE}." if purpose else ""


def _benefit(facts: RunFacts) -> Value:
    """Return the goal and its criterion: what is intended, never what was achieved."""
    goal, criterion = (facts.governance.get(name, "") for name in ("goal", "success_criterion"))
    return f"Goal: {goal}. Success: {criterion}." if goal and criterion else ""


def _model(facts: RunFacts) -> Value:
    name = facts.marking.facts["forecaster"]
    return f"Forecaster {name} ({facts.model}), recipe {facts.marking.facts['recipe']}" if facts.model else ""


def _people(facts: RunFacts) -> Value:
    known = facts.governance
    if not known.get("reviewer"):
        return ""
    owner = f"; {known['owner']} answers for the use" if known.get("owner") else ""
    judge = f"; {known['decided_by']} decides on the result" if known.get("decided_by") else ""
    return f"{known['reviewer']} decides on forecasts with checks that need review{owner}{judge}."


def _maintenance(facts: RunFacts) -> Value:
    known = facts.governance
    review = f"Use is reviewed again on {known['review_date']}." if known.get("review_date") else ""
    end = f"Use ends on {known['use_until']}, unless the result supports it." if known.get("use_until") else ""
    return " ".join(filter(None, (review, end)))


def _data_name(facts: RunFacts) -> Value:
    return [str(facts.intake["source"])] if facts.intake.get("source") else []


def _data(facts: RunFacts) -> Value:
    intake = facts.intake
    if not intake.get("start") or not intake.get("source"):
        return []
    types = ", ".join(map(str, intake.get("crime_types", {})))
    span = f"{intake['start'][:10]} to {intake['end'][:10]}"
    return [f"{intake['rows_kept']:,} recorded incidents, {span}, with place, time and crime type ({types})"]


def _assessment(facts: RunFacts) -> Value:
    decision = facts.decision
    if decision is None or not decision.report.groups:
        return []
    groups = len(decision.report.groups)
    return [f"Audit of forecast and allocation rule for {groups} groups of residents, decision {decision.short}"]


def _assessment_date(facts: RunFacts) -> Value:
    return [f"{facts.decision.issued:%Y-%m-%d}"] if facts.decision is not None and _assessment(facts) else []


def _risks(facts: RunFacts) -> Value:
    found = () if facts.decision is None else facts.decision.obstacles
    return [label_of(one.check) if one.check else one.fault for one in found]


def _risk_texts(facts: RunFacts) -> Value:
    return [] if facts.decision is None else [one.as_text() for one in facts.decision.obstacles]


_FILLED: Final[Mapping[str, Callable[[RunFacts], Value]]] = {
    "senior_responsible_owner": lambda facts: facts.governance.get("owner", ""),
    "scope": _scope,
    "benefit": _benefit,
    "model_type": _model,
    "maintenance": _maintenance,
    "provided_information": lambda facts: facts.marking.facts["units"],
    "human_decisions": _people,
    "appeals_and_review": lambda facts: facts.governance.get("complaints", ""),
    "source_data_name": _data_name,
    "source_data_description": _data,
    "impact_assessment_name": _assessment,
    "impact_assessment_date": _assessment_date,
    "risk_name": _risks,
    "risk_description": _risk_texts,
}


def write_atrs(facts: RunFacts, path: Path) -> TransparencyRecord:
    """Write the record as JSON, and as a page with the ending ``.md``; return it."""
    record = TransparencyRecord.from_run(facts)
    content = json.dumps(record.to_dict(facts), indent=2, ensure_ascii=False)
    path.write_text(content + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(record.to_markdown(facts), encoding="utf-8")
    return record
