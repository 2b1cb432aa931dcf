"""Report a search of settings: tables, figures, and the commands that use the best settings."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from ilp_models.domain.text_output import write_table
from ilp_models.pipeline.trial_scorer import TrialScorer
from ilp_models.report.plots import plot_tuning_history, plot_tuning_settings, save_figure
from ilp_models.stats.bootstrap import Bootstrap, paired_p_value
from ilp_models.stats.pooling import direction
from ilp_models.tuning.space import SearchSetting
from ilp_models.tuning.trials import ScoreSums, Trial, Trials


@dataclass(frozen=True)
class Gain:
    """The improvement of the best settings over the current ones, as a share of the current score."""

    value: float  # positive: the best settings are better
    low: float  # NaN with fewer than three blocks of periods
    high: float
    verdict: str  # better (both interval and paired test show it) or tie

    def __str__(self) -> str:
        """Return the gain in percent with its interval and verdict."""
        interval = "too few periods for an interval"
        if np.isfinite(self.low):
            interval = f"[{self.low:+.2%}, {self.high:+.2%}]"
        return f"{self.value:+.2%}, {interval}: {self.verdict}"


def gain_of(best: ScoreSums, current: ScoreSums, score: str, resampling: Bootstrap, ahead: int) -> Gain:
    """Return the gain of the best settings over the current ones."""
    mine, theirs = np.array(best.numerator), np.array(current.numerator)
    way, ratio = direction(score), resampling.for_lead(ahead).ratio(mine, theirs)
    low, high = sorted((way * (float(ratio.low) - 1), way * (float(ratio.high) - 1)))
    sure = paired_p_value(mine - theirs, resampling.lags(ahead)) < 1 - resampling.confidence
    return Gain(way * (float(ratio.value) - 1), low, high, "better" if sure and low > 0 else "tie")


@dataclass(frozen=True, eq=False)
class TuningReport:
    """The trials of a search of settings, and the best trial."""

    forecaster: str
    key: str  # fingerprint of the study
    score: str  # the optimised score
    space: tuple[SearchSetting, ...]
    trials: tuple[Trial, ...]  # oldest first
    best: Trial
    importance: Mapping[str, float]  # share of the variance of the score by setting; empty if not available
    periods: pd.PeriodIndex  # of the search
    first_test: pd.Timestamp  # first test cutoff, out of sample for the search
    resampling: Bootstrap  # of periods, for the interval of the gain
    ahead: int  # longest lead of the search plus the reporting delay, periods
    baseline: str  # of the skill
    command: str  # of the search

    @classmethod
    def from_search(cls, search: Trials, scorer: TrialScorer, forecaster: str, command: str) -> Self:
        """Return the report of a search of the settings of a named forecaster."""
        study = scorer.study
        return cls(
            forecaster=forecaster,
            key=scorer.key,
            score=scorer.tuning.score,
            space=scorer.tuning.settings,
            trials=search.finished,
            best=search.best,
            importance=search.importance(),
            periods=scorer.periods,
            first_test=scorer.first_test,
            resampling=scorer.scoring.bootstrap,
            ahead=scorer.plan.horizon + scorer.plan.delay(study.events, study.calendar),
            baseline=scorer.scoring.baseline,
            command=command or "ilp tune",
        )

    @property
    def overrides(self) -> list[str]:
        """The best settings as overrides of the command line."""
        return [f"model.{self.forecaster}.{name}={_as_yaml(value)}" for name, value in self.best.settings.items()]

    @property
    def table(self) -> pd.DataFrame:
        """One row per trial: ``trial``, the score, ``best``, ``seconds``, ``reason``, then each setting."""
        rows = [
            {
                "trial": one.number,
                self.score: one.value,
                "best": one.number == self.best.number,
                "seconds": one.seconds,
                "reason": one.reason,
                **{name: _as_yaml(value) if isinstance(value, list) else value for name, value in one.settings.items()},
            }
            for one in self.trials
        ]
        return pd.DataFrame(rows)

    def write(self, folder: Path, decimal: str = "point") -> list[Path]:
        """Write trials, importance, the best settings as an experiment, and two figures; return the files."""
        figures, table, best = folder / "figures", self.table, folder / "best" / "experiment" / "best.yaml"
        write_table(table, folder / "trials.csv", decimal)
        shares = pd.DataFrame({"setting": list(self.importance), "importance": list(self.importance.values())})
        write_table(shares, folder / "importance.csv", decimal)
        best.parent.mkdir(parents=True)
        best.write_text(self.experiment(), encoding="utf-8")
        log = [one.name for one in self.space if one.log]
        return [
            folder / "trials.csv",
            folder / "importance.csv",
            best,
            save_figure(
                plot_tuning_history(table, self.score, direction(self.score)), figures / "history.png", self.score
            ),
            save_figure(plot_tuning_settings(table, self.score, log), figures / "slices.png", self.score),
        ]

    def experiment(self) -> str:
        """Return the best settings as YAML of an experiment."""
        nested: dict[str, Any] = {}
        for name, value in self.best.settings.items():
            *parents, last = name.split(".")
            place = nested
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        span = f"{self.periods[0].start_time:%Y-%m-%d} to {self.periods[-1].end_time:%Y-%m-%d}"
        head = (
            f"# Best of {len(self.trials)} settings of {self.forecaster} by {self.score}, {span}; study {self.key}.\n"
        )
        return f"# @package _global_\n{head}model:\n  {self.forecaster}: {json.dumps(nested)}\n"

    def to_text(self, folder: Path) -> str:
        """Return the best settings, their gain, and the commands that test and use them."""
        first, last = self.periods[0].start_time.date(), self.periods[-1].end_time.date()
        failed = [one for one in self.trials if one.reason]
        lines = [
            f"{self.forecaster}: {len(self.trials)} settings, by {self.score} on {len(self.periods)} past periods, "
            f"{first} to {last}. The test starts on {self.first_test.date()} and is out of sample.",
            *([f"Failed: {len(failed)}, first trial {failed[0].number}: {failed[0].reason}"] if failed else []),
            *self._gain_lines(),
            *(f"  {word}" for word in self.overrides),
            *([f"Importance: {_shares(self.importance)}"] if self.importance else []),
            "",
            "The score of the best trial is optimistic, because these periods selected it. The interval ignores that "
            "selection. Report the score of the test:",
            f"  {self._command(self.overrides)}",
            *self._experiment_lines(folder),
            f"Files: {folder}. Study: {self.key}.db",
        ]
        return "\n".join(lines)

    def _gain_lines(self) -> list[str]:
        current, best = self.trials[0], self.best
        if current.sums is None or best.sums is None:
            return [f"Best: {best.value:.6g} (trial {best.number}). The current settings failed: no gain is available."]
        if best.number == current.number:
            return [f"Best: {best.value:.6g}, the current settings. No trial was better."]
        gain = gain_of(best.sums, current.sums, self.score, self.resampling, self.ahead)
        return [
            f"Best: {best.value:.6g} (trial {best.number}); current settings: {current.value:.6g}. "
            f"Gain on these periods: {gain}."
        ]

    def _experiment_lines(self, folder: Path) -> list[str]:
        if any(word.startswith(("experiment=", "--config-dir=")) for word in shlex.split(self.command)):
            return []  # Hydra takes one experiment and one --config-dir
        command = self._command(["experiment=best", f"--config-dir={folder / 'best'}"])
        return ["or as an experiment:", f"  {command}"]

    def _command(self, words: Iterable[str]) -> str:
        """Return a backtest of baseline and forecaster on the same records, cells and test periods."""
        names = list(dict.fromkeys([self.baseline, self.forecaster]))
        best = {word.partition("=")[0] for word in self.overrides}
        same = [
            word
            for word in shlex.split(self.command)[2:]
            if self._is_of_backtest(word.partition("=")[0].lstrip("+~"), best)
        ]
        return shlex.join(["ilp", "backtest", f"model=[{','.join(names)}]", *same, *words])

    def _is_of_backtest(self, key: str, best: set[str]) -> bool:
        if key.startswith("model."):
            return key.startswith(f"model.{self.forecaster}.") and key not in best
        return key.split(".")[0] not in ("tuning", "forecaster", "name", "model")


def _as_yaml(value: Any) -> str:
    return value if isinstance(value, str) and value.isidentifier() else json.dumps(value)


def _shares(importance: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in importance.items())
