"""Drafts of model card, datasheet and impact assessment, filled from an audit as far as a program can know."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.report import tables
from ilp_models.report.audit.dossier import AuditRecord
from ilp_models.report.audit.drafts import write_draft
from ilp_models.report.audit.findings import against
from ilp_models.report.audit.page import AuditPage
from ilp_models.report.audit.tables import measure_rows, sides
from ilp_models.report.definitions import NOTATION, SHORT, defined
from ilp_models.report.formatting import MISSING, kind_words, number, percent
from ilp_models.report.weekly_report import records_in_a_line

_UNKNOWN: Final = "not known: the run did not hand it over"


@dataclass(frozen=True)
class Facts:
    """What a draft may say of a run, in words; nothing here asks a person.

    Parameters
    ----------
    forecaster, recipe, city, cutoff, seal, standing, issued, valid_until : str
        Of the decision.
    periods : int
        Periods forecast.
    crime_types : tuple of str
        Crime types audited.
    reasons : tuple of str
        Of the decision.
    changed : str
        Settings of the audit that are not the usual ones.
    groups, areal_unit, protocol, records, source, span, attribution, data : str
        Of audit and records; empty where they are not known.
    unplaced, missing_population, tainted, granularity, accuracy, explainable : str
        In a sentence.
    provenance : dict of str to str
        Digests, versions and seeds.
    group_rows, against : list of dict
        Measures by group, and findings that are not a pass, as text.
    caveat, scope : str
        What every report says.
    """

    forecaster: str
    recipe: str
    city: str
    cutoff: str
    seal: str
    standing: str
    issued: str
    valid_until: str
    periods: int
    crime_types: tuple[str, ...]
    reasons: tuple[str, ...]
    changed: str
    groups: str
    areal_unit: str
    protocol: str
    records: str
    source: str
    span: str
    attribution: str
    data: str
    unplaced: str
    missing_population: str
    tainted: str
    granularity: str
    accuracy: str
    explainable: str
    provenance: dict[str, str]
    group_rows: list[dict[str, str]]
    against: list[dict[str, str]]
    caveat: str = CAVEAT
    scope: str = SCOPE

    @classmethod
    def from_record(cls, dossier: AuditRecord) -> "Facts":
        """Return the facts of a dossier."""
        decision, intake = dossier.decision, dossier.intake
        return cls(
            **{name: str(getattr(decision, name)) for name in ("forecaster", "recipe", "cutoff", "seal")},
            city=dossier.city,
            standing=dossier.standing,
            issued=f"{decision.issued:%Y-%m-%d %H:%M %Z}",
            valid_until=f"{decision.valid_until:%Y-%m-%d %H:%M %Z}",
            periods=decision.periods,
            crime_types=dossier.crime_types,
            reasons=tables.plain_reasons(decision),
            changed="; ".join(decision.report.changed),
            groups=_groups(dossier),
            areal_unit=_areal_unit(dossier),
            protocol=tables.audit_protocol(decision.report),
            records="" if intake is None else records_in_a_line(intake) + ".",
            source="" if intake is None else intake.source,
            span=_span(dossier),
            attribution="" if intake is None else intake.attribution,
            data=str(dossier.header.get("data", "")),
            unplaced=_unplaced(dossier),
            missing_population=_missing(dossier),
            tainted=_tainted(dossier),
            granularity=_granularity(dossier),
            accuracy=_accuracy(dossier),
            explainable=_explainable(dossier),
            provenance=dict(dossier.provenance),
            group_rows=_group_rows(dossier),
            against=_against(dossier),
        )


def write_cards(report: AuditPage, dossier: AuditRecord, folder: Path) -> list[Path]:
    """Return the paths of model card, datasheet and impact assessment."""
    known: dict[str, Any] = {
        "report": report,
        "facts": Facts.from_record(dossier),
        "governance": dossier.governance,
        "intake": dossier.intake,
        "notation": NOTATION,
        "measures": [defined(name) for name in SHORT],
    }
    return [write_draft(folder / name, f"{name}.j2", **known) for name in ("model_card.md", "datasheet.md", "fria.md")]


def _groups(dossier: AuditRecord) -> str:
    found: dict[str, list[str]] = {}
    for dimension, group in dossier.decision.report.groups:
        found.setdefault(dimension, []).append(group)
    return "; ".join(f"{dimension}: {', '.join(groups)}" for dimension, groups in found.items())


def _areal_unit(dossier: AuditRecord) -> str:
    grid = dossier.grid
    if grid is None:
        return _UNKNOWN
    low, high = grid.area_m2.min() / 1e6, grid.area_m2.max() / 1e6
    parents = ", ".join(map(str, grid.parents.columns)) or "none"
    size = number(low) if number(low) == number(high) else f"{number(low)} to {number(high)}"
    return f"{len(grid):,} cells of {size} km²; parent areas: {parents}"


def _span(dossier: AuditRecord) -> str:
    intake = dossier.intake
    if intake is None or intake.start is None or intake.end is None:
        return _UNKNOWN
    return f"{intake.start:%Y-%m-%d} to {intake.end:%Y-%m-%d}, the latter not included"


def _unplaced(dossier: AuditRecord) -> str:
    if dossier.intake is None:
        return _UNKNOWN
    words = ("coordinate", "place", "area", "point", "outside", "lsoa", "location")
    found = [one for one in dossier.intake.findings if any(word in one.rule.lower() for word in words)]
    if not found:
        return "no rule of the intake found any"
    return "; ".join(f"{one.rule}: {one.count:,} {one.unit} ({percent(one.share)}), {one.action}" for one in found)


def _missing(dossier: AuditRecord) -> str:
    found = [one for one in dossier.decision.findings if one.check == "missing_population" and one.dimension]
    if not found:
        return "not known: there is no group table"
    return "; ".join(f"{one.dimension}: {percent(one.estimate, 2)}" for one in found)


def _tainted(dossier: AuditRecord) -> str:
    if not dossier.header.get("governance"):
        return _UNKNOWN
    spans = [f"{one.start} to {one.end}: {one.why}" for one in dossier.governance.tainted]
    return "; ".join(spans) or "none known, says governance"


def _granularity(dossier: AuditRecord) -> str:
    grid = dossier.grid
    if grid is None:
        return _UNKNOWN
    people = ""
    if grid.population is not None:
        people = f"; fewest residents of a cell {number(float(np.nanmin(grid.population)))}"
    intake, events = dossier.intake, ""
    if intake is not None:
        events = f"; {number(intake.rows_kept / len(grid))} recorded events a cell in all"
    return f"{_areal_unit(dossier)}{people}{events}"


def _accuracy(dossier: AuditRecord) -> str:
    types = dossier.decision.report.crime_types
    for one in dossier.decision.findings:
        if one.check == "deviance_skill" and one.crime_type == types[-1]:
            ends = " to ".join(percent(end, 2, sign=True) for end in (one.low, one.high))
            first, last = (str(dossier.header.get(name, ""))[:10] for name in ("first_period", "last_period"))
            return (
                f"{one.state}: skill {percent(one.estimate, 2, sign=True)} ({ends}) over "
                f"{dossier.header.get('baseline', 'the baseline')}, periods from {first} to that of {last}"
            )
    return "not known: the comparison with the baseline did not run"


def _explainable(dossier: AuditRecord) -> str:
    explanation = dossier.explanation
    if explanation is None:
        return f"no explanation: {dossier.why_absent('explanation')}"
    return (
        f"attributions by columns ({explanation.method}), which add up to within "
        f"{number(explanation.additivity_error)}; they explain the model, not crime"
    )


def _group_rows(dossier: AuditRecord) -> list[dict[str, str]]:
    header = dossier.header
    rows = measure_rows(dossier)
    rows = rows[np.isclose(rows["share"], header.get("share", np.nan)) & (rows["group"] != "")]
    return [
        {
            "crime_type": kind_words(side["crime_type"]),
            "dimension": str(side["dimension"]),
            "group": str(row["group"]),
            **{name: _amount(row[name], share=True) for name in ("exposure", "coverage")},
            **{name: _amount(row[name], share=False) for name in ("exposure_ratio", "need_adjusted_ratio")},
        }
        for side in sides(rows, str(header.get("unit", "")))
        for _, groups in side["shares"]
        for row in groups
    ]


def _against(dossier: AuditRecord) -> list[dict[str, str]]:
    return [
        {
            **{name: str(row[name]) for name in ("state", "label", "about", "limit")},
            "estimate": number(row["estimate"]),
            "interval": _range(row["low"], row["high"]),
        }
        for row in against(dossier.decision.report)
    ]


def _amount(numbers: dict[str, float], *, share: bool) -> str:
    shown = percent if share else number
    value, low, high = (shown(numbers[name]) for name in ("value", "low", "high"))
    return value if MISSING in (low, high) else f"{value} ({low} to {high})"


def _range(low: float, high: float) -> str:
    return f"({number(low)} to {number(high)})" if np.isfinite(low) and np.isfinite(high) else MISSING
