"""The folder of one run: never mistaken for a whole one before it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ilp_models.domain.errors import StorageError

UNFINISHED = "UNFINISHED"


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Hold a run folder for one run, and mark it as unfinished until that run succeeds."""
    mark = folder / UNFINISHED
    try:
        with mark.open("x", encoding="utf-8") as file:
            file.write("This run has not finished: its files may be missing or cut short.\n")
    except FileExistsError as error:
        msg = f"{folder} belongs to a run that has not finished; choose another folder or delete this one."
        raise StorageError(msg) from error
    yield
    mark.unlink()


def point_latest(folder: Path, latest: Path) -> None:
    """Point the link to the latest finished run at a folder, in one step."""
    aim = os.path.relpath(folder, latest.parent)
    fresh = latest.with_name(f".{latest.name}-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        fresh.symlink_to(aim, target_is_directory=True)
    except (OSError, NotImplementedError):
        fresh.write_text(f"{aim}\n", encoding="utf-8")
    fresh.replace(latest)
