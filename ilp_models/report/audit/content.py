"""From a dossier to the content of its page, the figures drawn on the way."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.disclaimers import RESEARCH_ONLY
from ilp_models.domain.finding import ALL
from ilp_models.domain.grid import parent_labels
from ilp_models.report.audit import figures as draw
from ilp_models.report.audit import tables as tables
from ilp_models.report.audit.check_definitions import Definition
from ilp_models.report.audit.dossier import AuditRecord
from ilp_models.report.audit.maps import draw_flag_time
from ilp_models.report.audit.sections import explanation_parts, feedback_parts, frontier_parts, gap_parts, record_parts
from ilp_models.report.audit.sensitivity import VariantRow, variant_rows
from ilp_models.report.content import FigureFile, KeyNumber
from ilp_models.report.definitions import defined
from ilp_models.report.formatting import MISSING, interval, kind_words, number, percent
from ilp_models.report.html_table import HtmlTable
from ilp_models.report.maps import MapGround

RATIOS: Final = ("exposure_ratio", "need_adjusted_ratio", "baseline_exposure_ratio", "sum_ratio")
_MOST: Final = 400  # rows of measures a crime type; report.json holds the others
_WIDE: Final = (*tables.KEYS[3:5], "share", "unit", "measure", *tables.NUMBERS, "state", "enough")


@dataclass(frozen=True, eq=False)
class Flagged:
    """Where one crime type was flagged.

    Parameters
    ----------
    crime_type : str
        Its name.
    map : FigureFile
        Part of the test periods in which each cell was flagged.
    areas : Sheet
        Areas flagged in more than half of the periods.
    words : str
        How many there are.
    """

    crime_type: str
    map: FigureFile
    areas: HtmlTable
    words: str


@dataclass(frozen=True, eq=False)
class AuditContent:
    """What the page of an audit shows, ready to print.

    Parameters
    ----------
    dossier : Dossier
        What the audit knows.
    key_numbers : tuple of KeyNumber
        At the top.
    sides : list of dict
        Of :func:`ilp_models.report.audit.tables.sides`.
    side_figures, ratio_figures : mapping of str to FigureFile
        By dimension, and by crime type.
    all_measures : mapping of str to Sheet
        Every measure by crime type.
    flagged : tuple of Flagged
        By crime type.
    figures : mapping of str to FigureFile
        ``importance``, ``gaps``, ``feedback``, ``frontier`` where they could be drawn.
    sheets : mapping of str to Sheet
        Tables by name.
    sensitivity : tuple of Choice
        What choices change.
    definitions : mapping of str to Definition
        Of every measure and check shown.
    """

    dossier: AuditRecord
    key_numbers: tuple[KeyNumber, ...]
    sides: list[dict[str, Any]]
    side_figures: Mapping[str, FigureFile]
    ratio_figures: Mapping[str, FigureFile]
    all_measures: Mapping[str, HtmlTable]
    flagged: tuple[Flagged, ...]
    figures: Mapping[str, FigureFile]
    sheets: Mapping[str, HtmlTable]
    sensitivity: tuple[VariantRow, ...]
    definitions: Mapping[str, Definition]


def compose_audit(dossier: AuditRecord, folder: Path, most: int = 60) -> AuditContent:
    """Return the content of an audit's page, having drawn its figures."""
    rows = tables.measure_rows(dossier)
    named = [*rows["measure"], *(finding.check for finding in dossier.decision.findings)]
    figures, sheets = _beyond(dossier, folder, most)
    return AuditContent(
        dossier=dossier,
        key_numbers=_key_numbers(dossier, rows),
        sides=tables.sides(rows, str(dossier.header.get("unit", ""))),
        side_figures=_side_figures(dossier, rows, folder),
        ratio_figures=_ratio_figures(dossier, rows, folder),
        all_measures={
            str(kind): HtmlTable.from_frame(
                f"Every measure of {kind_words(kind) or MISSING}", _audited_first(dossier, own), _MOST, _WIDE
            )
            for kind, own in rows.groupby("crime_type", sort=False)
        },
        flagged=_flagged(dossier, folder, most),
        figures=figures,
        sheets=sheets,
        sensitivity=variant_rows(dossier, most),
        definitions={name: defined(name) for name in dict.fromkeys(named)},
    )


def _key_numbers(dossier: AuditRecord, rows: pd.DataFrame) -> tuple[KeyNumber, ...]:
    counts = tables.tally(dossier.decision.findings)
    worst = ", ".join(f"{count} {state}" for state, count in counts.items() if state != "pass")
    own = rows[tables.as_audited(dossier, rows)]
    total = sum(counts.values())
    numbers = [KeyNumber(f"{counts['pass']} of {total}", "demanded findings pass", worst or "none demanded")]
    scope = dossier.decision.report.crime_types[-1] if dossier.decision.report.crime_types else ""
    for one in dossier.decision.findings:
        if one.check == "deviance_skill" and one.crime_type == scope:
            ends = " to ".join(percent(end, 2, sign=True) for end in (one.low, one.high))
            note = f"{kind_words(scope)}; interval by weeks {ends}; 0: no better"
            skill = percent(one.estimate, 2, sign=True)
            numbers.append(
                KeyNumber(skill, f"of the deviance of {dossier.header.get('baseline', 'the baseline')} saved", note)
            )
    for measure in ("need_adjusted_ratio", "exposure_ratio", "coverage_ratio"):
        row = tables.extreme(own, measure)
        if row is not None:
            about = ", ".join(filter(None, (kind_words(row["crime_type"]), row["dimension"], row["group"])))
            note = f"{about}; {interval(row['week_low'], row['week_high'])} by weeks; 1: no difference"
            numbers.append(KeyNumber(number(row["value"]), f"{defined(measure).label.lower()}, furthest from 1", note))
    return tuple(numbers)


def _audited_first(dossier: AuditRecord, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the audited ranking unit first, then those of the audited share."""
    share, unit = dossier.header.get("share", np.nan), dossier.header.get("unit", "")
    order = 2 * (~rows["unit"].isin((unit, ""))).to_numpy() + (
        ~np.isclose(rows["share"], share) & rows["share"].notna()
    )
    return rows.iloc[np.argsort(order, kind="stable")]


def _side_figures(dossier: AuditRecord, rows: pd.DataFrame, folder: Path) -> dict[str, FigureFile]:
    own = rows[tables.as_audited(dossier, rows)]
    own = own[own["measure"].isin(("exposure", "coverage")) & (own["group"] != "")]
    figures = {}
    for place, (dimension, part) in enumerate(own.groupby("dimension", sort=False), start=1):
        ranked = part.assign(last=part["crime_type"] != ALL).sort_values("last", kind="stable")
        path = draw.draw_sides(folder / f"audit-sides-{place}.png", ranked)
        points = [
            f"{kind_words(kind)}, {group}: exposure {percent(_one(at, 'exposure'))}, "
            f"coverage {percent(_one(at, 'coverage'))}"
            for (kind, group), at in ranked.groupby(["crime_type", "group"], sort=False)
        ]
        caption = (
            f"Exposure against coverage by {dimension}, {_map_words(dossier)}. Filled marks: the forecaster, with "
            "intervals by weeks; hollow marks: the baseline, where it is known. Up and to the right means more "
            "flagged and more of the recorded events covered; groups that lie apart are treated apart."
        )
        alt = f"Exposure and coverage of groups by {dimension}. {'; '.join(points[:12])}. The table below holds all."
        figures[str(dimension)] = FigureFile(path, alt, caption)
    return figures


def _ratio_figures(dossier: AuditRecord, rows: pd.DataFrame, folder: Path) -> dict[str, FigureFile]:
    own = rows[tables.as_audited(dossier, rows)]
    own = own[own["measure"].isin(RATIOS) & (own["group"] != "")]
    measures = [measure for measure in RATIOS if (own["measure"] == measure).any()]
    limits = {one.check: one.limit for one in dossier.decision.findings if one.limit is not None}
    figures: dict[str, FigureFile] = {}
    parts = sorted(own.groupby("crime_type", sort=False), key=lambda one: one[0] != ALL)
    for place, (kind, part) in enumerate(parts, start=1):
        path = draw.draw_ratios(folder / f"audit-ratios-{place}.png", part, measures, limits)
        caption = (
            f"Ratios by group, {kind_words(kind)}, {_map_words(dossier)}; logarithmic, 1 is no difference. Thick bars: "
            "other weeks, this city and map. Thin bars: other areas. Grey bands: what chance gives when residents "
            "are exchanged between areas. Bars that are not drawn were not worked out."
        )
        values = "; ".join(
            f"{row['group']} {defined(row['measure']).label.lower()} {number(row['value'])}"
            for row in part.head(16).to_dict("records")
        )
        figures[str(kind)] = FigureFile(path, f"Ratios by group for {kind_words(kind)}: {values}.", caption)
    return figures


def _flagged(dossier: AuditRecord, folder: Path, most: int) -> tuple[Flagged, ...]:
    time, grid = tables.flag_time(dossier), dossier.grid
    if time is None or grid is None:
        return ()
    ground, held = MapGround.from_cells(grid.geometry, parent_labels(grid)), tables.permanent(dossier, most)
    mark = RESEARCH_ONLY if dossier.standing == "withheld" else ""
    found = []
    for place, (kind, own) in enumerate(zip(dossier.crime_types, time, strict=True), start=1):
        areas = held[kind]
        cells, count = areas.attrs["cells"], areas.attrs["areas"]
        words = f"{cells} of {len(own)} cells, in {count} areas, were flagged in more than half of the test periods."
        if not cells:
            words = "No cell was flagged in more than half of the test periods."
        path = draw_flag_time(
            folder / f"audit-flagged-{place}.png", ground, own, f"{kind}: how long land was flagged", mark
        )
        never = percent(float((own == 0).mean()))
        alt = f"Map of how long each cell was flagged for {kind}. {words} {never} of the cells never were."
        figure = FigureFile(path, alt, f"{kind}: part of the test periods in which a cell was flagged. {words}")
        found.append(
            Flagged(kind, figure, HtmlTable.from_frame(f"Permanently flagged areas: {kind}", areas, most), words)
        )
    return tuple(found)


def _beyond(dossier: AuditRecord, folder: Path, most: int) -> tuple[dict[str, FigureFile], dict[str, HtmlTable]]:
    """Return figures and tables of explanation, feedback, frontier and records."""
    figures: dict[str, FigureFile] = {}
    sheets: dict[str, HtmlTable] = {}
    for part in (explanation_parts, gap_parts, feedback_parts, frontier_parts, record_parts):
        drawn, told = part(dossier, folder, most)
        figures |= drawn
        sheets |= told
    return figures, sheets


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as indented JSON."""
    return json.dumps(settings, indent=2, default=str, ensure_ascii=False)


def _map_words(dossier: AuditRecord) -> str:
    share, unit = float(dossier.header.get("share", np.nan)), dossier.header.get("unit", "count")
    return (
        f"{percent(share, 0)} of the {dossier.flagged_of} ranked by {unit}"
        if np.isfinite(share)
        else f"ranked by {unit}"
    )


def _one(rows: pd.DataFrame, measure: str) -> float:
    values = rows.loc[rows["measure"] == measure, "value"]
    return float(values.iloc[0]) if len(values) else float("nan")
