"""Track runs in memory, for tests and notebooks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilp_models.domain.errors import StorageError
from ilp_models.tracking.entries import clean_name, flatten


@dataclass
class MemoryRun:
    """One run in memory. Its recorded values are public attributes."""

    name: str  # of the task or of the child
    state: str = "running"  # running, finished or failed
    recorded_params: dict[str, str] = field(default_factory=dict)
    recorded_metrics: dict[str, float] = field(default_factory=dict)  # latest value by name
    recorded_tags: dict[str, str] = field(default_factory=dict)
    recorded_history: dict[str, list[float]] = field(default_factory=dict)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    models: dict[str, dict[str, str]] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)  # file names
    children: list["MemoryRun"] = field(default_factory=list)

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings."""
        self.recorded_params.update(flatten(values))

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record metrics; the step is ignored."""
        del step
        self.recorded_metrics.update({clean_name(name): float(value) for name, value in values.items()})

    def history(self, values: Mapping[str, Sequence[float]]) -> None:
        """Record metric series."""
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
        """Record tags to search the run by."""
        self.recorded_tags.update(values)

    def artifact(self, path: Path) -> None:
        """Record the name of a file or folder."""
        if not path.exists():
            raise FileNotFoundError(path)
        self.artifacts.append(path.name)

    @contextmanager
    def child(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Iterator["MemoryRun"]:
        """Start a child run; it ends with the context."""
        child = MemoryRun(name)
        self.children.append(child)
        child.tags(tags)
        child.params(params)
        with _closing(child):
            yield child


@dataclass
class InMemoryTracker:
    """Track runs in memory; nothing is stored when the program ends.

    Parameters
    ----------
    runs : list of MemoryRun
        The runs so far, oldest first.
    aliases : dict
        Folder and tags by forecaster and alias.
    """

    runs: list[MemoryRun] = field(default_factory=list)
    aliases: dict[tuple[str, str], tuple[Path, dict[str, str]]] = field(default_factory=dict)

    def check(self) -> None:
        """Do nothing: memory is always available."""

    @contextmanager
    def run(self, task: str, tags: Mapping[str, str], settings: Mapping[str, Any]) -> Iterator[MemoryRun]:
        """Start a run of a task; it ends with the context."""
        run = MemoryRun(task)
        self.runs.append(run)
        run.tags(tags)
        run.params(settings)
        with _closing(run):
            yield run

    def promote(self, name: str, alias: str, source: Path, tags: Mapping[str, str]) -> None:
        """Set an alias of a forecaster to the folder of a run."""
        self.aliases[name, alias] = source, dict(tags)
        if alias == "withdrawn":
            for other in ("approved", "candidate"):
                if self.aliases.get((name, other), (None,))[0] == source:
                    del self.aliases[name, other]

    def promoted(self, name: str, alias: str) -> str:
        """Return the run folder of an alias."""
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
