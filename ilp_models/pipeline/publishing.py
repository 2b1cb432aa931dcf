"""The files of a decided forecast: grids, decision, explanation, model and the page that shows them all."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ilp_models.audit.register.approvals import record_decision
from ilp_models.audit.register.register import Register
from ilp_models.domain.aggregate import area_table
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError
from ilp_models.domain.replay import Replay
from ilp_models.export.areas import write_areas
from ilp_models.export.marking import Provenance, mark
from ilp_models.export.writers import Export
from ilp_models.model.bundle import write_bundle
from ilp_models.pipeline.audit_archive import write_audit_input
from ilp_models.pipeline.backtesting import Comparison
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.decision import Judgement
from ilp_models.pipeline.forecasting import NextForecast, write_relative_risks
from ilp_models.pipeline.outputs import write_json
from ilp_models.pipeline.run_folder import user
from ilp_models.pipeline.study import Study
from ilp_models.report.weekly_report import WeeklyEvidence, WeeklyReport, compose_weekly
from ilp_models.scoring.calibration import calibration_table

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Results:
    """Everything a run found out.

    Parameters
    ----------
    study : Study
        Records, cells and periods.
    ahead : Ahead
        The next forecast.
    comparison : Comparison
        Replays and scores.
    judgement : Judgement
        Explanation, audit and decision.
    """

    study: Study
    ahead: NextForecast
    comparison: Comparison
    judgement: Judgement


def provenance(study: Study, ahead: NextForecast, protocol: str) -> Provenance:
    """Return where a forecast came from, in plain text."""
    return Provenance(
        recipe=ahead.forecast.recipe,
        data=study.events.digest(),
        code=study.code,
        created=now().isoformat(),
        attribution=study.intake.attribution,
        protocol=protocol,
    )


def publish(results: Results, export: Export, register: Path, folder: Path) -> list[Path]:
    """Return the files of a decided forecast, marked with the highest grade that its decision allows.

    The line of the decision goes into the register first. If it cannot be written, the files are for research: an
    allocation without a line could not be explained, and the work of a run is not to be lost.
    """
    study, ahead, judgement = results.study, results.ahead, results.judgement
    source = provenance(study, ahead, results.comparison.protocol)
    known = _registered(judgement.decision, register)
    graded = replace(export, grade="allocation" if known and judgement.decision.admitted else "research")
    files = graded.write(ahead.forecast, ahead.grid, source, judgement.decision, folder)
    past = results.comparison.replay_of(ahead.forecast.forecaster)
    files += publish_areas(ahead, source, graded.grade, folder, judgement.decision, past)
    if judgement.reasons is not None:
        judgement.reasons.to_parquet(folder / "explanation.parquet", index=False)
        files.append(folder / "explanation.parquet")
    kept = {"settings": study.config["audit"], "moment": judgement.decision.issued.isoformat()}
    write_audit_input(judgement.subject, folder / "audit", kept)
    name = ahead.forecast.forecaster
    facts: Mapping[str, Any] = {
        "name": name,
        "recipe": ahead.forecast.recipe,
        "data": study.events.digest(),
        "settings": study.config["model"][name],
        **study.tags(),
    }
    files.append(write_bundle(ahead.forecaster, folder / "model", facts))
    files += write_relative_risks(ahead, folder)
    # last, because without it nothing can be acted on, and all that it rests on is there
    return [*files, write_json(folder / "decision.json", judgement.decision.to_dict())]


def _registered(decision: Decision, register: Path) -> bool:
    try:
        record_decision(Register(register), decision, user())
    except IlpError as error:
        _LOG.warning("The decision is not in the register, so its files are for research only: %s", error)
        return False
    return True


def publish_areas(
    ahead: NextForecast,
    source: Provenance,
    grade: str,
    folder: Path,
    decision: Decision | None = None,
    past: Replay | None = None,
) -> list[Path]:
    """Return the table of sums over the city and its parent areas, and the facts beside it."""
    table = area_table(ahead.forecast, ahead.grid, past)
    return write_areas(table, mark(ahead.forecast, source, decision, grade), folder)


def write_page(results: Results, report: WeeklyReport, baseline: str, folder: Path) -> Path:
    """Return the path of the report page, its figures drawn beside it."""
    study, ahead, comparison, judgement = results.study, results.ahead, results.comparison, results.judgement
    explanation, replay = judgement.explanation, comparison.replay_of(ahead.forecast.forecaster)
    evidence = WeeklyEvidence(
        city=study.city,
        forecast=ahead.forecast,
        grid=ahead.grid,
        scores=comparison.scores,
        baseline=baseline,
        protocol=comparison.protocol,
        hit_curves=comparison.hit_curves(),
        calibration=calibration_table(replay, comparison.scores.resampling.for_lead(1 + comparison.scores.delay)),
        decision=judgement.decision,
        intake=study.intake,
        provenance={
            "Recipe": ahead.forecast.recipe,
            "Forecast digest": ahead.forecast.digest(),
            "Data digest": study.events.digest(),
            "Code": study.code,
            "Cutoff": str(ahead.forecast.cutoff),
            "Made": now().isoformat(),
        },
        command=str(study.config.get("command", "")),
        importance=None if explanation is None else explanation.importance(),
        reasons=judgement.reasons,
    )
    return report.write(folder, compose_weekly(report, evidence, folder / "figures"))
