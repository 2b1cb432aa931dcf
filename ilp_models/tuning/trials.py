"""Settings that were judged, one after the other."""

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
_FEWEST: Final = 4  # judged settings from which their importance is estimated


@dataclass(frozen=True)
class ScoreSums:
    """A score as the ratio of two sums over periods.

    Parameters
    ----------
    numerator, denominator : tuple of float
        The part of each period, in order.
    """

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]

    @property
    def value(self) -> float:
        """The pooled score; NaN where the denominator is 0."""
        total = math.fsum(self.denominator)
        return math.fsum(self.numerator) / total if total else math.nan


Judge = Callable[[Mapping[str, Any]], ScoreSums]


@dataclass(frozen=True)
class Trial:
    """Settings with what became of them.

    Parameters
    ----------
    number : int
        Place in the study, from 0: the settings of the configuration.
    settings : mapping of str to object
        Value by name.
    sums : Sums or None
        What the score is made of; None where the forecaster refused the settings.
    reason : str
        Why it refused them, else empty.
    seconds : float
        By the clock; 0 for settings judged before.
    """

    number: int
    settings: Mapping[str, Any]
    sums: ScoreSums | None
    reason: str
    seconds: float

    @property
    def value(self) -> float:
        """The score; NaN where there is none."""
        return self.sums.value if self.sums else math.nan


@dataclass(frozen=True, eq=False)
class Trials:
    """The trials of one study.

    Each is drawn from a seed of its own and from those judged before, so that a search that was killed and continued
    gives the trials that it would have given in one go.

    Parameters
    ----------
    study : optuna.Study
        Where they are kept.
    space : tuple of Setting
        What is searched.
    seed : int
        Seed of all draws.
    startup : int
        Trials drawn at random first.
    """

    study: optuna.Study
    space: tuple[SearchSetting, ...]
    seed: int
    startup: int

    @property
    def judged(self) -> tuple[Trial, ...]:
        """The trials so far, oldest first, refused ones included."""
        kept = (one for one in self.study.get_trials(deepcopy=False) if _is_judged(one))
        return tuple(_read_trial(number, one) for number, one in enumerate(kept))

    @property
    def best(self) -> Trial:
        """The trial with the best score, the oldest among equals."""
        judged = self.judged
        scored = [one for one in judged if one.sums]
        if not scored:
            msg = f"All {len(judged)} settings tried were refused; the first: {judged[0].reason}"
            raise NotRunError(msg)
        sign = -1 if self.study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
        return min(scored, key=lambda one: sign * one.value)

    def run(self, until: int, start: Mapping[str, Any], judge: Judge) -> Iterator[Trial]:
        """Yield new trials, each kept before the next is begun."""
        for number in range(len(self.judged), until):
            asked = self._ask(number, start)
            self._settle(asked, judge, dict(start) if number == 0 else _decode(asked.params))
            yield self.judged[-1]

    def importance(self) -> dict[str, float]:
        """Return each setting's share in the variance of the score over the space, by functional ANOVA."""
        values = [one.value for one in self.judged if one.sums]
        if len(values) < _FEWEST or max(values) == min(values):
            return {}
        try:
            return dict(get_param_importances(self.study, evaluator=FanovaImportanceEvaluator(seed=self.seed)))
        except RuntimeError:  # the forest saw no variance
            return {}

    def _ask(self, number: int, start: Mapping[str, Any]) -> optuna.Trial:
        if number == 0 and not self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self.study.enqueue_trial({one.name: _encode(one, start[one.name]) for one in self.space})
        own = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self.study.sampler = TPESampler(n_startup_trials=self.startup, constant_liar=False, seed=own)
        return self.study.ask({one.name: _distribution(one) for one in self.space})

    def _settle(self, asked: optuna.Trial, judge: Judge, settings: Mapping[str, Any]) -> None:
        before = next((one for one in self.judged if one.settings == settings), None)
        began = time.monotonic()
        sums, reason = (before.sums, before.reason) if before else _ask_judge(judge, settings)
        asked.set_user_attr(_SECONDS, 0.0 if before else time.monotonic() - began)
        if sums is None:
            asked.set_user_attr(_REASON, reason)
            self.study.tell(asked, state=TrialState.FAIL)
        else:
            asked.set_user_attr(_SUMS, [sums.numerator, sums.denominator])
            self.study.tell(asked, sums.value)


def _ask_judge(judge: Judge, settings: Mapping[str, Any]) -> tuple[ScoreSums | None, str]:
    try:
        sums = judge(settings)
    except (StorageError, OSError, MemoryError):
        raise
    except Exception as error:  # libraries refuse values in classes of their own
        return None, " ".join(str(error).split()) or type(error).__name__
    if not math.isfinite(sums.value):
        return None, "The score is not defined for these forecasts."
    return sums, ""


def _is_judged(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE or _REASON in trial.user_attrs


def _read_trial(number: int, trial: FrozenTrial) -> Trial:
    kept = trial.user_attrs.get(_SUMS)
    sums = ScoreSums(*(tuple(part) for part in kept)) if kept else None
    seconds = float(trial.user_attrs.get(_SECONDS, math.nan))
    return Trial(number, _decode(trial.params), sums, trial.user_attrs.get(_REASON, ""), seconds)


def _distribution(setting: SearchSetting) -> BaseDistribution:
    if setting.low is None or setting.high is None:
        return CategoricalDistribution([json.dumps(choice) for choice in setting.choices])
    if setting.whole:
        return IntDistribution(int(setting.low), int(setting.high), log=setting.log)
    return FloatDistribution(float(setting.low), float(setting.high), log=setting.log)


def _encode(setting: SearchSetting, value: Any) -> Any:
    """Return a value as Optuna keeps it: choices as JSON, since lists are none of its values."""
    if setting.low is None:
        return json.dumps(value)
    return int(value) if setting.whole else float(value)


def _decode(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value) if isinstance(value, str) else value for name, value in sorted(params.items())}
