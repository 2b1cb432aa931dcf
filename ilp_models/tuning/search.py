"""Optuna search of a forecaster's settings; every trial is stored in SQLite and a search can be resumed."""

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
    """A search by the tree-structured Parzen estimator (Bergstra et al. 2011), scored by a backtest of past periods.

    Parameters
    ----------
    trials : int, default 30
        Number of settings to try, including those of an earlier run of the same study.
    periods : int, default 26
        Test periods of the search: the last ones before the first test period of ``backtest``.
    refit_every : int, default 13
        Cutoffs between two fits.
    score : str, default "deviance"
        The score to optimise, pooled over crime types, leads and periods.
    startup : int, default 10
        Random trials before the estimator is used.
    seed : int, default 0
        Seed of all draws.
    space : mapping, optional
        Settings and their ranges or choices; see :func:`ilp_models.tuning.space.read_space`.

    Raises
    ------
    InputError
        If a number is below 1 or the score has no better direction.

    Examples
    --------
    >>> search = OptunaSearch(trials=20, space={"window": {"low": 4, "high": 104}})
    >>> [str(setting) for setting in search.settings]
    ['4 to 104']
    """

    trials: int = 30
    periods: int = 26
    refit_every: int = 13
    score: str = "deviance"
    startup: int = 10
    seed: int = 0
    space: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the settings before any data are read."""
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
        """The settings that identify a study: all except the number of trials, which may grow."""
        names = ("periods", "refit_every", "score", "startup", "seed")
        space = {one.name: [one.low, one.high, one.log, one.choices] for one in self.settings}
        return {**{name: getattr(self, name) for name in names}, "space": space}

    @contextmanager
    def open_trials(self, folder: Path, key: str) -> Iterator[Trials]:
        """Create or resume a study and lock it; yields its trials."""
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
            msg = f"Another run uses the study {folder / key}.db. Wait until it ends, or set another output=FOLDER."
            raise StorageError(msg) from error

    def _study(self, storage: RDBStorage, key: str) -> optuna.Study:
        better = StudyDirection.MAXIMIZE if direction(self.score) > 0 else StudyDirection.MINIMIZE
        study = optuna.create_study(storage=storage, study_name=key, direction=better, load_if_exists=True)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)  # this run holds the lock, so a killed run left the trial
        return study


def _open_storage(path: Path) -> RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)  # without a handler, Optuna's migrations reset logging and silence all loggers
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # raised by dependencies of Optuna
            return RDBStorage(f"sqlite:///{path.resolve().as_posix()}")
    finally:
        root.removeHandler(handler)
