"""What a search found: files, figures, and words that put it to use."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ilp_models.report.plots import plot_tuning_history, plot_tuning_settings, save_figure
from ilp_models.stats.bootstrap import Bootstrap, paired_p_value
from ilp_models.stats.pooling import direction
from ilp_models.tuning.space import SearchSetting
from ilp_models.tuning.trials import ScoreSums, Trial


@dataclass(frozen=True)
class Gain:
    """By how much the best settings did better than the present ones, on the periods of the search.

    Parameters
    ----------
    value, low, high : float
        Share of the present score, positive where the best ones did better; the ends of the interval are NaN with fewer
        than three blocks of periods.
    verdict : str
        ``better`` where interval and paired test both say so, else ``tie``.
    """

    value: float
    low: float
    high: float
    verdict: str

    def __str__(self) -> str:
        """Return the gain in percent with its interval and verdict."""
        interval = "too few periods for an interval"
        if np.isfinite(self.low):
            interval = f"[{self.low:+.2%}, {self.high:+.2%}]"
        return f"{self.value:+.2%}, {interval}: {self.verdict}"


def gain_of(best: ScoreSums, present: ScoreSums, score: str, resampling: Bootstrap, ahead: int) -> Gain:
    """Return the gain of the best settings over the present ones."""
    mine, theirs = np.array(best.numerator), np.array(present.numerator)
    way, ratio = direction(score), resampling.for_lead(ahead).ratio(mine, theirs)
    low, high = sorted((way * (float(ratio.low) - 1), way * (float(ratio.high) - 1)))
    sure = paired_p_value(mine - theirs, resampling.lags(ahead)) < 1 - resampling.confidence
    return Gain(way * (float(ratio.value) - 1), low, high, "better" if sure and low > 0 else "tie")


@dataclass(frozen=True, eq=False)
class TuningReport:
    """The trials of a study, and the best of them.

    Parameters
    ----------
    forecaster : str
        Whose settings were searched.
    key : str
        Fingerprint of the study.
    score : str
        The score that was to become better.
    space : tuple of Setting
        What was searched.
    trials : tuple of Trial
        Oldest first.
    best : Trial
        The one with the best score.
    importance : mapping of str to float
        Share of the variance of the score by setting; empty where it cannot be told.
    periods : PeriodIndex
        The periods of the search.
    first_test : Timestamp
        First cutoff of the test, which the search did not see.
    resampling : Resampling
        How periods are resampled for the interval of the gain.
    ahead : int
        The longest lead that the search judged, and the delay of the records in periods.
    baseline : str
        The forecaster that skill is measured against.
    command : str
        The words that started the search.
    """

    forecaster: str
    key: str
    score: str
    space: tuple[SearchSetting, ...]
    trials: tuple[Trial, ...]
    best: Trial
    importance: Mapping[str, float]
    periods: pd.PeriodIndex
    first_test: pd.Timestamp
    resampling: Bootstrap
    ahead: int
    baseline: str
    command: str

    @property
    def overrides(self) -> list[str]:
        """The best settings as words of a command line."""
        return [f"model.{self.forecaster}.{name}={_word(value)}" for name, value in self.best.settings.items()]

    @property
    def table(self) -> pd.DataFrame:
        """One row a trial: ``trial, score, best, seconds, reason``, then each setting."""
        rows = [
            {
                "trial": one.number,
                self.score: one.value,
                "best": one.number == self.best.number,
                "seconds": one.seconds,
                "reason": one.reason,
                **{name: _word(value) if isinstance(value, list) else value for name, value in one.settings.items()},
            }
            for one in self.trials
        ]
        return pd.DataFrame(rows)

    def write(self, folder: Path) -> list[Path]:
        """Return the files of a search: trials, importance, the best settings as an experiment, and two figures."""
        figures, table, best = folder / "figures", self.table, folder / "best" / "experiment" / "best.yaml"
        table.to_csv(folder / "trials.csv", index=False)
        shares = pd.DataFrame({"setting": list(self.importance), "importance": list(self.importance.values())})
        shares.to_csv(folder / "importance.csv", index=False)
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
        """Return the best settings as the text of an option of the group ``experiment``."""
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
        """Return the best settings, their gain, and the commands that judge and use them."""
        first, last = self.periods[0].start_time.date(), self.periods[-1].end_time.date()
        refused = [one for one in self.trials if one.reason]
        lines = [
            f"{self.forecaster}: {len(self.trials)} settings, by {self.score} on {len(self.periods)} past periods, "
            f"{first} to {last}; the test starts on {self.first_test.date()} and was not seen.",
            *([f"Refused: {len(refused)}, first trial {refused[0].number}: {refused[0].reason}"] if refused else []),
            *self._gain_lines(),
            *(f"  {word}" for word in self.overrides),
            *([f"Importance: {_shares(self.importance)}"] if self.importance else []),
            "",
            "The score of the best trial is optimistic: it was chosen by these periods, and the interval does not "
            "count that choice. The test gives the score to report:",
            f"  {self._command(self.overrides)}",
            *self._experiment_lines(folder),
            f"Files: {folder}. Study: {self.key}.db",
        ]
        return "\n".join(lines)

    def _gain_lines(self) -> list[str]:
        present, best = self.trials[0], self.best
        if present.sums is None or best.sums is None:
            return [
                f"Best: {best.value:.6g} (trial {best.number}). The present settings were refused: no gain is stated."
            ]
        if best.number == present.number:
            return [f"Best: {best.value:.6g}, the present settings: nothing tried did better."]
        gain = gain_of(best.sums, present.sums, self.score, self.resampling, self.ahead)
        return [
            f"Best: {best.value:.6g} (trial {best.number}); present settings: {present.value:.6g}. "
            f"Gain on these periods: {gain}."
        ]

    def _experiment_lines(self, folder: Path) -> list[str]:
        if any(word.startswith(("experiment=", "--config-dir=")) for word in shlex.split(self.command)):
            return []  # one experiment at a time, and one folder
        command = self._command(["experiment=best", f"--config-dir={folder / 'best'}"])
        return ["or, with the same settings as an experiment:", f"  {command}"]

    def _command(self, words: Iterable[str]) -> str:
        """Return a backtest on the same records, cells and test periods, with the baseline beside the forecaster."""
        names = list(dict.fromkeys([self.baseline, self.forecaster]))
        best = {word.partition("=")[0] for word in self.overrides}
        kept = [
            word for word in shlex.split(self.command)[2:] if self._belongs(word.partition("=")[0].lstrip("+~"), best)
        ]
        return shlex.join(["ilp", "backtest", f"model=[{','.join(names)}]", *kept, *words])

    def _belongs(self, key: str, best: set[str]) -> bool:
        if key.startswith("model."):
            return key.startswith(f"model.{self.forecaster}.") and key not in best
        return key.split(".")[0] not in ("tuning", "forecaster", "name", "model")


def _word(value: Any) -> str:
    return value if isinstance(value, str) and value.isidentifier() else json.dumps(value)


def _shares(importance: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in importance.items())
