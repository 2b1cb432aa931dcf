"""The weekly report: decision, key numbers, maps and highest cells, backtest, explanation, audit and records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.decision import Decision
from ilp_models.domain.description import DescribedPart
from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError
from ilp_models.domain.family_reasons import FAMILY_KEYS
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.overused_points import MOSTLY
from ilp_models.domain.place_names import place_names
from ilp_models.domain.scores import ScoreTable, second_baseline
from ilp_models.report import maps, plots, tables
from ilp_models.report.audit.check_summaries import CheckSummary, ReasonGroup, reason_groups, summarise_checks
from ilp_models.report.audit.rule_trials import RuleSection, rule_section
from ilp_models.report.ceiling import ceiling_notes
from ilp_models.report.change_view import change_view
from ilp_models.report.formatting import (
    crime_type_label,
    interval,
    number,
    percent,
    percent_interval,
    period_label,
    period_noun,
    records_summary,
    sentence,
)
from ilp_models.report.harm_table import HarmTable, harm_table
from ilp_models.report.interactive_map import InteractiveMap
from ilp_models.report.last_map import LastMap, plot_trend
from ilp_models.report.page import ICONS, FigureFile, KeyNumber, write_page
from ilp_models.report.plots import save_figure
from ilp_models.report.weekly_map import MapEvidence, weekly_map


@dataclass(frozen=True)
class WeeklyReport:
    """Settings of the weekly report page.

    Parameters
    ----------
    title : str, default "Weekly risk grid"
        Heading of the page.
    top_cells : int, default 10
        Number of highest cells per crime type, in the table and on the map.
    file_name : str, default "report.html"
        File name in the run folder.

    Raises
    ------
    InputError
        If it is below 1.

    Examples
    --------
    >>> WeeklyReport(title="Week 2", top_cells=5).file_name
    'report.html'
    """

    title: str = "Weekly risk grid"
    top_cells: int = 10
    file_name: str = "report.html"

    def __post_init__(self) -> None:
        """Check that the tables have at least one row."""
        if self.top_cells < 1:
            msg = f"report.top_cells={self.top_cells} must be at least 1."
            raise InputError(msg)

    def write(self, folder: Path, content: "WeeklyContent") -> Path:
        """Write the page and return its path."""
        path = folder / self.file_name
        bounds = [(bound, rows.to_dict("records")) for bound, rows in content.comparison.groupby("bound")]
        write_page(
            path,
            "report.html.j2",
            title=self.title,
            content=content,
            comparison=bounds,
            icons=ICONS,
            caveat=CAVEAT,
            scope=sentence(SCOPE),
            research_only=RESEARCH_ONLY,
        )
        return path


@dataclass(frozen=True, eq=False)
class WeeklyEvidence:
    """Inputs of the weekly report; the page shows nothing else."""

    city: str
    forecast: RiskForecast  # the first period is mapped
    grid: Grid
    scores: ScoreTable  # of all forecasters
    skill: pd.DataFrame  # of all forecasters and bounds, over the baseline and the second one
    baseline: str
    protocol: str  # how the backtest scored, in one line
    hit_curves: pd.DataFrame  # forecaster, lead, crime_type, share, hit_rate, oracle
    calibration: pd.DataFrame  # crime_type, expected, observed, low, high
    decision: Decision
    intake: IntakeReport
    provenance: Mapping[str, str]
    command: str  # that repeats the run
    reasons: pd.DataFrame  # crime_type, cell, period, events by family of reasons, words
    overused: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)  # by type: share at over-used points
    map: MapEvidence = field(default_factory=MapEvidence)
    last: LastMap | None = None  # how the map of the latest recorded period did
    changes: DescribedPart | None = None  # recorded crime of the whole study area against earlier periods


@dataclass(frozen=True, eq=False)
class TypeSection:
    """Map and highest cells of one crime type."""

    crime_type: str
    total: str  # expected crimes in the city, as a sentence
    map: FigureFile
    cells: pd.DataFrame  # rank, position, cell, place, lat, lon, expected, q05, q95, recorded, share, reasons


@dataclass(frozen=True)
class Verdict:
    """The decision of the gate, as the banner shows it."""

    admitted: bool
    groups: tuple[ReasonGroup, ...]  # failures, reviews, missing evidence, and others
    reasons: tuple[str, ...]  # in full
    valid_until: str


@dataclass(frozen=True, eq=False)
class WeeklyContent:
    """Everything that the page shows, ready for the template."""

    city: str
    data: str
    period: str
    period_noun: str
    forecaster: str
    baseline: str
    verdict: Verdict
    key_numbers: tuple[KeyNumber, ...]
    map: InteractiveMap
    last: LastMap | None
    trend: FigureFile | None
    changes: Mapping[str, Any] | None
    types: tuple[TypeSection, ...]
    comparison: pd.DataFrame
    second: str  # the second baseline; empty text without one
    ceiling: tuple[str, ...]  # how near the forecasters are to it, in sentences
    harm: HarmTable | None  # share of crime and of harm captured; None without harm sets
    protocol: str
    audit_protocol: str
    curves: tuple[FigureFile, ...]
    families: FigureFile | None
    checks: tuple[CheckSummary, ...]
    rules: RuleSection | None  # the rules that were tried
    intake: pd.DataFrame
    intake_summary: str
    intake_notes: tuple[str, ...]
    provenance: Mapping[str, str]
    command: str
    attribution: str


def compose_weekly(report: WeeklyReport, evidence: WeeklyEvidence, folder: Path) -> WeeklyContent:
    """Draw the figures into a folder and return the content of the page."""
    decision, intake = evidence.decision, evidence.intake
    table = tables.comparison_table(evidence.scores, evidence.skill, evidence.baseline)
    period = evidence.forecast.periods[0]
    verdict = Verdict(
        decision.admitted,
        reason_groups(decision),
        decision.reasons,
        f"{decision.valid_until:%-d %B %Y, %H:%M %Z}",
    )
    return WeeklyContent(
        city=evidence.city,
        data=records_summary(intake),
        period=period_label(period),
        period_noun=period_noun(period),
        forecaster=evidence.forecast.forecaster,
        baseline=evidence.baseline,
        verdict=verdict,
        key_numbers=_key_numbers(evidence, table),
        map=weekly_map(
            evidence.forecast, evidence.grid, evidence.map, evidence.reasons, "" if decision.admitted else RESEARCH_ONLY
        ),
        last=evidence.last,
        trend=_trend(evidence, folder),
        changes=None if evidence.changes is None else change_view(evidence.changes),
        types=_type_sections(report, evidence, folder),
        comparison=table,
        second=second_baseline(evidence.skill),
        ceiling=ceiling_notes(evidence.scores, evidence.skill, evidence.baseline),
        harm=harm_table(evidence.scores),
        protocol=evidence.protocol,
        audit_protocol=tables.audit_protocol(decision.report),
        curves=_curves(evidence, folder),
        families=_families(evidence, folder),
        checks=summarise_checks(decision.report),
        rules=rule_section(decision, folder),
        intake=tables.intake_table(intake),
        intake_summary=_intake_summary(intake),
        intake_notes=intake.notes,
        provenance=evidence.provenance,
        command=evidence.command,
        attribution=intake.attribution,
    )


def _type_sections(report: WeeklyReport, evidence: WeeklyEvidence, folder: Path) -> tuple[TypeSection, ...]:
    forecast, grid = evidence.forecast, evidence.grid
    geometry = maps.MapGeometry.from_grid(grid)
    watermark = "" if evidence.decision.admitted else RESEARCH_ONLY
    label, sections = period_label(forecast.periods[0]), []
    names = place_names(grid) if evidence.map.places is None else evidence.map.places
    for place, kind in enumerate(map(str, forecast.expected.indexes["crime_type"]), start=1):
        cells = tables.top_cells(forecast, grid, kind, report.top_cells, evidence.reasons)
        expected = forecast.expected.values[place - 1, :, 0]
        top = cells["position"].to_numpy()
        recorded = evidence.map.recorded
        cells["recorded"] = np.nan if recorded is None else recorded[place - 1, top]
        cells["place"] = names[top]
        crossed = np.flatnonzero(evidence.overused.get(kind, np.zeros(len(grid))) >= MOSTLY)
        figure = maps.plot_cells(geometry, expected, top, f"{kind}: {label}", watermark=watermark, crossed=crossed)
        path = save_figure(figure, folder / f"map-{place}.png", watermark)
        first = cells.iloc[0]
        where = f"cell {first['cell']} ({first['place']})"
        alt = (
            f"Map of {evidence.city}: expected crimes ({kind}) for each of {len(grid)} cells. The highest is {where} "
            f"with {number(first['expected'])}. The table below lists the {len(cells)} highest cells."
        )
        caption = (
            f"Expected crimes per cell, {label}. Darker means more. The numbers are the ranks in the table. Lines are "
            "the borders of parent areas, drawn along cells."
        )
        if len(crossed):
            caption += (
                f" A cross marks the {len(crossed)} cells with half of their records, or more, at single points: busy "
                "places, or artefacts of recording."
            )
        share = percent(float(cells["share"].sum()), 0)
        total = (
            f"{number(float(expected.sum()))} crimes of this type are expected in {evidence.city}; {share} of them in "
            f"these {len(cells)} cells."
        )
        sections.append(TypeSection(kind, total, FigureFile(path, alt, caption), cells))
    return tuple(sections)


def _curves(evidence: WeeklyEvidence, folder: Path) -> tuple[FigureFile, ...]:
    name = evidence.forecast.forecaster
    first = evidence.hit_curves[evidence.hit_curves["lead"] == evidence.hit_curves["lead"].min()]
    hits = save_figure(plots.plot_hit_curves(first, name), folder / "hit-curves.png", "Hit curves")
    bins = save_figure(plots.plot_calibration(evidence.calibration), folder / "calibration.png", "Calibration")
    return (
        FigureFile(
            hits,
            "Curves of the share of crime captured against the share of area flagged, one line per forecaster.",
            f"Hit curves in the backtest, {crime_type_label('all')}, each type ranked on its own. A higher line "
            "captures more crime on the same area. The dotted line is the best possible.",
        ),
        FigureFile(
            bins,
            f"Recorded against expected crimes of {name} in bins of risk, one panel per crime type, with the diagonal.",
            f"Expected and recorded crimes of {name}. Points on the diagonal: as many crimes were recorded as "
            "expected. Above it: more were recorded. Bars are intervals (bootstrap of periods).",
        ),
    )


def _trend(evidence: WeeklyEvidence, folder: Path) -> FigureFile | None:
    if evidence.last is None:
        return None
    path = save_figure(plot_trend(evidence.last), folder / "last-map.png", "Last map")
    caption = "Share of the recorded crimes of all types in the flagged areas, by the start of the period."
    return FigureFile(path, evidence.last.trend_text, caption)


def _families(evidence: WeeklyEvidence, folder: Path) -> FigureFile | None:
    """Return a chart of how much each family of reasons changes the forecast of a cell on average."""
    changes = {family: float(evidence.reasons[key].abs().sum()) for family, key in FAMILY_KEYS.items()}
    total = sum(changes.values())
    shares = {family: change / total for family, change in changes.items() if change > 0}
    if not shares:
        return None
    path = save_figure(plots.plot_families(shares), folder / "families.png", "Families of reasons")
    first = max(shares, key=lambda family: shares[family])
    return FigureFile(
        path,
        f"Bars of the share of each family of reasons; the largest is {first}, {percent(shares[first], 0)}.",
        "Why cells differ from the mean cell of the city: share of each family in all differences, up and down.",
    )


def _key_numbers(evidence: WeeklyEvidence, table: pd.DataFrame) -> tuple[KeyNumber, ...]:
    rows = table.set_index("forecaster").drop(columns=["bound", "verdict", "second_verdict"], errors="ignore")
    total = float(evidence.forecast.expected.values[:, :, 0].sum())
    kinds, cells, _ = evidence.forecast.expected.shape
    area = float(evidence.grid.area_m2.sum()) / 1e6
    types = f"{kinds} crime type{'s' if kinds > 1 else ''}"
    numbers = [
        KeyNumber(
            number(total),
            f"expected crimes this {period_noun(evidence.forecast.periods[0])}",
            f"{types}, {cells:,} cells, {area:,.0f} km\N{SUPERSCRIPT TWO}",
        )
    ]
    name = evidence.forecast.forecaster
    if name not in rows.index:
        return tuple(numbers)
    own = dict(zip(rows.columns, rows.loc[[name]].to_numpy(dtype=float)[0].tolist(), strict=True))
    if name != evidence.baseline:
        ends = percent_interval(own["low"], own["high"], 2, sign=True)
        verdict = table.loc[table["forecaster"] == name, "verdict"].item()
        note = f"{ends}: {verdict}" if ends else f"{verdict}; too few periods for an interval"
        label = f"forecast error removed, compared with {evidence.baseline} (skill)"
        numbers.append(KeyNumber(percent(own["skill"], 2, sign=True), label, note))
    return (
        *numbers,
        KeyNumber(
            percent(own["hit_rate"]),
            "of crime captured on 5 % of the area",
            f"{_ends(own, 'hit_rate', percent_interval)}backtest, active area; PAI {number(own['pai'])}",
        ),
        KeyNumber(
            number(own["sum_ratio"]),
            "expected / recorded crimes",
            f"{_ends(own, 'sum_ratio', interval)}backtest; 1 means that the total was right",
        ),
        KeyNumber(
            percent(own["coverage"]),
            "of counts inside the 90 % interval",
            f"{_ends(own, 'coverage', percent_interval)}backtest; should be 90 % or more",
        ),
    )


def _ends(own: Mapping[str, float], name: str, form: Callable[[float, float], str]) -> str:
    text = form(own[f"{name}_low"], own[f"{name}_high"])
    return f"{text}; " if text else ""


def _intake_summary(intake: IntakeReport) -> str:
    used = intake.rows_kept / intake.rows_read if intake.rows_read else 0.0
    left = f" Columns not used: {', '.join(intake.columns_left)}." if intake.columns_left else ""
    personal = intake.person_columns_left
    note = f" Of these, refused as personal data: {', '.join(personal)}." if personal else ""
    return f"{intake.rows_kept:,} of {intake.rows_read:,} rows are used ({percent(used)}).{left}{note}"
