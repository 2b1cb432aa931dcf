"""Interfaces of experiment trackers: record settings, metrics, models and files of runs."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol


class TrackedRun(Protocol):
    """One active run of a tracker. It can be pickled, so that another process can add child runs."""

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings. Nested mappings are flattened to dotted names; long values are cut."""

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record one value for each metric; NaN stays NaN."""

    def history(self, values: Mapping[str, Sequence[float]]) -> None:
        """Record metric series, such as the score of each test period; steps with NaN are left out."""

    def dataset(self, name: str, digest: str, source: str, profile: Mapping[str, Any]) -> None:
        """Record the data that the run used: SHA-256 of the events, their source, and facts as plain JSON values."""

    def model(self, name: str, folder: Path, settings: Mapping[str, Any]) -> None:
        """Record a fitted forecaster: its folder of text files, its settings and the signature of its forecasts."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Record tags to search the run by, such as the data digest or the git commit."""

    def artifact(self, path: Path) -> None:
        """Store a copy of a file or folder."""

    def child(
        self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]
    ) -> AbstractContextManager["TrackedRun"]:
        """Start a child run, such as that of one forecaster; it ends as finished, or as failed after an error."""


class Tracker(Protocol):
    """A store of runs."""

    def check(self) -> None:
        """Create the store if it is missing; raise StorageError if it cannot be used."""

    def run(
        self, task: str, tags: Mapping[str, str], settings: Mapping[str, Any]
    ) -> AbstractContextManager[TrackedRun]:
        """Start a run of a task; it ends as finished, or as failed after an error.

        Settings are recorded as flat parameters, and complete in ``settings.json``.
        """

    def promote(self, name: str, alias: str, source: Path, tags: Mapping[str, str]) -> None:
        """Set an alias of a forecaster to the folder of a run: research, candidate, approved or withdrawn.

        Withdrawn removes the aliases approved and candidate from the run. Aliases are a copy of the register for
        display; they permit nothing.
        """

    def promoted(self, name: str, alias: str) -> str:
        """Return the run folder of an alias; raise StorageError if there is no such alias.

        Anyone can move an alias, so check the run against the register.
        """
