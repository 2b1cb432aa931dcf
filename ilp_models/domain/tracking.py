"""What a tracker keeps of a run, whatever store is behind it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol


class TrackedRun(Protocol):
    """One run in the store while it goes on; it may be handed to another process to add children there."""

    def params(self, values: Mapping[str, Any]) -> None:
        """Record settings.

        Parameters
        ----------
        values : mapping
            Plain values; nested mappings are flattened to dotted names, long values are cut.
        """

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record numbers.

        Parameters
        ----------
        values : mapping
            Number by name; NaN is kept as NaN.
        step : int
            Place of these numbers in a series, for instance of periods.
        """

    def history(self, values: Mapping[str, Sequence[float]]) -> None:
        """Record series of numbers, such as the score of each test period.

        Parameters
        ----------
        values : mapping
            Series by name; a NaN leaves its step out.
        """

    def dataset(self, name: str, digest: str, source: str, profile: Mapping[str, Any]) -> None:
        """Record the data that the run used.

        Parameters
        ----------
        name : str
            Name of the data.
        digest : str
            SHA-256 of the events.
        source : str
            Files or publisher.
        profile : mapping
            Facts such as the number of events and the span of time; plain JSON values.
        """

    def model(self, name: str, folder: Path, settings: Mapping[str, Any]) -> None:
        """Record a fitted forecaster with the signature of its forecasts.

        Parameters
        ----------
        name : str
            Name of the forecaster.
        folder : Path
            Its bundle: text files, nothing of which runs when it is read.
        settings : mapping
            Plain values; nested mappings are flattened.
        """

    def tags(self, values: Mapping[str, str]) -> None:
        """Record words by which the run is found again.

        Parameters
        ----------
        values : mapping
            Word by name, for instance the fingerprint, the data digest or the git commit.
        """

    def artifact(self, path: Path) -> None:
        """Keep a copy of a file, or of a folder with all in it.

        Parameters
        ----------
        path : Path
            The file or folder.
        """

    def child(
        self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]
    ) -> AbstractContextManager["TrackedRun"]:
        """Return a run below this one, for instance of one forecaster.

        Parameters
        ----------
        name : str
            Name of the child.
        tags : mapping
            Words by which it is found again.
        params : mapping
            Its settings.

        Returns
        -------
        context manager of TrackedRun
            The child ends as finished, or as failed where an error passes through.
        """


class Tracker(Protocol):
    """Where runs are recorded."""

    def check(self) -> None:
        """Make the store ready, before any other work.

        Raises
        ------
        StorageError
            If it cannot be reached or written.
        """

    def run(
        self, task: str, tags: Mapping[str, str], settings: Mapping[str, Any]
    ) -> AbstractContextManager[TrackedRun]:
        """Return a run of a task.

        Parameters
        ----------
        task : str
            Name of the task.
        tags : mapping
            Words by which it is found again.
        settings : mapping
            Settings of the task: recorded as flat parameters, and complete in ``settings.json``.

        Returns
        -------
        context manager of TrackedRun
            The run ends as finished, or as failed where an error passes through.
        """

    def promote(self, name: str, alias: str, source: Path, tags: Mapping[str, str]) -> None:
        """Point an alias of a forecaster at the folder of a run; a mirror of the register, and no gate.

        Parameters
        ----------
        name : str
            Name of the forecaster.
        alias : str
            ``research``, ``candidate``, ``approved`` or ``withdrawn``; the run loses ``approved`` and ``candidate``
            with the last.
        source : Path
            Folder of the run.
        tags : mapping of str to str
            What the register knows, for people to look at.

        Raises
        ------
        StorageError
            If the store cannot be used.
        """

    def promoted(self, name: str, alias: str) -> str:
        """Return the folder of the run that an alias points at.

        Parameters
        ----------
        name : str
            Name of the forecaster.
        alias : str
            The alias.

        Returns
        -------
        str
            Whoever moved the alias: what lies there must be asked of the register.

        Raises
        ------
        StorageError
            If there is no such alias, or the store cannot be used.
        """
