"""Write the files of a run: intake report, scores, risk grids, decision, explanation, model and report page."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ilp_models.audit.register.register import Register
from ilp_models.domain.aggregate import area_table
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.decision import Decision
from ilp_models.domain.digest import folder_digests
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import EventSource
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.intake import IntakeError, IntakeReport
from ilp_models.domain.recipe import describe, without_classes
from ilp_models.domain.scores import ALL, SECOND
from ilp_models.domain.text_output import write_table
from ilp_models.export.csv_tables import write_areas
from ilp_models.export.marking import mark
from ilp_models.export.writers import Export
from ilp_models.model.bundle import write_bundle
from ilp_models.pipeline.audit_archive import write_audit_input
from ilp_models.pipeline.audit_result import AuditResult
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.day_patterns import write_day_patterns
from ilp_models.pipeline.flagged_cells import flagged_cells
from ilp_models.pipeline.forecasting import NextForecast
from ilp_models.pipeline.front_content import front_page
from ilp_models.pipeline.last_map import last_map
from ilp_models.pipeline.map_content import map_evidence
from ilp_models.pipeline.recorded_changes import city_changes
from ilp_models.pipeline.registration import register_decision
from ilp_models.pipeline.run_folder import EVIDENCE, REASONS
from ilp_models.pipeline.study import Study, open_study
from ilp_models.pipeline.trials import units_digest
from ilp_models.report.last_map import LastMap
from ilp_models.report.weekly_report import WeeklyEvidence, WeeklyReport, compose_weekly
from ilp_models.scoring.calibration import calibration_table

_LOG = logging.getLogger(__name__)
INTAKE = "intake.json"
RECORDED = "recorded.csv"
SCORES = "scores.parquet"
_RECORDED_PERIODS = 2  # years


def read_study(source: EventSource, grid: GridSpec, folder: Path, *, calendar: Calendar, **options: Any) -> Study:
    """Return the study of the events of a source, and write the report of their intake.

    The report is written once, with the notes on layers and crime types, and also where reading fails.
    """
    try:
        events = source.read()
    except IntakeError as error:
        path = write_json(folder / INTAKE, error.report.to_dict())
        msg = f"{error} Full intake report: {path}"
        raise IntakeError(msg, error.report) from error
    intake = events.intake
    if intake is not None:
        _LOG.info("%s\n", intake.to_text())
    try:
        study = open_study(events, grid, calendar=calendar, **options)
        intake = study.events.intake
        return study
    finally:
        rewrite_intake(intake, folder)


def rewrite_intake(intake: IntakeReport | None, folder: Path) -> None:
    """Write the report of an intake, also over an earlier one with fewer notes."""
    if intake is not None:
        write_json(folder / INTAKE, intake.to_dict())


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a JSON file and return its path."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    return path


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as plain JSON values."""
    known = table.notna() & ~table.isin([np.inf, -np.inf])
    rows = table.astype(object).where(known, None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def write_scores(
    backtest: Backtest, folder: Path, skills: pd.DataFrame | None = None, decimal: str = "point"
) -> list[Path]:
    """Write the scores by period, their summary and the skill of every forecaster, and return the files.

    The scores by period are long, so they are also in a Parquet file. A comparison passes its own skills, whose
    verdicts are adjusted.
    """
    skills = _with_not_run(backtest, backtest.skill() if skills is None else skills)
    tables = {"scores.csv": backtest.scores.table, "summary.csv": backtest.summary(), "skill.csv": skills}
    for name, table in tables.items():
        write_table(table, folder / name, decimal)
    scored = backtest.scores.table.copy(deep=False)
    scored.attrs.update(score_facts(backtest))
    scored.to_parquet(folder / SCORES, index=False)
    return [folder / name for name in (*tables, SCORES)]


def score_facts(backtest: Backtest) -> dict[str, Any]:
    """Return what scores of two runs need to be compared or added up; the Parquet file of the scores holds it."""
    one = next(one for one in backtest.replays if one.lead == 1)
    return {
        "baseline": backtest.scoring.baseline,
        "bootstrap": asdict(backtest.scores.resampling),
        "delay": backtest.scores.delay,
        "units": units_digest(one),
        "cells": one.observed.sizes["cell"],
        "recipes": dict(backtest.recipes),
        "not_run": dict(backtest.not_run),
    }


def _with_not_run(backtest: Backtest, skills: pd.DataFrame) -> pd.DataFrame:
    """Return the skill of every forecaster, those that could not run included."""
    if not backtest.not_run:
        return skills
    lead = backtest.scores.table["lead"].min()
    verdicts = [f"did not run: {why}" for why in backtest.not_run.values()]
    absent = pd.DataFrame(
        {"forecaster": list(backtest.not_run), "lead": lead, "crime_type": ALL, "verdict": verdicts, "n": 0}
    )
    return pd.concat([skills, absent], ignore_index=True)


def score_rows(backtest: Backtest) -> pd.DataFrame:
    """Return the skill of every forecaster, then its pooled scores: the sheet of the workbook."""
    skills = _with_not_run(backtest, backtest.skill())
    columns = ["score", "forecaster", "crime_type", "lead", "value", "low", "high", "verdict", "n"]
    over = [("", backtest.scoring.baseline)] + [(SECOND, name) for name in (backtest.second_baseline,) if name]
    parts = [
        skills[["forecaster", "crime_type", "lead", "n"]].assign(
            score=f"skill over {name}",
            value=skills[f"{prefix}skill"],
            **{column: skills[f"{prefix}{column}"] for column in ("low", "high", "verdict")},
        )
        for prefix, name in over
    ]
    return pd.concat([*parts, backtest.summary()], ignore_index=True)[columns]


def write_forecast(
    forecast: NextForecast,
    export: Export,
    folder: Path,
    *,
    decided: tuple[AuditResult, Decision] | None = None,
    backtest: Backtest | None = None,
) -> list[Path]:
    """Write the risk grid in all formats, the sums over areas, and relative risks where they were learned."""
    source = forecast.provenance() if backtest is None else forecast.provenance(backtest.protocol)
    past = () if backtest is None else backtest.replays_of(forecast.name)
    scores = None if backtest is None or "xlsx" not in export.formats else score_rows(backtest)
    places, decision = forecast.places, None
    if decided is not None:
        audit, decision = decided
        places = replace(places, flagged=flagged_cells(audit))
    files = export.write(forecast.forecast, places, source, decision, folder, scores=scores)
    areas = area_table(forecast.forecast, forecast.grid, past)
    marking = replace(mark(forecast.forecast, source, decision, export.grade), decimal=export.decimal)
    files += write_areas(areas, marking, folder)
    write_table(recorded_counts(forecast.study), folder / RECORDED, export.decimal)
    files.append(folder / RECORDED)
    risks = getattr(forecast.forecaster, "relative_risks_", None)
    if risks is not None:
        write_table(risks, folder / "relative_risks.csv", export.decimal)
        files.append(folder / "relative_risks.csv")
    return files


def recorded_counts(study: Study) -> pd.DataFrame:
    """Return the records of the study area by crime type and period, over the latest two years of whole periods."""
    calendar, events = study.calendar, study.events
    periods = calendar.whole_periods(events.start, events.end - events.settles_after)
    periods = periods[-_RECORDED_PERIODS * calendar.per_year :]
    ordinal = pd.Series(calendar.ordinals(events.table["occurred_at"]), index=events.table.index)
    counts = pd.crosstab(events.table["crime_type"], ordinal, dropna=False).reindex(columns=periods.asi8, fill_value=0)
    counts = counts.reindex(list(events.crime_types), fill_value=0)
    counts.columns = pd.Index([f"{one.start_time:%Y-%m-%d}" for one in periods])
    table = counts.reset_index().melt("crime_type", var_name="period", value_name="recorded")
    return table.assign(freq=calendar.freq)


def write_outputs(
    audit: AuditResult, decision: Decision, backtest: Backtest, export: Export, register: Register, folder: Path
) -> list[Path]:
    """Write the files of a decided forecast, marked with the highest grade that its decision allows.

    What the decision rests on is written first, and its line in the register holds the digests of these files. The
    grids follow the line, and `decision.json` comes last: without it nothing can be acted on.
    """
    forecast, details, files = audit.forecast, audit.reasons(), [folder / REASONS]
    forecast.reasons.to_parquet(folder / REASONS, index=False)
    if details is not None:
        details.to_parquet(folder / "explanation.parquet", index=False)
        files.append(folder / "explanation.parquet")
    facts = {"settings": without_classes(describe(audit.settings)), "moment": decision.issued.isoformat()}
    write_audit_input(audit.audit_input, folder / "audit", facts)
    write_day_patterns(forecast, folder / "audit")
    files.append(write_model(forecast, backtest, folder / "model"))
    grade = register_decision(decision, register, folder_digests(folder, EVIDENCE))
    files += write_forecast(
        forecast,
        replace(export, grade=grade),
        folder,
        decided=(audit, decision),
        backtest=backtest,
    )
    return [*files, write_json(folder / "decision.json", decision.to_dict())]


def write_model(forecast: NextForecast, backtest: Backtest, folder: Path) -> Path:
    """Write the fitted forecaster as text, with its settings and digests, and return its folder."""
    facts: Mapping[str, Any] = {
        "name": forecast.name,
        "city": forecast.study.city,
        "recipe": forecast.forecast.recipe,
        "data": forecast.study.events.digest(),
        "stored_forecasts": backtest.storage[forecast.name],
        "settings": describe(backtest.models[forecast.name]),
        **forecast.study.tags(),
    }
    return write_bundle(forecast.forecaster, folder, facts)


@dataclass(frozen=True)
class PageTask:
    """Where the pages of a week are written, with which settings, and the register that knows earlier maps."""

    report: WeeklyReport
    register: Register
    folder: Path
    command: str = ""

    def write(self, audit: AuditResult, decision: Decision, backtest: Backtest) -> list[Path]:
        """Write the weekly report with its figures, and the front page, and return both files."""
        last = last_map(audit, self.folder, self.register)
        evidence = self._evidence(audit, decision, backtest, last)
        page = self.report.write(self.folder, compose_weekly(self.report, evidence, self.folder / "figures"))
        front = front_page(audit, decision, audit.forecast.place_names, last, self.report.file_name)
        return [page, front.write(self.folder)]

    def _evidence(
        self, audit: AuditResult, decision: Decision, backtest: Backtest, last: LastMap | None
    ) -> WeeklyEvidence:
        forecast, study, scores = audit.forecast, backtest.study, backtest.scores
        if study.events.intake is None:
            msg = "The report needs the intake report of the events. Read them from a source, such as with read_events."
            raise InputError(msg)
        past = backtest.replay_of(audit.forecast.name)
        return WeeklyEvidence(
            city=study.city,
            forecast=forecast.forecast,
            grid=forecast.grid,
            scores=scores,
            skill=backtest.skill(),
            baseline=backtest.scoring.baseline,
            protocol=backtest.protocol,
            hit_curves=backtest.hit_curves(),
            calibration=calibration_table(past, scores.resampling.for_lead(1 + scores.delay)),
            decision=decision,
            intake=study.events.intake,
            provenance={
                "Recipe": forecast.forecast.recipe,
                "Forecast digest": forecast.forecast.digest(),
                "Data digest": study.events.digest(),
                "Code": study.code,
                "Cutoff": str(forecast.forecast.cutoff),
                "Made": now().isoformat(),
            },
            command=self.command,
            reasons=forecast.reasons,
            overused=forecast.places.overused or {},
            map=map_evidence(audit, last),
            last=last,
            changes=city_changes(forecast.forecaster.history_.events, forecast.grid, study.calendar),
        )
