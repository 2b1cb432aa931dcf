"""Runs in MLflow: an embedded SQLite store beside the outputs, or any server."""

import json
import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from sqlalchemy.exc import SQLAlchemyError

from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.tracking import registry
from ilp_models.tracking.entries import clean_name, flatten, in_batches, shorten

_METRICS_AT_ONCE, _WORDS_AT_ONCE = 1000, 100
_SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "crime_type"), ColSpec("string", "cell"), ColSpec("datetime", "period")]),
    outputs=Schema([ColSpec("double", name) for name in ("expected", *QUANTILE_COLUMNS)]),
)
_COMMIT_TAG = "mlflow.source.git.commit"
_DIGEST_LENGTH = 36  # the longest digest of a dataset that the store accepts
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

    def history(self, values: Mapping[str, Sequence[float]]) -> None:
        """Record series of numbers; the store draws them as curves over their steps."""
        now = int(time.time() * 1000)
        entries = [
            Metric(clean_name(name), float(value), now, step)
            for name, series in values.items()
            for step, value in enumerate(series)
            if math.isfinite(value)
        ]
        for batch in in_batches(entries, _METRICS_AT_ONCE):
            with _storing(self.uri):
                _client(self.uri).log_batch(self.identity, metrics=batch)

    def dataset(self, name: str, digest: str, source: str, profile: Mapping[str, Any]) -> None:
        """Record the data that the run used as an MLflow dataset."""
        origin = json.dumps({"source": source, "sha256": digest})
        entity = Dataset(name, digest[:_DIGEST_LENGTH], "local", origin, profile=json.dumps(dict(profile)))
        tag = InputTag("mlflow.data.context", "training and test")
        with _storing(self.uri):
            _client(self.uri).log_inputs(self.identity, [DatasetInput(entity, [tag])])

    def model(self, name: str, folder: Path, settings: Mapping[str, Any]) -> None:
        """Record a fitted forecaster as an MLflow model: its bundle of text, settings and signature."""
        client, params = _client(self.uri), flatten(settings)
        with _storing(self.uri), tempfile.TemporaryDirectory() as place:
            model = client.create_logged_model(
                self.experiment, clean_name(name), self.identity, params=params, model_type="forecaster"
            )
            bundle = Path(shutil.copytree(folder, Path(place, "model")))
            Model(signature=_SIGNATURE, run_id=self.identity, model_id=model.model_id).save(bundle / "MLmodel")
            client.log_model_artifacts(model.model_id, str(bundle))
            client.finalize_logged_model(model.model_id, "READY")
            client.log_outputs(self.identity, [LoggedModelOutput(model.model_id, 0)])

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
        Prefix of the experiments: runs of the task `weekly` are grouped under ``ilp-weekly``.
    patience : float
        Seconds to wait for a store that another program holds.
    """

    folder: str = "outputs"
    uri: str | None = None
    experiment: str = "ilp"
    patience: float = 10.0

    def check(self) -> None:
        """Make the store ready, before any other work."""
        self._experiment_id(None)

    @contextmanager
    def run(self, task: str, tags: Mapping[str, str], settings: Mapping[str, Any]) -> Iterator[MlflowRun]:
        """Hold a run of a task, in the experiment of that task."""
        uri, experiment = self._experiment_id(f"{self.experiment}-{task}")
        with _hold(uri, experiment, task, {**tags, "task": task, _COMMIT_TAG: tags.get("git_commit", "none")}) as run:
            run.params(settings)
            with _storing(uri):
                _client(uri).log_text(run.identity, json.dumps(settings, indent=2, default=str), "settings.json")
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

    def _experiment_id(self, name: str | None) -> tuple[str, str]:
        """Return the address of the store and the identity of an experiment; both are created where missing."""
        uri, root = self._store()
        with _storing(uri):
            if root is None:
                return uri, _open_experiment(uri, name, None)
            if "?" in str(root):
                msg = "a folder with a question mark in its path cannot hold it"
                raise OSError(msg)
            root.mkdir(parents=True, exist_ok=True)
            # Two programs that create the same database at once break it.
            with FileLock(root / "mlflow.lock", timeout=self.patience):
                _probe(root / "mlflow.db", self.patience)
                return uri, _open_experiment(uri, name, (root / "mlartifacts").as_uri())


def _open_experiment(uri: str, name: str | None, artifacts: str | None) -> str:
    client = _client(uri)
    found = client.get_experiment_by_name(name or "Default")
    if found is not None:
        return str(found.experiment_id)
    return "" if name is None else str(client.create_experiment(name, artifact_location=artifacts))


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
