"""Track runs in MLflow: in an embedded SQLite store in the output folder, or on a server."""

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

_METRIC_BATCH, _PARAM_BATCH = 1000, 100  # limits of the MLflow REST API
_SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "crime_type"), ColSpec("string", "cell"), ColSpec("datetime", "period")]),
    outputs=Schema([ColSpec("double", name) for name in ("expected", *QUANTILE_COLUMNS)]),
)
_SOURCE_TAG = "mlflow.source.name"
_COMMIT_TAG = "mlflow.source.git.commit"
_DIGEST_LENGTH = 36  # the longest digest of a dataset that the store accepts
_ADVICE = "close the program that uses it (an MLflow page, another run), or choose another store with output=FOLDER"


@dataclass(frozen=True)
class MlflowRun:
    """One run of an MLflow store. It can be pickled and sent to another process."""

    uri: str  # of the store
    experiment: str  # ID of the experiment
    identity: str  # ID of the run

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings."""
        entries = [Param(name, value) for name, value in flatten(values).items()]
        for batch in in_batches(entries, _PARAM_BATCH):
            with _store_errors(self.uri):
                _client(self.uri).log_batch(self.identity, params=batch)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record metrics."""
        now = int(time.time() * 1000)
        entries = [Metric(clean_name(name), float(value), now, step) for name, value in values.items()]
        for batch in in_batches(entries, _METRIC_BATCH):
            with _store_errors(self.uri):
                _client(self.uri).log_batch(self.identity, metrics=batch)

    def history(self, values: Mapping[str, Sequence[float]]) -> None:
        """Record metric series; MLflow draws them as curves over the steps."""
        now = int(time.time() * 1000)
        entries = [
            Metric(clean_name(name), float(value), now, step)
            for name, series in values.items()
            for step, value in enumerate(series)
            if math.isfinite(value)
        ]
        for batch in in_batches(entries, _METRIC_BATCH):
            with _store_errors(self.uri):
                _client(self.uri).log_batch(self.identity, metrics=batch)

    def dataset(self, name: str, digest: str, source: str, profile: Mapping[str, Any]) -> None:
        """Record the data that the run used as an MLflow dataset."""
        origin = json.dumps({"source": source, "sha256": digest})
        entity = Dataset(name, digest[:_DIGEST_LENGTH], "local", origin, profile=json.dumps(dict(profile)))
        tag = InputTag("mlflow.data.context", "training and test")
        with _store_errors(self.uri):
            _client(self.uri).log_inputs(self.identity, [DatasetInput(entity, [tag])])

    def model(self, name: str, folder: Path, settings: Mapping[str, Any]) -> None:
        """Record a fitted forecaster as an MLflow model: its files, settings and signature."""
        client, params = _client(self.uri), flatten(settings)
        with _store_errors(self.uri), tempfile.TemporaryDirectory() as temporary:
            model = client.create_logged_model(
                self.experiment, clean_name(name), self.identity, params=params, model_type="forecaster"
            )
            bundle = Path(shutil.copytree(folder, Path(temporary, "model")))
            Model(signature=_SIGNATURE, run_id=self.identity, model_id=model.model_id).save(bundle / "MLmodel")
            client.log_model_artifacts(model.model_id, str(bundle))
            client.finalize_logged_model(model.model_id, "READY")
            client.log_outputs(self.identity, [LoggedModelOutput(model.model_id, 0)])

    def tags(self, values: Mapping[str, str]) -> None:
        """Record tags to search the run by."""
        entries = [RunTag(clean_name(name), shorten(str(value))) for name, value in values.items()]
        for batch in in_batches(entries, _PARAM_BATCH):
            with _store_errors(self.uri):
                _client(self.uri).log_batch(self.identity, tags=batch)

    def artifact(self, path: Path) -> None:
        """Store a copy of a file or folder."""
        with _store_errors(self.uri):
            if path.is_dir():
                _client(self.uri).log_artifacts(self.identity, str(path), path.name)
            else:
                _client(self.uri).log_artifact(self.identity, str(path))

    @contextmanager
    def child(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Iterator["MlflowRun"]:
        """Start a child run; it ends with the context."""
        with _started_run(self.uri, self.experiment, name, {**tags, "mlflow.parentRunId": self.identity}) as child:
            child.params(params)
            yield child


@dataclass(frozen=True)
class MlflowTracker:
    """Track runs in MLflow.

    Parameters
    ----------
    folder : str
        Folder of the embedded store: ``mlflow.db`` and ``mlartifacts``.
    uri : str or None
        Another store, such as the address of a server. By default ``MLFLOW_TRACKING_URI`` if set, else the embedded
        store.
    experiment : str
        Prefix of the experiments: runs of the task `weekly` are grouped under ``ilp-weekly``.
    patience : float
        Seconds to wait for a store that another program has locked.
    """

    folder: str = "outputs"
    uri: str | None = None
    experiment: str = "ilp"
    patience: float = 10.0

    def check(self) -> None:
        """Create the store if it is missing; raise StorageError if it cannot be used."""
        self._experiment_id(None)

    @contextmanager
    def run(self, task: str, tags: Mapping[str, str], settings: Mapping[str, Any]) -> Iterator[MlflowRun]:
        """Start a run in the experiment of the task; it ends with the context."""
        uri, experiment = self._experiment_id(f"{self.experiment}-{task}")
        source = {"task": task, _SOURCE_TAG: f"ilp {task}", _COMMIT_TAG: tags.get("git_commit", "none")}
        with _started_run(uri, experiment, task, {**tags, **source}) as run:
            run.params(settings)
            with _store_errors(uri):
                _client(uri).log_text(run.identity, json.dumps(settings, indent=2, default=str), "settings.json")
            yield run

    def promote(self, name: str, alias: str, source: Path, tags: Mapping[str, str]) -> None:
        """Set an alias of a registered model to the folder of a run."""
        self.check()
        uri, _ = self._store()
        with _store_errors(uri):
            registry.promote(_client(uri), name, alias, str(source.resolve()), tags)

    def promoted(self, name: str, alias: str) -> str:
        """Return the run folder of an alias."""
        uri, _ = self._store()
        with _store_errors(uri):
            return registry.promoted(_client(uri), name, alias)

    def _store(self) -> tuple[str, Path | None]:
        """Return the URI of the store, and its folder if it is embedded."""
        uri = self.uri or os.environ.get("MLFLOW_TRACKING_URI")
        if uri:
            return uri, None
        root = Path(self.folder).resolve()
        return f"sqlite:///{(root / 'mlflow.db').as_posix()}", root

    def _experiment_id(self, name: str | None) -> tuple[str, str]:
        """Return the URI of the store and the ID of an experiment; create both if they are missing."""
        uri, root = self._store()
        with _store_errors(uri):
            if root is None:
                return uri, _open_experiment(uri, name, None)
            if "?" in str(root):
                msg = "a folder with a question mark in its path cannot hold it"
                raise OSError(msg)
            root.mkdir(parents=True, exist_ok=True)
            # Two programs that create the same database at the same time corrupt it.
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
def _started_run(uri: str, experiment: str, name: str, tags: Mapping[str, str]) -> Iterator[MlflowRun]:
    with _store_errors(uri):
        created = _client(uri).create_run(experiment, run_name=name)
    run = MlflowRun(uri, experiment, created.info.run_id)
    state = "FAILED"
    try:
        run.tags(tags)
        yield run
        state = "FINISHED"
    except KeyboardInterrupt:
        state = "KILLED"
        raise
    finally:
        with _store_errors(uri):
            _client(uri).set_terminated(run.identity, state)


def _probe(database: Path, patience: float) -> None:
    """Raise an error early if the database is locked, corrupt or read-only."""
    connection = sqlite3.connect(database, timeout=patience)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextmanager
def _store_errors(uri: str) -> Iterator[None]:
    """Convert the errors of a store to StorageError with the URI of the store and advice."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, Timeout, OSError) as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        msg = f"Cannot use the tracking store {uri}: {first.rstrip('.')}; {_ADVICE}."
        raise StorageError(msg) from error
