"""Write the files of a run together: all of them or none."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ilp_models.domain.errors import StorageError

FIGURES: Final = "figures"
_OWNER_ONLY: Final = 0o600
_FOLDER_OF_OWNER: Final = 0o700


def keep_private(folder: Path) -> None:
    """Let only the owner open the folder of a run: its settings and log hold what was typed, even if it is refused."""
    try:
        if folder.is_dir():
            folder.chmod(_FOLDER_OF_OWNER)
    except OSError as error:
        msg = f"{folder} cannot be closed to others ({error.strerror}). Choose another folder with output=FOLDER."
        raise StorageError(msg) from error


def write_all_or_none(
    folder: Path, writers: Mapping[str, Callable[[Path], object]], what: str, *, owner_only: bool = False
) -> list[Path]:
    """Write all files in a hidden folder, then move them into place; return them.

    Each writer gets the path of its file, and can write figures to the folder ``figures`` next to it. ``what`` is the
    subject of the error message, such as "The report".
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder, ignore_cleanup_errors=True) as temporary:
            complete = [Path(temporary, name) for name in writers]
            for path, write in zip(complete, writers.values(), strict=True):
                write(path)
            # before the others, because the last file of a run often says that it is whole
            complete = [*sorted(Path(temporary, FIGURES).glob("*")), *complete]
            for path in complete if owner_only else ():
                path.chmod(_OWNER_ONLY)
            targets = [folder / path.relative_to(temporary) for path in complete]
            for target in targets:
                target.parent.mkdir(exist_ok=True)
            return [path.replace(target) for path, target in zip(complete, targets, strict=True)]
    except OSError as error:
        msg = f"{what} was not written to {folder} ({error.strerror}). Free disk space or choose another folder."
        raise StorageError(msg) from error
