"""Record runs in the tracking store: settings, dataset, scores, decision and files.

The store mirrors what the files and the register say; nothing relies on it.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import StorageError
from ilp_models.domain.recipe import describe
from ilp_models.domain.scores import ALL, is_bound
from ilp_models.domain.text_output import write_table
from ilp_models.domain.tracking import TrackedRun, Tracker
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.pipeline.forecasting import NextForecast
from ilp_models.pipeline.study import Study

_HEADLINE: Final = ("deviance", "log_score", "hit_rate_05", "sum_ratio")


@contextmanager
def tracked_run(
    tracking: Tracker, task: str, study: Study, tags: dict[str, str] | None = None, **parts: Any
) -> Iterator[TrackedRun]:
    """Hold a run of a task, with its settings, code version and dataset recorded."""
    settings = {name: describe(part) for name, part in parts.items()}
    with tracking.run(task, study.tags() | (tags or {}), settings) as run:
        events, intake = study.events, study.events.intake
        run.dataset(
            study.city or "events",
            digest=events.digest(),
            source=", ".join(intake.files) if intake is not None and intake.files else study.city or "memory",
            profile={
                "events": len(events),
                "crime_types": list(events.crime_types),
                "start": str(events.start.date()),
                "end": str(events.end.date()),
                "crs": events.crs,
            },
        )
        yield run


def record_files(run: TrackedRun, files: Iterable[Path]) -> None:
    """Record files and folders as artefacts of a run."""
    for path in files:
        run.artifact(path)


def record_backtest(run: TrackedRun, backtest: Backtest, skills: pd.DataFrame | None = None) -> None:
    """Record headline scores on the run, and a child run for each forecaster.

    A child has the forecaster's flattened settings, its pooled scores, the history of its scores by period and its
    scores as a table.
    """
    summary, skills = backtest.summary(), backtest.skill() if skills is None else skills
    costs = {one.forecaster: one.cost for one in backtest.replays}
    for name in backtest.scores.forecasters:
        if is_bound(name):
            continue
        own, skill = summary[summary["forecaster"] == name], skills[skills["forecaster"] == name]
        pooled = own[(own["crime_type"] == ALL) & (own["lead"] == 1) & own["score"].isin(_HEADLINE)]
        headline = dict(zip(pooled["score"], pooled["value"].astype(float), strict=True))
        overall = skill[(skill["crime_type"] == ALL) & (skill["lead"] == 1)]["skill"]
        headline |= {"skill": float(overall.iloc[0])} if len(overall) else {}
        run.metrics({f"{name}/{score}": value for score, value in headline.items() if np.isfinite(value)})
        settings = describe(backtest.models[name]) if name in backtest.models else {}
        tags = {"forecaster": name, "recipe": backtest.recipes[name], "stored_as": backtest.storage.get(name, "")}
        with run.child(name, tags, settings) as child:
            child.metrics(_named(own, "value") | _named(skill.assign(score="skill"), "skill"))
            cost = costs.get(name)
            child.metrics({f"cost/{key}": value for key, value in cost.to_dict().items()} if cost else {})
            _record_history(child, backtest, name)
            _record_tables(child, {"summary.csv": own, "skill.csv": skill})


def record_decision(run: TrackedRun, decision: Decision) -> None:
    """Record the decision, and the value of every finding."""
    verdict = "admitted" if decision.admitted else "withheld"
    run.tags({"decision": verdict, "recipe": decision.recipe, "audit.decision": decision.seal})
    values = {"/".join(filter(None, ("audit", *finding.key))): finding.value for finding in decision.findings}
    run.metrics({name: value for name, value in values.items() if np.isfinite(value)})


def record_model(run: TrackedRun, forecast: NextForecast, folder: Path) -> None:
    """Record the fitted forecaster with its settings and the signature of its forecasts."""
    run.model(forecast.name, folder, describe(forecast.forecaster))


def point_alias(tracking: Tracker, alias: str, decision: Decision, folder: Path) -> list[str]:
    """Point an alias of the registered model at a run, and return what went wrong, if anything did."""
    tags = {
        "audit.status": "admitted" if decision.admitted else "review" if decision.reviews else "withheld",
        "audit.decision": decision.seal,
        "audit.recipe": decision.recipe,
        "audit.forecast": decision.forecast,
        "audit.expires": decision.valid_until.isoformat(),
        "audit.alias": alias,
    }
    try:
        tracking.promote(decision.forecaster, alias, folder, tags)
    except StorageError as error:
        return [f"The tracking store was not updated: {error}"]
    return []


def alias_of(decision: Decision) -> str:
    """Return the alias of a run that was just decided on."""
    return "candidate" if decision.admitted else "research"


def _named(rows: pd.DataFrame, value: str) -> dict[str, float]:
    """Name numbers like `all/deviance` and, beyond lead 1, `all/deviance/lead_2`."""
    named = {}
    for row in rows.to_dict("records"):
        lead = "" if row["lead"] == 1 else f"/lead_{row['lead']}"
        named[f"{row['crime_type']}/{row['score']}{lead}"] = float(row[value])
    return named


def _record_history(child: TrackedRun, backtest: Backtest, name: str) -> None:
    """Record the headline scores of each test period, so that the store draws them as curves."""
    series, known = {}, set(backtest.scores.table["score"].unique())
    for score in (one for one in _HEADLINE if one in known):
        numerator, denominator = backtest.scores.by_period(score, 1)
        if name in numerator:
            series[f"by_period/{score}"] = (numerator[name] / denominator).tolist()
    child.history(series)


def _record_tables(child: TrackedRun, tables: dict[str, pd.DataFrame]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables.items():
            write_table(table, Path(folder, name))
            child.artifact(Path(folder, name))
