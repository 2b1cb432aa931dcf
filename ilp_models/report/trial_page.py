"""The page of an evaluated field trial: one part for a chief, one for a statistician."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.disclaimers import SCOPE
from ilp_models.domain.grid import Grid
from ilp_models.domain.timing import SIMULATED, SIMULATED_RECORDS
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.domain.trial_finding import TrialFinding
from ilp_models.report.formatting import MISSING, crime_type_label, number, percent, sentence
from ilp_models.report.page import FigureFile, KeyNumber, write_page
from ilp_models.report.trial_figures import arms_of_units, draw_dose_map, draw_event_study
from ilp_models.report.trial_text import (
    OBSERVATIONAL,
    WHY_OBSERVATIONAL,
    events_text,
    interval_text,
    promise_text,
    tipping_text,
)

ZONE: Final = "zone around the units"
_PLACES: Final = 30
_ROLES: Final = {"main": "main result", "secondary": "other outcome", "check": "check"}


@dataclass(frozen=True, eq=False)
class TrialEvidence:
    """Everything that the page shows."""

    design: TrialDesign
    observational: bool
    headline: str
    tables: Mapping[str, pd.DataFrame]
    findings: tuple[TrialFinding, ...]
    tipping: float
    facts: Mapping[str, Any]
    grid: Grid


def write_trial_page(path: Path, evidence: TrialEvidence) -> None:
    """Write the page of an evaluated field trial, with its figures in the folder ``figures`` next to it."""
    design, tables, facts = evidence.design, evidence.tables, evidence.facts
    rows = tables["effects"].to_dict("records")
    main = {str(name): value for name, value in rows[0].items()}
    dose = tables.get("dose_map")
    assigned = dict(zip(design.units, arms_of_units(design.treated[:, : facts["periods"]]), strict=True))
    figures = _figures(evidence, path.parent / "figures")
    write_page(
        path,
        "trial.html.j2",
        design=design,
        facts=facts,
        city=facts["city"] or "The study area",
        simulated=SIMULATED if facts["simulated"] else "",
        mark=OBSERVATIONAL if evidence.observational else "",
        why=WHY_OBSERVATIONAL,
        headline=evidence.headline,
        events=events_text(main),
        promise=promise_text(design, main),
        tipping=tipping_text(evidence.tipping, str(main["conclusion"])),
        numbers=list(_key_numbers(tables["totals"], main, facts)),
        serious=[one.text for one in evidence.findings if one.serious],
        zones=any(row["kind"] == ZONE for row in rows),
        notes=[one.text for one in evidence.findings if not one.serious],
        outcomes=[effect_texts(row) for row in rows if row["role"] != "check"],
        checks=[effect_texts(row) for row in rows if row["role"] != "secondary"],
        totals=[_total(row) for row in tables["totals"].to_dict("records")],
        flow=_flow(tables["flow"]),
        reporting=[_reporting(row) for row in tables["reporting"].to_dict("records")],
        study=[_span(row) for row in tables["event_study"].to_dict("records")] if "event_study" in tables else [],
        moved=_moved(tables.get("event_study")),
        figures=figures,
        dose=[] if dose is None else [_dose(row, assigned) for row in dose.head(_PLACES).to_dict("records")],
        more_places=0 if dose is None else max(0, len(dose) - _PLACES),
        confidence=percent(facts["confidence"], 0),
        scope=sentence(SCOPE),
    )


def _figures(evidence: TrialEvidence, folder: Path) -> dict[str, FigureFile | None]:
    """Draw the map of the dose and the event study; each says that records are simulated, or a trial observational."""
    facts, tables = evidence.facts, evidence.tables
    marks = [SIMULATED_RECORDS] if facts["simulated"] else []
    mark = " - ".join([*marks, *([OBSERVATIONAL] if evidence.observational else [])])
    study, dose = tables.get("event_study"), tables.get("dose_map")
    return {
        "study": None if study is None else draw_event_study(study, facts, folder, mark),
        "dose": None
        if dose is None or dose.empty
        else draw_dose_map(evidence.design, facts, dose, evidence.grid, folder, mark),
    }


def _key_numbers(totals: pd.DataFrame, main: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[KeyNumber]:
    if np.isfinite(main["ratio"]):
        note = f"{percent(facts['confidence'], 0)} interval {interval_text(main)}"
        yield KeyNumber(percent(main["ratio"] - 1, 0, sign=True), "change of recorded crimes in treated places", note)
    for row in totals.to_dict("records"):
        note = f"recorded crimes; {row['before']:,.0f} in {facts['periods_before']} periods before"
        yield KeyNumber(f"{row['during']:,.0f}", f"{row['units']} units {row['arm']}", note)


def effect_texts(row: Mapping[Any, Any]) -> dict[str, str]:
    """Return a row of the table of effects as a reader sees it."""
    p_value, adjusted = (_p_text(row[name]) for name in ("p_value", "p_adjusted"))
    return {
        "role": _ROLES[row["role"]],
        "outcome": crime_type_label(row["outcome"]),
        "kind": "" if row["kind"] in ("main", row["outcome"]) else str(row["kind"]),
        "estimator": str(row["estimator"]),
        "change": percent(row["ratio"] - 1, 1, sign=True),
        "interval": interval_text(row) if np.isfinite(row["ratio"]) else MISSING,
        "events": events_text(row) or MISSING,
        "p_value": p_value,
        "p_adjusted": adjusted,
        "conclusion": str(row["conclusion"]),
        "state": row["conclusion"] if row["conclusion"] in ("more", "fewer") else "",
    }


def _p_text(value: float) -> str:
    if np.isnan(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _total(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "arm": str(row["arm"]),
        "units": f"{row['units']:,}",
        **{name: f"{row[name]:,.0f}" for name in ("before", "during")},
        **{name: number(row[name]) for name in ("before_per_period", "during_per_period")},
    }


def _flow(table: pd.DataFrame) -> list[dict[str, str]]:
    shown = table.astype(object).where(table.notna(), "")
    changing = bool((pd.to_numeric(table["changing"], errors="coerce") > 0).any())
    names = ["stage", "units", "treated", "control", *(["changing"] if changing else [])]
    return [{name: str(row[name]) for name in names} for row in shown.to_dict("records")]


def _reporting(row: Mapping[Any, Any]) -> dict[str, str]:
    ends = {"ratio_low": row["low"], "ratio_high": row["high"]}
    return {
        "rise": percent(row["rise"], 0, sign=row["rise"] > 0),
        "change": percent(row["ratio"] - 1, 1, sign=True),
        "interval": interval_text(ends),
        "conclusion": str(row["conclusion"]),
    }


def _span(row: Mapping[Any, Any]) -> dict[str, str]:
    known = np.isfinite(row["low"]) and np.isfinite(row["high"])
    return {
        "span": "last before the trial" if row["span"] == 0 else f"{row['span']:+d}",
        "phase": "before" if row["span"] <= 0 else "trial",
        "ratio": number(row["ratio"], 2),
        "interval": f"{number(row['low'], 2)} to {number(row['high'], 2)}" if known else MISSING,
        "treated": f"{row['treated']:,.0f}",
        "control": f"{row['control']:,.0f}",
    }


def _moved(study: pd.DataFrame | None) -> str:
    """Return how many spans before the trial differ from the last one."""
    if study is None:
        return ""
    before = study[(study["span"] < 0) & study["low"].notna()]
    moved = int(((before["low"] > 1) | (before["high"] < 1)).sum())
    return (
        f"{moved} of {len(before)} spans before the trial differ from the last one. By chance about 1 in 20 do, or "
        "several together if the last one is unusual."
    )


def _dose(row: Mapping[Any, Any], assigned: Mapping[str, str]) -> dict[str, str]:
    hidden = bool(row["suppressed"])
    return {
        "place": str(row["place"]),
        "unit": str(row["unit"]),
        "assigned": assigned[str(row["unit"])],
        **{name: "hidden" if hidden else number(row[name]) for name in ("treated_hours", "other_hours")},
    }
