"""Compose the audit page: draw its figures and prepare its tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.allocation import RULE
from ilp_models.domain.disclaimers import RESEARCH_ONLY
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.finding import ALL
from ilp_models.report.audit import figures as plot
from ilp_models.report.audit import tables
from ilp_models.report.audit.audit_record import AuditRecord
from ilp_models.report.audit.rule_trials import RuleSection, rule_section
from ilp_models.report.definitions import Definition, defined
from ilp_models.report.formatting import MISSING, crime_type_label, interval, number, percent, percent_interval
from ilp_models.report.maps import MapGeometry, plot_flagged_time
from ilp_models.report.page import FigureFile, HtmlTable, KeyNumber
from ilp_models.report.plots import frontier_text, plot_explanation, plot_frontier, save_figure
from ilp_models.report.tables import finding_scope, intake_table

Parts = tuple[dict[str, FigureFile], dict[str, HtmlTable]]

RATIOS: Final = ("exposure_ratio", "need_adjusted_ratio", "baseline_exposure_ratio", "sum_ratio")
_MAX_MEASURES: Final = 400  # rows per crime type; report.json has all rows
_MAX_GAPS: Final = 5000
_MEASURE_COLUMNS: Final = (*tables.KEYS[3:5], "share", "unit", "measure", *tables.NUMBERS, "state", "enough")
_CELL_SENTENCES: Final = 3  # cells per crime type with a sentence


@dataclass(frozen=True, eq=False)
class FlaggedSection:
    """Map of how often the cells were flagged for one crime type, and the permanently flagged areas."""

    crime_type: str
    map: FigureFile
    areas: HtmlTable
    summary: str


@dataclass(frozen=True, eq=False)
class AuditContent:
    """What the audit page shows, ready for the template."""

    record: AuditRecord
    key_numbers: tuple[KeyNumber, ...]
    exposure_coverage: list[dict[str, Any]]
    exposure_figures: Mapping[str, FigureFile]  # by dimension
    ratio_figures: Mapping[str, FigureFile]  # by crime type
    all_measures: Mapping[str, HtmlTable]  # by crime type
    flagged: tuple[FlaggedSection, ...]
    figures: Mapping[str, FigureFile]  # importance, gaps, feedback, frontier if available
    html_tables: Mapping[str, HtmlTable]
    sensitivity: tuple[tables.SensitivityResult, ...]
    definitions: Mapping[str, Definition]
    rules: RuleSection | None  # the rules that were tried


def compose_audit(record: AuditRecord, folder: Path, max_rows: int = 60) -> AuditContent:
    """Draw the figures into a folder and return the content of the page."""
    rows = tables.measure_rows(record)
    names = [*rows["measure"], *(finding.check for finding in record.decision.findings)]
    figures: dict[str, FigureFile] = {}
    html_tables: dict[str, HtmlTable] = {}
    for part in (explanation_parts, gap_parts, feedback_parts, frontier_parts, intake_parts):
        new_figures, new_tables = part(record, folder, max_rows)
        figures |= new_figures
        html_tables |= new_tables
    return AuditContent(
        record=record,
        key_numbers=_key_numbers(record, rows),
        exposure_coverage=tables.exposure_coverage_tables(rows, record.unit, record.group_gaps),
        exposure_figures=_exposure_figures(record, rows, folder),
        ratio_figures=_ratio_figures(record, rows, folder),
        all_measures={
            str(kind): HtmlTable.from_frame(
                f"Every measure: {crime_type_label(kind) or MISSING}",
                _audited_first(record, own),
                _MAX_MEASURES,
                _MEASURE_COLUMNS,
            )
            for kind, own in rows.groupby("crime_type", sort=False)
        },
        flagged=_flagged_sections(record, folder, max_rows),
        figures=figures,
        html_tables=html_tables,
        sensitivity=tables.sensitivity_results(record, max_rows),
        definitions={name: defined(name) for name in dict.fromkeys(names)},
        rules=rule_section(record.decision, folder, max_rows),
    )


def _key_numbers(record: AuditRecord, rows: pd.DataFrame) -> tuple[KeyNumber, ...]:
    counts = tables.count_states(record.decision.findings)
    worst = ", ".join(f"{count} {state}" for state, count in counts.items() if state != "pass" and count)
    own = rows[tables.audited_rows(record, rows)]
    total = sum(counts.values())
    numbers = [
        KeyNumber(
            f"{counts['pass']} of {total}",
            "required findings pass",
            worst or ("all pass" if total else "no required finding"),
        )
    ]
    scope = record.decision.report.crime_types[-1] if record.decision.report.crime_types else ""
    for one in record.decision.findings:
        if one.check == "deviance_skill" and one.crime_type == scope:
            ends = percent_interval(one.low, one.high, 2, sign=True)
            baseline = record.header.get("baseline", "the baseline")
            label = f"forecast error removed, compared with {baseline} (skill)"
            note = f"{ends}; {crime_type_label(scope)}; 0: no better".lstrip("; ")
            numbers.append(KeyNumber(percent(one.value, 2, sign=True), label, note))
    for measure in ("need_adjusted_ratio", "exposure_ratio", "coverage_ratio"):
        row = tables.furthest_ratio(own, measure)
        if row is not None:
            about = finding_scope(row["crime_type"], row["dimension"], row["group"])
            note = f"{interval(row['week_low'], row['week_high'])}; {about}; 1: no difference".lstrip("; ")
            numbers.append(KeyNumber(number(row["value"]), f"{defined(measure).label.lower()}, furthest from 1", note))
    return tuple(numbers)


def _audited_first(record: AuditRecord, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the ranking of the audit first, then those with its area share."""
    share, unit = record.header.get("land_share", np.nan), record.unit
    order = 2 * (~rows["unit"].isin((unit, ""))).to_numpy() + (
        ~np.isclose(rows["share"], share) & rows["share"].notna()
    )
    return rows.iloc[np.argsort(order, kind="stable")]


def _exposure_figures(record: AuditRecord, rows: pd.DataFrame, folder: Path) -> dict[str, FigureFile]:
    own = rows[tables.audited_rows(record, rows)]
    own = own[own["measure"].isin(("exposure", "coverage")) & (own["group"] != "")]
    figures = {}
    for place, (dimension, part) in enumerate(own.groupby("dimension", sort=False), start=1):
        ranked = part.assign(last=part["crime_type"] != ALL).sort_values("last", kind="stable")
        figure = plot.plot_exposure_coverage(ranked)
        path = save_figure(figure, folder / f"audit-sides-{place}.png", "Exposure against coverage by group")
        points = [
            f"{crime_type_label(kind)}, {group}: exposure {percent(_value(at, 'exposure'))}, "
            f"coverage {percent(_value(at, 'coverage'))}"
            for (kind, group), at in ranked.groupby(["crime_type", "group"], sort=False)
        ]
        caption = (
            f"Exposure and coverage by {dimension}, {_flagging_label(record)}. Filled marks: the forecaster, with the "
            "interval over other weeks. Hollow marks: the baseline. Further right means that a group's areas are "
            "flagged more often. Further up means that more of the recorded crime is covered."
        )
        alt = f"Exposure and coverage of groups by {dimension}. {'; '.join(points[:12])}. The table below has all."
        figures[str(dimension)] = FigureFile(path, alt, caption)
    return figures


def _ratio_figures(record: AuditRecord, rows: pd.DataFrame, folder: Path) -> dict[str, FigureFile]:
    own = rows[tables.audited_rows(record, rows)]
    own = own[own["measure"].isin(RATIOS) & (own["group"] != "")]
    measures = [measure for measure in RATIOS if (own["measure"] == measure).any()]
    limits = {one.check: one.limit for one in record.decision.findings if one.limit is not None}
    figures: dict[str, FigureFile] = {}
    parts = sorted(own.groupby("crime_type", sort=False), key=lambda one: one[0] != ALL)
    for place, (kind, part) in enumerate(parts, start=1):
        figure = plot.plot_ratios(part, measures, limits)
        path = save_figure(figure, folder / f"audit-ratios-{place}.png", "Ratios by group")
        caption = (
            f"Ratios by group, {crime_type_label(kind)}, {_flagging_label(record)}. 1 means no difference "
            "(logarithmic axis). Thick bars: interval over other weeks, same city and map. Thin bars: interval over "
            "other areas. Grey bands: what chance gives if residents are exchanged between areas. A bar is missing if "
            "it was not computed."
        )
        values = "; ".join(
            f"{row['group']} {defined(row['measure']).label.lower()} {number(row['value'])}"
            for row in part.head(16).to_dict("records")
        )
        figures[str(kind)] = FigureFile(path, f"Ratios by group for {crime_type_label(kind)}: {values}.", caption)
    return figures


def _flagged_sections(record: AuditRecord, folder: Path, max_rows: int) -> tuple[FlaggedSection, ...]:
    time, grid = tables.flagged_time(record), record.grid
    if time is None or grid is None:
        return ()
    geometry, permanent = MapGeometry.from_grid(grid), tables.permanently_flagged_areas(record, max_rows)
    watermark = RESEARCH_ONLY if record.status == "withheld" else ""
    sections = []
    for place, (kind, own) in enumerate(zip(record.maps, time, strict=True), start=1):
        areas = permanent[kind]
        cells, count = areas.attrs["cells"], areas.attrs["areas"]
        summary = f"{cells} of {len(own)} cells, in {count} areas, were flagged in more than half of the test periods."
        if not cells:
            summary = "No cell was flagged in more than half of the test periods."
        name = crime_type_label(kind)
        title = f"{name}: how often cells were flagged"
        figure = plot_flagged_time(geometry, own, title, watermark=watermark)
        path = save_figure(figure, folder / f"audit-flagged-{place}.png", title)
        never = percent(float((own == 0).mean()))
        alt = f"Map of how often each cell was flagged for {name}. {summary} {never} of the cells were never flagged."
        map_figure = FigureFile(path, alt, f"{name}: share of test periods in which a cell was flagged. {summary}")
        table = HtmlTable.from_frame(f"Permanently flagged areas: {name}", areas, max_rows)
        sections.append(FlaggedSection(name, map_figure, table, summary))
    return tuple(sections)


def explanation_parts(record: AuditRecord, folder: Path, max_rows: int) -> Parts:
    """Return the importance of features and the stability of the explanation."""
    explanation = record.explanation
    if explanation is None:
        return {}, {}
    families = explanation.importance(by="family")
    path = save_figure(plot_explanation(explanation), folder / "audit-importance.png", "Feature importance")
    strongest = ", ".join(f"{row.family} x{row.multiplier:.2f}" for row in families.head(6).itertuples())
    caption = "Typical factor of each feature on the expected crimes, over all explained cells; the strongest twelve."
    figures = {
        "importance": FigureFile(
            path, f"Bars of the typical effect of each feature on the forecast. By family: {strongest}.", caption
        )
    }
    found = {
        "families": HtmlTable.from_frame("Typical factor by feature family", families, max_rows),
        "sentences": HtmlTable.from_frame(
            "The highest cells of each crime type, explained in a sentence", _sentences(explanation), max_rows
        ),
    }
    robust = explanation.robustness
    if robust is not None:
        found["perturbations"] = HtmlTable.from_frame(
            "Mean absolute attribution under two ways to leave a feature out", robust.perturbations, max_rows
        )
        if len(robust.interactions):
            found["interactions"] = HtmlTable.from_frame(
                "Interactions of two features, by kind", robust.interactions_by_kind(), max_rows
            )
        found["refits"] = HtmlTable.from_frame(
            "Feature importance in models refitted on other periods", robust.refits, max_rows
        )
    return figures, found


def _sentences(explanation: Explanation) -> pd.DataFrame:
    values = explanation.log_expected.values
    masked = np.where(explanation.explained, values, -np.inf)[:, :, 0]
    units = np.zeros(values.shape, dtype=bool)
    for kind, order in enumerate(np.argsort(-masked, axis=1, kind="stable")[:, :_CELL_SENTENCES]):
        units[kind, order, 0] = True
    return explanation.sentences(units)[["crime_type", "cell", "sentence"]]


def gap_parts(record: AuditRecord, folder: Path, max_rows: int) -> Parts:
    """Return attribution gaps between groups, and features that are proxies for groups."""
    figures: dict[str, FigureFile] = {}
    found: dict[str, HtmlTable] = {}
    gaps = record.gaps
    if gaps is not None and len(gaps):
        kind = ALL if (gaps["crime_type"] == ALL).any() else str(gaps["crime_type"].iloc[0])
        table = tables.attribution_gap_matrix(gaps, kind)
        path = save_figure(plot.plot_attribution_gaps(table), folder / "audit-gaps.png", "Attribution gaps by group")
        sums = "; ".join(
            f"{name[-1]} {total:+.2f}" for name, total in zip(table.index.tolist(), table["sum"], strict=True)
        )
        about = "mean over crime types" if kind == ALL else kind
        figures["gaps"] = FigureFile(
            path,
            f"Attribution gaps by group and feature family, {about}. Sum of each group: {sums}.",
            f"What each feature family adds to the log forecast in a group's areas, compared with all other residents "
            f"({about}). +0.10 is a factor of 1.11. The numbers of a row add up to the gap of the mean log forecast.",
        )
        found["gaps"] = HtmlTable.from_frame("Attribution gaps of every crime type", gaps, _MAX_GAPS)
    if record.proxies is not None:
        found["proxies"] = HtmlTable.from_frame(
            "How well features predict which residents live in an area", record.proxies, max_rows
        )
    return figures, found


def feedback_parts(record: AuditRecord, folder: Path, max_rows: int) -> Parts:
    """Return the feedback simulation: how records that depend on patrols change the forecast."""
    if record.feedback is None:
        return {}, {}
    paths = tables.feedback_paths(record.feedback)
    last = paths[paths["period"] == paths["period"].max()]
    pooled = last[last["crime_type"] == ALL] if (last["crime_type"] == ALL).any() else last
    ends = "; ".join(f"{row.records} records {number(float(row.distance))}" for row in pooled.itertuples())
    figure = FigureFile(
        save_figure(plot.plot_feedback(paths), folder / "audit-feedback.png", "Feedback"),
        f"Distance of forecast from true shares of areas, by period of the simulation. At the end: {ends}.",
        "Total variation distance between forecast and true shares of areas. Complete: all crimes are recorded. "
        "Followed: crimes outside flagged areas are recorded only if residents report them. Weighted: corrected for "
        "the probability of a record. Bands: lowest to highest replicate.",
    )
    return {"feedback": figure}, {
        "feedback": HtmlTable.from_frame("Distance at the last refit of the simulation", last, max_rows)
    }


def frontier_parts(record: AuditRecord, folder: Path, max_rows: int) -> Parts:
    """Return the cost of caps on the exposure ratio."""
    table = record.frontier
    if table is None:
        return {}, {}
    figure = plot_frontier(table, events="recorded")
    path = save_figure(figure, folder / "audit-frontier.png", "Exposure caps: cost and effect")
    shown = table.assign(cap=["none" if np.isinf(cap) else f"{cap:g}" for cap in table["cap"]])
    caption = f"Cost of caps on the exposure ratio. {record.frontier_protocol}".strip()
    return {
        "frontier": FigureFile(
            path,
            f"Crimes covered, exposure ratios and coverage by cap. {frontier_text(table)}",
            "Left: crimes covered under each cap, as a share of the plan without a cap. Middle and right: exposure "
            f"ratio and coverage of each group. {record.frontier_protocol}",
        )
    }, {"frontier": HtmlTable.from_frame(caption, shown, max_rows)}


def intake_parts(record: AuditRecord, folder: Path, max_rows: int) -> Parts:
    """Return what data quality rules rejected, excluded or flagged."""
    del folder  # there is no figure
    if record.intake is None:
        return {}, {}
    caption = "Records that were rejected, excluded or flagged"
    return {}, {"intake": HtmlTable.from_frame(caption, intake_table(record.intake), max_rows)}


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as indented JSON."""
    return json.dumps(settings, indent=2, default=str, ensure_ascii=False)


def _flagging_label(record: AuditRecord) -> str:
    share, unit = float(record.header.get("land_share", np.nan)), record.unit
    if record.unit == RULE:
        return f"under the rule '{record.header['rule']}', {percent(share, 0)} of the effort that covers every cell"
    if not np.isfinite(share):
        return f"ranked by {unit}"
    return f"{percent(share, 0)} of the {record.share_base} flagged, ranked by {unit}"


def _value(rows: pd.DataFrame, measure: str) -> float:
    values = rows.loc[rows["measure"] == measure, "value"]
    return float(values.iloc[0]) if len(values) else float("nan")
