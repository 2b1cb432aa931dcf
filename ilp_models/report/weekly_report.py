"""From the nouns of a run to the content of its page, the figures drawn on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ilp_models.domain.decision import Decision
from ilp_models.domain.disclaimers import RESEARCH_ONLY
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.scores import ScoreTable
from ilp_models.report import tables
from ilp_models.report.audit.findings import summarise_checks
from ilp_models.report.content import FigureFile, KeyNumber, ReportContent, TypeSection, Verdict
from ilp_models.report.figures import draw_calibration, draw_hit_curves, draw_importance
from ilp_models.report.formatting import number, percent
from ilp_models.report.maps import MapGround, draw_map
from ilp_models.report.page import Report


@dataclass(frozen=True, eq=False)
class WeeklyEvidence:
    """What a run knows of its forecast; the page is made from nothing else.

    Parameters
    ----------
    city : str
        Name of the study area.
    forecast : RiskForecast
        The forecast to show; its first period is mapped.
    grid : Grid
        The cells it was made on.
    scores : ScoreTable
        Scores of all forecasters.
    baseline : str
        The forecaster that skill is measured against.
    protocol : str
        How it was scored, in one line.
    hit_curves : DataFrame
        ``forecaster, lead, crime_type, share, hit_rate, oracle``.
    calibration : DataFrame
        ``crime_type, expected, observed, low, high`` of the forecaster shown.
    decision : Decision
        What the gate decided, with the audit it rests on.
    intake : IntakeReport
        The account of the records.
    provenance : mapping of str to str
        Digests, versions and times by name.
    command : str
        What to type to make the run again.
    importance : DataFrame, optional
        ``feature, family, multiplier``, strongest first.
    reasons : DataFrame, optional
        ``crime_type, cell, period, rank, words``.
    """

    city: str
    forecast: RiskForecast
    grid: Grid
    scores: ScoreTable
    baseline: str
    protocol: str
    hit_curves: pd.DataFrame
    calibration: pd.DataFrame
    decision: Decision
    intake: IntakeReport
    provenance: Mapping[str, str]
    command: str
    importance: pd.DataFrame | None = None
    reasons: pd.DataFrame | None = None


def compose_weekly(report: Report, evidence: WeeklyEvidence, folder: Path) -> ReportContent:
    """Return the content of the page, having drawn its figures."""
    decision, intake = evidence.decision, evidence.intake
    table = tables.comparison(evidence.scores, evidence.baseline)
    return ReportContent(
        city=evidence.city,
        data=records_in_a_line(intake),
        period=period_words(evidence.forecast.periods[0]),
        forecaster=evidence.forecast.forecaster,
        baseline=evidence.baseline,
        verdict=Verdict(
            decision.admitted, tables.plain_reasons(decision), f"{decision.valid_until:%-d %B %Y, %H:%M %Z}"
        ),
        key_numbers=_key_numbers(evidence, table),
        types=_types(report, evidence, folder),
        comparison=table,
        protocol=evidence.protocol,
        audit_protocol=tables.audit_protocol(decision.report),
        curves=_curves(evidence, folder),
        importance=_importance(report, evidence, folder),
        checks=summarise_checks(decision.report),
        intake=tables.intake(intake),
        intake_summary=_kept(intake),
        intake_notes=intake.notes,
        provenance=evidence.provenance,
        command=evidence.command,
        attribution=intake.attribution,
    )


def period_words(period: pd.Period) -> str:
    """Return a period in words."""
    start, end = period.start_time, period.end_time
    if period.freqstr == "M":
        return f"{start:%B %Y}"
    if period.freqstr == "D":
        return f"{start:%A} {start.day} {start:%B %Y}"
    month = f" {start:%B}" if start.month != end.month else ""
    year = f" {start.year}" if start.year != end.year else ""
    return f"{start:%A} {start.day}{month}{year} to {end:%A} {end.day} {end:%B %Y}"


def records_in_a_line(intake: IntakeReport) -> str:
    """Return publisher, number and span of the records in one line."""
    if intake.start is None or intake.end is None:
        return f"{intake.source}: no record"
    last = intake.end - pd.Timedelta(1, "ns")
    return f"{intake.source}: {intake.rows_kept:,} records, {intake.start:%Y-%m-%d} to {last:%Y-%m-%d}"


def _types(report: Report, evidence: WeeklyEvidence, folder: Path) -> tuple[TypeSection, ...]:
    forecast, grid = evidence.forecast, evidence.grid
    ground = MapGround.from_cells(grid.geometry, parent_labels(grid))
    mark = "" if evidence.decision.admitted else RESEARCH_ONLY
    words, sections = period_words(forecast.periods[0]), []
    for place, kind in enumerate(map(str, forecast.expected.indexes["crime_type"]), start=1):
        cells = tables.top_cells(forecast, grid, kind, report.top_cells, evidence.reasons)
        expected = forecast.expected.values[place - 1, :, 0]
        path = folder / f"map-{place}.png"
        draw_map(path, ground, expected, cells["position"].to_numpy(), f"{kind}: {words}", mark)
        first = cells.iloc[0]
        where = f"cell {first['cell']}" + (f" in {first['area']}" if first["area"] else "")
        alt = f"Map of {evidence.city}: expected {kind} events for each of {len(grid)} cells. Highest: {where}, "
        figure = FigureFile(
            path,
            f"{alt}{number(first['expected'])}. The table below lists the {len(cells)} highest cells.",
            f"Expected events per cell and period, {words}. Darker is more; the outlined cells are numbered as in the "
            "table. Lines are the borders of parent areas, drawn along cells.",
        )
        part = percent(float(cells["share"].sum()), 0)
        total = (
            f"{number(float(expected.sum()))} events are expected in {evidence.city}, {part} of them in these cells."
        )
        sections.append(TypeSection(kind, total, figure, cells.drop(columns="position")))
    return tuple(sections)


def _curves(evidence: WeeklyEvidence, folder: Path) -> tuple[FigureFile, ...]:
    name = evidence.forecast.forecaster
    first = evidence.hit_curves[evidence.hit_curves["lead"] == evidence.hit_curves["lead"].min()]
    hits = draw_hit_curves(folder / "hit-curves.png", first, name)
    bins = draw_calibration(folder / "calibration.png", evidence.calibration)
    return (
        FigureFile(
            hits,
            "Curves of the share of events caught against the share of land flagged, a line a forecaster.",
            "Hit curves over the replayed periods, all types, each type ranked on its own. A higher line catches more "
            "events on the same land; the dotted line is what knowing the counts would catch.",
        ),
        FigureFile(
            bins,
            f"Mean counts against mean forecasts of {name} in bins, a panel a crime type, beside the line of equality.",
            f"Calibration of {name}: points on the line mean that what was expected happened. Bars are intervals from "
            "resampling whole periods.",
        ),
    )


def _importance(report: Report, evidence: WeeklyEvidence, folder: Path) -> FigureFile | None:
    table = evidence.importance
    if table is None or table.empty:
        return None
    path = draw_importance(folder / "importance.png", table, report.features)
    first = table.iloc[0]
    return FigureFile(
        path,
        f"Bars of the typical factor of each feature; the largest is {first['feature']}, x{first['multiplier']:.2f}.",
        "Mean size of each feature's attribution over all units, as a multiplier of the expected count.",
    )


def _key_numbers(evidence: WeeklyEvidence, table: pd.DataFrame) -> tuple[KeyNumber, ...]:
    rows = table.set_index("forecaster").drop(columns=["bound", "verdict"])
    total = float(evidence.forecast.expected.values[:, :, 0].sum())
    kinds, cells, _ = evidence.forecast.expected.shape
    land = float(evidence.grid.area_m2.sum()) / 1e6
    numbers = [
        KeyNumber(
            number(total), "events expected", f"{kinds} crime types, {cells:,} cells, {land:,.0f} km\N{SUPERSCRIPT TWO}"
        )
    ]
    name = evidence.forecast.forecaster
    if name not in rows.index:
        return tuple(numbers)
    own = dict(zip(rows.columns, rows.loc[[name]].to_numpy(dtype=float)[0].tolist(), strict=True))
    if name != evidence.baseline:
        spread = f"[{percent(own['low'], 2, sign=True)}, {percent(own['high'], 2, sign=True)}]"
        judged = table.loc[table["forecaster"] == name, "verdict"].item()
        verdict = f"{spread}: {judged}" if pd.notna(own["low"]) else f"{judged}; too few periods for an interval"
        numbers.append(KeyNumber(percent(own["skill"], 2, sign=True), f"skill over {evidence.baseline}", verdict))
    return (
        *numbers,
        KeyNumber(
            percent(own["hit_rate"]),
            "of events on 5 % of the land",
            f"{_ends(own, 'hit_rate', percent)}PAI {number(own['pai'])}, active land, replayed",
        ),
        KeyNumber(
            number(own["sum_ratio"]),
            "forecast / happened",
            f"{_ends(own, 'sum_ratio', number)}all events of the replay; 1 is right",
        ),
        KeyNumber(
            percent(own["coverage"]),
            "of counts in the 90 % interval",
            f"{_ends(own, 'coverage', percent)}at least 90 % is right for whole counts",
        ),
    )


def _ends(own: Mapping[str, float], name: str, form: Callable[[float], str]) -> str:
    low, high = own[f"{name}_low"], own[f"{name}_high"]
    return f"[{form(low)}, {form(high)}]; " if pd.notna(low) else ""


def _kept(intake: IntakeReport) -> str:
    kept = intake.rows_kept / intake.rows_read if intake.rows_read else 0.0
    left = f" Columns never read: {', '.join(intake.columns_left)}." if intake.columns_left else ""
    persons = intake.person_columns_left
    about = f" Of these about persons, refused at the door: {', '.join(persons)}." if persons else ""
    return f"{intake.rows_kept:,} of {intake.rows_read:,} rows were kept ({percent(kept)}).{left}{about}"
