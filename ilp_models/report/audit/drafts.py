"""Tools for drafts in Markdown and JSON: facts of the audit, escaped text, and fields that a person must complete."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.domain.errors import StorageError
from ilp_models.domain.finding import state_text
from ilp_models.report import tables
from ilp_models.report.audit.audit_record import AuditRecord
from ilp_models.report.audit.check_summaries import unresolved_findings
from ilp_models.report.audit.tables import exposure_coverage_tables, measure_rows
from ilp_models.report.formatting import MISSING, crime_type_label, number, percent, records_summary
from ilp_models.report.page import write_text_file

OPEN: Final = "TO BE COMPLETED BY A PERSON"
_OPEN_FIELD: Final = re.compile(rf"(?<!\\)\[{OPEN}: [^\]]*\]")
_MARKUP: Final = re.compile(r"([\\`*_\[\]|~$])")
_HTML: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LINE_STARTS: Final = ((re.compile(r"^([-+=#])"), r"\\\1"), (re.compile(r"^(\d+)(?=[.)](?:\s|$))"), r"\1\\"))
_UNKNOWN: Final = "not available in this run"
_COORDINATE_TERMS: Final = ("coordinate", "place", "area", "point", "outside", "lsoa", "location")


class Markdown(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def open_field(what: str) -> Markdown:
    """Return the mark of a field that only a person can complete."""
    return Markdown(f"[{OPEN}: {what}]")


def value_or_open_field(value: object, what: str) -> object:
    """Return a value, or the mark of an open field if the value is empty."""
    return value if value is not None and str(value).strip() else open_field(what)


def escape_markdown(value: object) -> str:
    r"""Return a value as one line of Markdown text without active markup."""
    if isinstance(value, Markdown):
        return value
    line = " ".join("".join(one if one.isprintable() else " " for one in str(value)).split())
    line = _MARKUP.sub(r"\\\1", line)
    for mark, entity in _HTML.items():
        line = line.replace(mark, entity)
    for start, replacement in _LINE_STARTS:
        line = start.sub(replacement, line)
    return line


def count_open_fields(path: Path) -> int:
    """Return the number of open fields in a draft file."""
    try:
        return _count(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"The draft {path} cannot be read ({error}). Run the audit again."
        raise StorageError(msg) from error


def _count(text: str) -> int:
    return len(_OPEN_FIELD.findall(text))


def write_draft(path: Path, template: str, **values: Any) -> Path:
    """Render a Markdown draft with the number of its open fields and return its path."""
    pages = Environment(  # noqa: S701 - Markdown: values go through ``escape_markdown``, not through HTML escapes
        loader=PackageLoader("ilp_models.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=escape_markdown,
    )
    pages.filters.update(number=number, percent=percent, md=Markdown)
    pages.globals.update(open_field=open_field, value_or_open_field=value_or_open_field, open_mark=OPEN)
    page = pages.get_template(template)
    text = page.render(open=_count(page.render(open=0, **values)), **values)
    return write_text_file(path, re.sub(r"\n{3,}", "\n\n", text))


def write_json_draft(path: Path, content: dict[str, Any]) -> Path:
    """Write a JSON draft with the number of its open fields and return its path."""
    fields = _count(json.dumps(content, ensure_ascii=False))
    return write_text_file(path, json.dumps({"open_fields": fields} | content, indent=2, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class DraftFacts:
    """What the drafts state about an audit, as text; empty if it is not available."""

    forecaster: str
    recipe: str
    city: str
    cutoff: str
    seal: str
    status: str
    issued: str
    valid_until: str
    periods: int
    crime_types: tuple[str, ...]
    reasons: tuple[str, ...]
    changed: str  # audit settings that differ from the defaults
    groups: str
    areal_unit: str
    protocol: str
    records: str
    source: str
    span: str
    attribution: str
    data: str
    missing_coordinates: str
    missing_population: str
    tainted: str
    granularity: str
    accuracy: str
    explainable: str
    provenance: dict[str, str]
    group_rows: list[dict[str, str]]
    findings: list[dict[str, str]]  # that do not pass
    caveat: str = CAVEAT
    scope: str = SCOPE

    @classmethod
    def from_record(cls, record: AuditRecord) -> "DraftFacts":
        """Return the facts of an audit."""
        decision, intake = record.decision, record.intake
        return cls(
            **{name: str(getattr(decision, name)) for name in ("forecaster", "recipe", "cutoff", "seal")},
            city=record.city,
            status=record.status,
            issued=f"{decision.issued:%Y-%m-%d %H:%M %Z}",
            valid_until=f"{decision.valid_until:%Y-%m-%d %H:%M %Z}",
            periods=decision.periods,
            crime_types=record.crime_types,
            reasons=decision.reasons,
            changed="; ".join(decision.report.changed),
            groups=_groups(record),
            areal_unit=_areal_unit(record),
            protocol=tables.audit_protocol(decision.report),
            records="" if intake is None else records_summary(intake) + ".",
            source="" if intake is None else intake.source,
            span=_span(record),
            attribution="" if intake is None else intake.attribution,
            data=str(record.header.get("data", "")),
            missing_coordinates=_missing_coordinates(record),
            missing_population=_missing_population(record),
            tainted=_tainted(record),
            granularity=_granularity(record),
            accuracy=_accuracy(record),
            explainable=_explainable(record),
            provenance=dict(record.provenance),
            group_rows=_group_rows(record),
            findings=_findings(record),
        )


def _groups(record: AuditRecord) -> str:
    found: dict[str, list[str]] = {}
    for dimension, group in record.decision.report.groups:
        found.setdefault(dimension, []).append(group)
    return "; ".join(f"{dimension}: {', '.join(groups)}" for dimension, groups in found.items())


def _areal_unit(record: AuditRecord) -> str:
    grid = record.grid
    if grid is None:
        return _UNKNOWN
    low, high = grid.area_m2.min() / 1e6, grid.area_m2.max() / 1e6
    parents = ", ".join(map(str, grid.parents.columns)) or "none"
    size = number(low) if number(low) == number(high) else f"{number(low)} to {number(high)}"
    return f"{len(grid):,} cells of {size} km²; parent areas: {parents}"


def _span(record: AuditRecord) -> str:
    intake = record.intake
    if intake is None or intake.start is None or intake.end is None:
        return _UNKNOWN
    return f"{intake.start:%Y-%m-%d} to {intake.end:%Y-%m-%d} (end not included)"


def _missing_coordinates(record: AuditRecord) -> str:
    if record.intake is None:
        return _UNKNOWN
    found = [one for one in record.intake.findings if any(term in one.rule.lower() for term in _COORDINATE_TERMS)]
    if not found:
        return "no data quality rule found any"
    return "; ".join(f"{one.rule}: {one.count:,} {one.unit} ({percent(one.share)}), {one.action}" for one in found)


def _missing_population(record: AuditRecord) -> str:
    found = [one for one in record.decision.findings if one.check == "missing_population" and one.dimension]
    if not found:
        return "not available: there is no group table"
    return "; ".join(f"{one.dimension}: {percent(one.value, 2)}" for one in found)


def _tainted(record: AuditRecord) -> str:
    if not record.header.get("governance"):
        return _UNKNOWN
    spans = [f"{one.start} to {one.end}: {one.why}" for one in record.governance.tainted]
    return "; ".join(spans) or "none known, according to the governance settings"


def _granularity(record: AuditRecord) -> str:
    grid = record.grid
    if grid is None:
        return _UNKNOWN
    people = ""
    if grid.population is not None:
        people = f"; fewest residents of a cell: {number(float(np.nanmin(grid.population)))}"
    intake, events = record.intake, ""
    if intake is not None:
        events = f"; recorded crimes per cell in total: {number(intake.rows_kept / len(grid))}"
    return f"{_areal_unit(record)}{people}{events}"


def _accuracy(record: AuditRecord) -> str:
    types = record.decision.report.crime_types
    for one in record.decision.findings:
        if one.check == "deviance_skill" and one.crime_type == types[-1]:
            ends = " to ".join(percent(end, 2, sign=True) for end in (one.low, one.high))
            first, last = (str(record.header.get(name, ""))[:10] for name in ("first_period", "last_period"))
            return (
                f"{state_text(one)}: skill {percent(one.value, 2, sign=True)} ({ends}) compared with "
                f"{record.header.get('baseline', 'the baseline')}, periods from {first} to the one of {last}"
            )
    return "not available: the comparison with the baseline did not run"


def _explainable(record: AuditRecord) -> str:
    explanation = record.explanation
    if explanation is None:
        return f"no explanation: {record.missing_reason('explanation')}"
    return (
        f"attributions by feature ({explanation.method}) that add up to the forecast within "
        f"{number(explanation.additivity_error)}; they explain the model, not crime"
    )


def _group_rows(record: AuditRecord) -> list[dict[str, str]]:
    header = record.header
    rows = measure_rows(record)
    rows = rows[np.isclose(rows["share"], header.get("land_share", np.nan)) & (rows["group"] != "")]
    return [
        {
            "crime_type": crime_type_label(table["crime_type"]),
            "dimension": str(table["dimension"]),
            "group": str(row["group"]),
            **{name: _amount(row[name], share=True) for name in ("exposure", "coverage")},
            **{name: _amount(row[name], share=False) for name in ("exposure_ratio", "need_adjusted_ratio")},
        }
        for table in exposure_coverage_tables(rows, record.unit)
        for _, groups in table["shares"]
        for row in groups
    ]


def _findings(record: AuditRecord) -> list[dict[str, str]]:
    return [
        {
            **{name: str(row[name]) for name in ("state", "label", "about", "limit")},
            "estimate": number(row["estimate"]),
            "interval": _range(row["low"], row["high"]),
        }
        for row in unresolved_findings(record.decision.report)
    ]


def _amount(numbers: dict[str, float], *, share: bool) -> str:
    shown = percent if share else number
    value, low, high = (shown(numbers[name]) for name in ("value", "low", "high"))
    return value if MISSING in (low, high) else f"{value} ({low} to {high})"


def _range(low: float, high: float) -> str:
    return f"({number(low)} to {number(high)})" if np.isfinite(low) and np.isfinite(high) else MISSING
