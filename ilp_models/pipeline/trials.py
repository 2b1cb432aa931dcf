"""Record the trials of a run: each forecaster that was scored, with settings, data, periods and score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.digest import digest_of
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.panel import DIMS
from ilp_models.domain.recipe import describe
from ilp_models.domain.replay import Replay
from ilp_models.domain.scores import ALL
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.stored_forecasts import RivalForecast
from ilp_models.pipeline.study import Study
from ilp_models.tracking.trial_record import TrialLine, TrialRecord, settings_text

if TYPE_CHECKING:
    from ilp_models.pipeline.backtesting import Backtest  # which records its trials
    from ilp_models.tuning.trials import Trial  # Optuna takes a second to load, and only a search needs it

_SCORE: Final = "deviance"
_NAN: Final = float("nan")


def open_record(trials: str | Path | TrialRecord | None) -> TrialRecord | None:
    """Return the record that a function writes to, after a check; None if it writes none."""
    if trials is None:
        return None
    record = TrialRecord.from_path(trials)
    record.check()
    return record


def record_backtest_trials(record: TrialRecord, task: str, backtest: "Backtest", folder: Path | None) -> None:
    """Add a line for each forecaster that a run scored or could not run; stored ones of other runs have theirs."""
    facts = {
        name: {
            "settings": settings_text(describe(model)),
            "recipe": backtest.recipes[name],
            "reason": backtest.not_run.get(name, ""),
        }
        for name, model in backtest.models.items()
    }
    record.append(_lines(record, task, backtest, folder, facts))


def record_rival_trials(
    record: TrialRecord, task: str, backtest: "Backtest", folder: Path | None, rivals: Sequence[RivalForecast]
) -> None:
    """Add a line for each of some rivals of a backtest: its files are its settings."""
    facts = {
        one.name: {
            "settings": settings_text(one.settings),
            "recipe": one.recipe,
            "reason": "",
            "who": one.author or record.person,
        }
        for one in rivals
    }
    record.append(_lines(record, task, backtest, folder, facts))


def _lines(
    record: TrialRecord, task: str, backtest: "Backtest", folder: Path | None, facts: Mapping[str, Mapping[str, str]]
) -> Iterator[TrialLine]:
    """Yield the line of each forecaster, given by name with its own cells."""
    table, baseline = backtest.scores.table, backtest.scoring.baseline
    scores = replace(backtest.scores, table=table[table["score"] == _SCORE])
    summary, skills = scores.summarise(), scores.skill(baseline)
    one = next(one for one in backtest.replays if one.lead == 1)
    shared: dict[str, Any] = {
        **trial_source(record, task, backtest.study, folder),
        **trial_periods(one.periods),
        "units": units_digest(one),
        "score": _SCORE,
        "baseline": baseline,
    }
    for name, own in facts.items():
        score, skill = _pooled(summary, name), _pooled(skills, name)
        numbers = {
            **{column: score.get(column, _NAN) for column in ("value", "low", "high")},
            "skill": skill.get("skill", _NAN),
            "skill_low": skill.get("low", _NAN),
            "skill_high": skill.get("high", _NAN),
        }
        yield TrialLine(**{**shared, "forecaster": name, **numbers, **own})


def record_search_trial(record: TrialRecord, trial: "Trial", shared: Mapping[str, Any], model: Forecaster) -> None:
    """Add the line of one trial of a search; the searched settings have dotted names."""
    line = TrialLine(
        **shared,
        settings=settings_text(describe(model) | dict(trial.settings)),
        units="",
        value=trial.value,
        low=_NAN,
        high=_NAN,
        baseline="",
        skill=_NAN,
        skill_low=_NAN,
        skill_high=_NAN,
        reason=trial.reason,
    )
    record.append([line])


def trial_source(record: TrialRecord, task: str, study: Study, folder: Path | None) -> dict[str, str]:
    """Return who made a trial, when, in which run, on which records and with which code."""
    return {
        "when": now().isoformat(),
        "who": record.person,
        "task": task,
        "run": "" if folder is None else run_label(folder),
        "data": study.events.digest(),
        "code": study.code,
    }


def trial_periods(periods: pd.PeriodIndex) -> dict[str, Any]:
    """Return the first day, the last day and the number of the scored periods."""
    first, last = periods[0].start_time, periods[-1].end_time
    return {"first_period": f"{first:%Y-%m-%d}", "last_period": f"{last:%Y-%m-%d}", "periods": len(periods)}


def run_label(folder: Path) -> str:
    """Return the folder of a run as a record names it: relative to the current folder, or its name elsewhere."""
    path = folder.absolute()
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name


def units_digest(replay: Replay) -> str:
    """Return the digest of cells, periods and recorded counts: only scores on equal units can be paired."""
    labels = [list(map(str, replay.observed.indexes[name])) for name in DIMS]
    return digest_of(labels, np.ascontiguousarray(replay.observed.to_numpy(), dtype=np.int64))[:16]


def _pooled(table: pd.DataFrame, name: str) -> dict[str, float]:
    """Return the row of a forecaster over all crime types at lead 1; empty where it could not run."""
    rows = table[(table["forecaster"] == name) & (table["crime_type"] == ALL) & (table["lead"] == 1)]
    numbers = rows.select_dtypes("number")
    return {str(key): float(value) for key, value in numbers.iloc[0].items()} if len(rows) else {}
