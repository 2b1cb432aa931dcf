"""The search itself: Optuna asks, past forecasts answer, and every answer is kept in a file."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock
import optuna
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.stats.pooling import direction
from ilp_models.tuning.space import SearchSetting, read_space
from ilp_models.tuning.trials import Trials


@dataclass(frozen=True)
class OptunaSearch:
    """A search by the tree-structured Parzen estimator (Bergstra et al. 2011), judged by forecasts of past periods.

    Parameters
    ----------
    trials : int, default 30
        Settings to judge in all, those of an earlier run of the same study included.
    periods : int, default 26
        Test periods of the search: the last ones before the first test period of ``backtest``.
    refit_every : int, default 13
        Cutoffs between two fits.
    score : str, default "deviance"
        The score to make better, pooled over crime types, leads and periods.
    startup : int, default 10
        Trials drawn at random before the estimator learns from them.
    seed : int, default 0
        Seed of all draws.
    space : mapping, optional
        Settings and their values, read once it is known whose they are; see
        :func:`ilp_models.tuning.space.read_space`.

    Raises
    ------
    InputError
        If a number is below 1 or no way of the score is better.
    """

    trials: int = 30
    periods: int = 26
    refit_every: int = 13
    score: str = "deviance"
    startup: int = 10
    seed: int = 0
    space: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a search that could not be made, before the records are read."""
        for name in ("trials", "periods", "refit_every", "startup"):
            if getattr(self, name) < 1:
                msg = f"tuning.{name}={getattr(self, name)} must be at least 1."
                raise InputError(msg)
        direction(self.score)

    @property
    def settings(self) -> tuple[SearchSetting, ...]:
        """The settings that are searched."""
        return read_space(self.space)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the course of the search: everything but the number of trials, which may grow later."""
        names = ("periods", "refit_every", "score", "startup", "seed")
        space = {one.name: [one.low, one.high, one.log, one.choices] for one in self.settings}
        return {**{name: getattr(self, name) for name in names}, "space": space}

    @contextmanager
    def opened(self, folder: Path, key: str) -> Iterator[Trials]:
        """Hold the trials of a study, made now or continued."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(folder / f"{key}.lock", timeout=0):
                storage = _open_storage(folder / f"{key}.db")
                try:
                    yield Trials(self._study(storage, key), self.settings, self.seed, self.startup)
                finally:
                    storage.remove_session()
                    storage.engine.dispose()
        except filelock.Timeout as error:
            msg = (
                f"Another run is working on the study {folder / key}.db; wait for it, or choose another output=FOLDER."
            )
            raise StorageError(msg) from error

    def _study(self, storage: RDBStorage, key: str) -> optuna.Study:
        way = StudyDirection.MAXIMIZE if direction(self.score) > 0 else StudyDirection.MINIMIZE
        study = optuna.create_study(storage=storage, study_name=key, direction=way, load_if_exists=True)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)  # the lock is ours: a run that was killed left it
        return study


def _open_storage(path: Path) -> RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)  # where there is none, Optuna's migrations set logging anew and silence every logger
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the libraries below Optuna
            return RDBStorage(f"sqlite:///{path.resolve().as_posix()}")
    finally:
        root.removeHandler(handler)
