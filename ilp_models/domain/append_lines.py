"""Append whole lines to a file that is never rewritten, such as the register or the record of trials."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import filelock

from ilp_models.domain.errors import StorageError
from ilp_models.domain.local_file import local_file

_LOCK_TIMEOUT_S: Final = 30.0


@contextmanager
def locked_file(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file while its content is checked and lines are added; creates its folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # the resolved path gives one lock for all links to the file
        with filelock.FileLock(f"{path.resolve()}.lock", timeout=_LOCK_TIMEOUT_S):
            yield
    except filelock.Timeout as error:
        msg = f"Another program uses {what} {path}. Try again when it has finished."
        raise StorageError(msg) from error
    except OSError as error:
        msg = f"Cannot write {what} {path} ({error.strerror}). Make its folder writable."
        raise StorageError(msg) from error


def check_writable(path: Path, what: str) -> None:
    """Raise StorageError if lines cannot be added to a file, before any work is done; creates nothing."""
    place = next(folder for folder in path.absolute().parents if folder.exists())
    if not all(os.access(one, os.W_OK) for one in (place, path) if one.exists()):
        msg = f"Cannot write {what} {path}. Make {place} writable, or name another file."
        raise StorageError(msg)


def append_lines(path: Path, lines: bytes, what: str) -> None:
    """Append lines in one write and wait until they are on disk; incomplete ones are removed again.

    The caller holds the lock, so that no other line follows.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    before = os.fstat(handle).st_size
    try:
        if os.write(handle, lines) != len(lines):
            msg = f"{path}, {what}, has no space for another line, and nothing was added. Free disk space."
            raise StorageError(msg)
        os.fsync(handle)
    except BaseException:
        os.ftruncate(handle, before)
        raise
    finally:
        os.close(handle)


def read_lines(path: Path, what: str, setting: str) -> bytes:
    """Return the content of such a file; empty where there is none yet."""
    if os.path.lexists(path):
        local_file(path, f"{setting}=")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        msg = f"Cannot read {what} {path} ({error.strerror}). Set {setting}=FILE to another file."
        raise StorageError(msg) from error
