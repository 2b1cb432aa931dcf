"""Trials of a search: settings, scores, reasons of failure and importance of settings."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from ilp_models.domain.errors import NotRunError, StorageError
from ilp_models.tuning.space import SearchSetting

_SUMS: Final = "sums"
_REASON: Final = "reason"
_SECONDS: Final = "seconds"
_FEWEST: Final = 4  # smallest number of scored trials for an importance


@dataclass(frozen=True)
class ScoreSums:
    """A score as the ratio of two sums over periods."""

    numerator: tuple[float, ...]  # by period, in order
    denominator: tuple[float, ...]

    @property
    def value(self) -> float:
        """The pooled score; NaN where the denominator is 0."""
        total = math.fsum(self.denominator)
        return math.fsum(self.numerator) / total if total else math.nan


Evaluate = Callable[[Mapping[str, Any]], ScoreSums]


@dataclass(frozen=True)
class Trial:
    """Settings with their score, or with the reason why they failed."""

    number: int  # from 0, the configured settings
    settings: Mapping[str, Any]
    sums: ScoreSums | None  # None where the settings failed
    reason: str  # of the failure, otherwise empty
    seconds: float  # wall time; 0 for settings that were scored before

    @property
    def value(self) -> float:
        """The score; NaN for failed settings."""
        return self.sums.value if self.sums else math.nan


@dataclass(frozen=True, eq=False)
class Trials:
    """The trials of one study.

    Each trial has its own seed and depends on the trials before it only. A search that is interrupted and resumed
    gives the same trials as an uninterrupted one.
    """

    study: optuna.Study
    space: tuple[SearchSetting, ...]
    seed: int
    startup: int  # random trials at the start

    @property
    def finished(self) -> tuple[Trial, ...]:
        """The finished trials, oldest first, including failed ones."""
        finished = (one for one in self.study.get_trials(deepcopy=False) if _is_finished(one))
        return tuple(_read_trial(number, one) for number, one in enumerate(finished))

    @property
    def best(self) -> Trial:
        """The trial with the best score, the oldest among equals."""
        finished = self.finished
        scored = [one for one in finished if one.sums]
        if not scored:
            msg = f"All {len(finished)} trials failed. First reason: {finished[0].reason}"
            raise NotRunError(msg)
        sign = -1 if self.study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
        return min(scored, key=lambda one: sign * one.value)

    def run(self, until: int, start: Mapping[str, Any], evaluate: Evaluate) -> Iterator[Trial]:
        """Yield new trials up to a number; each is stored before the next one starts."""
        for number in range(len(self.finished), until):
            trial = self._propose(number, start)
            self._score(trial, evaluate, dict(start) if number == 0 else _decode(trial.params))
            yield self.finished[-1]

    def importance(self) -> dict[str, float]:
        """Return each setting's share in the variance of the score over the space, by functional ANOVA."""
        values = [one.value for one in self.finished if one.sums]
        if len(values) < _FEWEST or max(values) == min(values):
            return {}
        try:
            return dict(get_param_importances(self.study, evaluator=FanovaImportanceEvaluator(seed=self.seed)))
        except RuntimeError:  # the forest found no variance
            return {}

    def _propose(self, number: int, start: Mapping[str, Any]) -> optuna.Trial:
        if number == 0 and not self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self.study.enqueue_trial({one.name: _encode(one, start[one.name]) for one in self.space})
        own = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self.study.sampler = TPESampler(n_startup_trials=self.startup, constant_liar=False, seed=own)
        return self.study.ask({one.name: _distribution(one) for one in self.space})

    def _score(self, trial: optuna.Trial, evaluate: Evaluate, settings: Mapping[str, Any]) -> None:
        before = next((one for one in self.finished if one.settings == settings), None)
        start = time.monotonic()
        sums, reason = (before.sums, before.reason) if before else _try_settings(evaluate, settings)
        trial.set_user_attr(_SECONDS, 0.0 if before else time.monotonic() - start)
        if sums is None:
            trial.set_user_attr(_REASON, reason)
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            trial.set_user_attr(_SUMS, [sums.numerator, sums.denominator])
            self.study.tell(trial, sums.value)


def _try_settings(evaluate: Evaluate, settings: Mapping[str, Any]) -> tuple[ScoreSums | None, str]:
    try:
        sums = evaluate(settings)
    except (StorageError, OSError, MemoryError):
        raise
    except Exception as error:  # libraries raise their own error classes
        return None, " ".join(str(error).split()) or type(error).__name__
    if not math.isfinite(sums.value):
        return None, "The score is not defined for these forecasts."
    return sums, ""


def _is_finished(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE or _REASON in trial.user_attrs


def _read_trial(number: int, trial: FrozenTrial) -> Trial:
    stored = trial.user_attrs.get(_SUMS)
    sums = ScoreSums(*(tuple(part) for part in stored)) if stored else None
    seconds = float(trial.user_attrs.get(_SECONDS, math.nan))
    return Trial(number, _decode(trial.params), sums, trial.user_attrs.get(_REASON, ""), seconds)


def _distribution(setting: SearchSetting) -> BaseDistribution:
    if setting.low is None or setting.high is None:
        return CategoricalDistribution([json.dumps(choice) for choice in setting.choices])
    if setting.is_integer:
        return IntDistribution(int(setting.low), int(setting.high), log=setting.log)
    return FloatDistribution(float(setting.low), float(setting.high), log=setting.log)


def _encode(setting: SearchSetting, value: Any) -> Any:
    """Return a value for Optuna; choices as JSON, since Optuna does not accept lists."""
    if setting.low is None:
        return json.dumps(value)
    return int(value) if setting.is_integer else float(value)


def _decode(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value) if isinstance(value, str) else value for name, value in sorted(params.items())}
