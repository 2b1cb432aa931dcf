"""Runs in MLflow: an embedded SQLite store beside the outputs, or any server."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from ilp_models.domain.errors import StorageError
from ilp_models.tracking import registry
from ilp_models.tracking.entries import clean_name, flatten, in_batches, shorten

_METRICS_AT_ONCE, _WORDS_AT_ONCE = 1000, 100
_WAY_OUT = "close what holds it (an open MLflow page, a stopped run), or choose another store with output=FOLDER"


@dataclass(frozen=True)
class MlflowRun:
    """One run of a store; small enough to be handed to another process.

    Parameters
    ----------
    uri : str
        The store.
    experiment : str
        Identity of the experiment in it.
    identity : str
        Identity of the run in it.
    """

    uri: str
    experiment: str
    identity: str

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings; see :class:`ilp_models.domain.tracking.TrackedRun`."""
        entries = [Param(name, value) for name, value in flatten(values).items()]
        for batch in in_batches(entries, _WORDS_AT_ONCE):
            with _storing(self.uri):
                _client(self.uri).log_batch(self.identity, params=batch)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record numbers."""
        now = int(time.time() * 1000)
        entries = [Metric(clean_name(name), float(value), now, step) for name, value in values.items()]
        for batch in in_batches(entries, _METRICS_AT_ONCE):
            with _storing(self.uri):
                _client(self.uri).log_batch(self.identity, metrics=batch)

    def tags(self, values: Mapping[str, str]) -> None:
        """Record words by which the run is found again."""
        entries = [RunTag(clean_name(name), shorten(str(value))) for name, value in values.items()]
        for batch in in_batches(entries, _WORDS_AT_ONCE):
            with _storing(self.uri):
                _client(self.uri).log_batch(self.identity, tags=batch)

    def artifact(self, path: Path) -> None:
        """Keep a copy of a file, or of a folder with all in it."""
        with _storing(self.uri):
            if path.is_dir():
                _client(self.uri).log_artifacts(self.identity, str(path), path.name)
            else:
                _client(self.uri).log_artifact(self.identity, str(path))

    @contextmanager
    def child(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Iterator["MlflowRun"]:
        """Hold a run below this one."""
        with _hold(self.uri, self.experiment, name, {**tags, "mlflow.parentRunId": self.identity}) as below:
            below.params(params)
            yield below


@dataclass(frozen=True)
class MlflowTracker:
    """Runs in MLflow.

    Parameters
    ----------
    folder : str
        Where the embedded store lies: ``mlflow.db`` and ``mlartifacts`` in this folder.
    uri : str or None
        Another store, such as a server's address; by default ``MLFLOW_TRACKING_URI`` if set, else the embedded one.
    experiment : str
        Name under which runs are grouped.
    patience : float
        Seconds to wait for a store that another program holds.
    """

    folder: str = "outputs"
    uri: str | None = None
    experiment: str = "ilp"
    patience: float = 10.0

    def check(self) -> None:
        """Make the store ready, before any other work."""
        uri, root = self._store()
        with _storing(uri):
            if root is None:
                self._open(uri, None)
                return
            if "?" in str(root):
                msg = "a folder with a question mark in its path cannot hold it"
                raise OSError(msg)
            root.mkdir(parents=True, exist_ok=True)
            # Two programs that make the same new database at once break it.
            with FileLock(root / "mlflow.lock", timeout=self.patience):
                _probe(root / "mlflow.db", self.patience)
                self._open(uri, (root / "mlartifacts").as_uri())

    @contextmanager
    def run(self, task: str, tags: Mapping[str, str], config: Mapping[str, Any]) -> Iterator[MlflowRun]:
        """Hold a run of a task."""
        self.check()
        uri, _ = self._store()
        with _hold(uri, self._open(uri, None), task, {**tags, "task": task}) as run:
            run.params(config)
            with _storing(uri):
                _client(uri).log_text(run.identity, json.dumps(config, indent=2, default=str), "config.json")
            yield run

    def promote(self, name: str, alias: str, source: Path, tags: Mapping[str, str]) -> None:
        """Point an alias of a registered model at the folder of a run."""
        self.check()
        uri, _ = self._store()
        with _storing(uri):
            registry.promote(_client(uri), name, alias, str(source.resolve()), tags)

    def promoted(self, name: str, alias: str) -> str:
        """Return the folder of the run that an alias points at."""
        uri, _ = self._store()
        with _storing(uri):
            return registry.promoted(_client(uri), name, alias)

    def _store(self) -> tuple[str, Path | None]:
        """Return the store's address, and the folder that holds it where it is embedded."""
        chosen = self.uri or os.environ.get("MLFLOW_TRACKING_URI")
        if chosen:
            return chosen, None
        root = Path(self.folder).resolve()
        return f"sqlite:///{(root / 'mlflow.db').as_posix()}", root

    def _open(self, uri: str, artifacts: str | None) -> str:
        """Return the identity of the experiment, made where it is missing."""
        client = _client(uri)
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            return str(client.create_experiment(self.experiment, artifact_location=artifacts))
        return str(found.experiment_id)


@cache
def _client(uri: str) -> MlflowClient:
    return MlflowClient(tracking_uri=uri)


@contextmanager
def _hold(uri: str, experiment: str, name: str, tags: Mapping[str, str]) -> Iterator[MlflowRun]:
    with _storing(uri):
        made = _client(uri).create_run(experiment, run_name=name)
    run = MlflowRun(uri, experiment, made.info.run_id)
    state = "FAILED"
    try:
        run.tags(tags)
        yield run
        state = "FINISHED"
    except KeyboardInterrupt:
        state = "KILLED"
        raise
    finally:
        with _storing(uri):
            _client(uri).set_terminated(run.identity, state)


def _probe(database: Path, patience: float) -> None:
    """Fail early, and in a moment, where the database is held, broken or read-only."""
    connection = sqlite3.connect(database, timeout=patience)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextmanager
def _storing(uri: str) -> Iterator[None]:
    """Turn the many errors of a store into one that says which store and what to do."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, Timeout, OSError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        msg = f"Cannot use the tracking store {uri}: {first.rstrip('.')}; {_WAY_OUT}."
        raise StorageError(msg) from error
