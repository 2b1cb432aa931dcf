"""A tracker that keeps everything in memory: for tests and notebooks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilp_models.domain.errors import StorageError
from ilp_models.tracking.entries import clean_name, flatten


@dataclass
class MemoryRun:
    """One run in memory; its records are public, for tests to read.

    Parameters
    ----------
    name : str
        Task or child.
    state : str
        ``running``, ``finished`` or ``failed``.
    recorded_params : dict
        Settings so far.
    recorded_metrics : dict
        The last number by name.
    recorded_tags : dict
        Words so far.
    artifacts : list of str
        Name of each artifact.
    children : list of MemoryRun
        Runs below this one.
    """

    name: str
    state: str = "running"
    recorded_params: dict[str, str] = field(default_factory=dict)
    recorded_metrics: dict[str, float] = field(default_factory=dict)
    recorded_tags: dict[str, str] = field(default_factory=dict)
    recorded_history: dict[str, list[float]] = field(default_factory=dict)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    models: dict[str, dict[str, str]] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    children: list["MemoryRun"] = field(default_factory=list)

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings; see :class:`ilp_models.domain.tracking.TrackedRun`."""
        self.recorded_params.update(flatten(values))

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record numbers."""
        del step
        self.recorded_metrics.update({clean_name(name): float(value) for name, value in values.items()})

    def history(self, values: Mapping[str, Sequence[float]]) -> None:
        """Record series of numbers."""
        self.recorded_history.update({clean_name(name): list(map(float, series)) for name, series in values.items()})

    def dataset(self, name: str, digest: str, source: str, profile: Mapping[str, Any]) -> None:
        """Record the data that the run used."""
        self.datasets.append({"name": name, "digest": digest, "source": source, "profile": dict(profile)})

    def model(self, name: str, folder: Path, settings: Mapping[str, Any]) -> None:
        """Record a fitted forecaster."""
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        self.models[name] = flatten(settings)

    def tags(self, values: Mapping[str, str]) -> None:
        """Record words by which the run is found again."""
        self.recorded_tags.update(values)

    def artifact(self, path: Path) -> None:
        """Record that a file or folder was kept."""
        if not path.exists():
            raise FileNotFoundError(path)
        self.artifacts.append(path.name)

    @contextmanager
    def child(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Iterator["MemoryRun"]:
        """Hold a run below this one."""
        below = MemoryRun(name)
        self.children.append(below)
        below.tags(tags)
        below.params(params)
        with _closing(below):
            yield below


@dataclass
class InMemoryTracker:
    """Runs in a list.

    Parameters
    ----------
    runs : list of MemoryRun
        The runs so far, oldest first.
    aliases : dict
        Folder and tags by name of the forecaster and alias.
    """

    runs: list[MemoryRun] = field(default_factory=list)
    aliases: dict[tuple[str, str], tuple[Path, dict[str, str]]] = field(default_factory=dict)

    def check(self) -> None:
        """Do nothing: memory is always ready."""

    @contextmanager
    def run(self, task: str, tags: Mapping[str, str], settings: Mapping[str, Any]) -> Iterator[MemoryRun]:
        """Hold a run of a task."""
        run = MemoryRun(task)
        self.runs.append(run)
        run.tags(tags)
        run.params(settings)
        with _closing(run):
            yield run

    def promote(self, name: str, alias: str, source: Path, tags: Mapping[str, str]) -> None:
        """Point an alias at the folder of a run."""
        self.aliases[name, alias] = source, dict(tags)
        if alias == "withdrawn":
            for other in ("approved", "candidate"):
                if self.aliases.get((name, other), (None,))[0] == source:
                    del self.aliases[name, other]

    def promoted(self, name: str, alias: str) -> str:
        """Return the folder that an alias points at."""
        if (name, alias) not in self.aliases:
            msg = f"No run of {name} has the alias {alias}; see `ilp approve`."
            raise StorageError(msg)
        return str(self.aliases[name, alias][0])


@contextmanager
def _closing(run: MemoryRun) -> Iterator[None]:
    try:
        yield
    except BaseException:
        run.state = "failed"
        raise
    run.state = "finished"
