"""Open only local regular files: paths that a user names, and files of a folder that someone else made."""

import os
import re
import stat
from pathlib import Path, PureWindowsPath
from typing import Final

from ilp_models.domain.errors import InputError, StorageError

_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:|[/\\]*vsi[a-z0-9]+[/\\]|\\\\|<", re.IGNORECASE)
_VIRTUAL: Final = ("/proc/", "/sys/", "/dev/")  # reading a file there can block, or has side effects
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def local_file(path: str | os.PathLike[str], label: str) -> Path:
    """Return the absolute path of a local regular file; a symbolic link counts as the file that it leads to.

    Parameters
    ----------
    path : str or path-like
        As the user gave it.
    label : str
        Start of the error message, such as ``data.path=``.

    Returns
    -------
    Path
        An absolute path.

    Raises
    ------
    InputError
        If there is no such file, or it is an address, a folder, a pipe or a device.
    """
    given = os.fspath(path)
    kind = _irregular(_resolved(given, label))
    if kind:
        msg = f"{label}{given} is {kind}, not a regular file. Give the path of a file."
        raise InputError(msg)
    found = Path(given).expanduser().absolute()
    if is_address(str(found)):
        msg = f"{label}{given} has a path that GDAL reads as an address. Move the file to another folder."
        raise InputError(msg)
    return found


def is_address(path: str) -> bool:
    """Return whether a path is a URL, a connection or a virtual path of GDAL."""
    return _ADDRESS.match(path) is not None


def companion_files(path: Path, label: str) -> tuple[Path, ...]:
    """Return the regular files that libraries open with a file, such as ``.dbf`` of ``.shp``; refuse other kinds."""
    starts = (f"{path.stem}.".lower(), f"{path.name}-".lower())
    same_folder = sorted(one for one in path.parent.iterdir() if one.name.lower().startswith(starts))
    return tuple(local_file(one, label) for one in same_folder if not one.is_dir())


def file_in_folder(folder: Path, name: str) -> Path:
    """Return the path of a regular file that a manifest lists; StorageError if it lies outside the folder."""
    path = folder / name if _is_inside(name) else None
    try:
        if path is None or not path.resolve().is_relative_to(folder.resolve()):
            msg = f"{folder} lists {name!r}, which is outside the folder. Ask for a complete copy of the run."
            raise StorageError(msg)
        kind = _irregular(path.resolve(strict=True))
    except (OSError, RuntimeError) as error:
        msg = f"{path} is missing or cannot be read. Ask for a complete copy of the run."
        raise StorageError(msg) from error
    if kind:
        msg = f"{path} is {kind}, not a regular file. Ask for a complete copy of the run."
        raise StorageError(msg)
    return path


def _is_inside(name: str) -> bool:
    """Return whether a name is a relative path without ``..``, on every operating system."""
    windows = PureWindowsPath(name)
    return bool(name) and "\x00" not in name and not windows.anchor and ".." not in windows.parts


def _resolved(given: str, label: str) -> Path:
    try:
        return Path(given).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        if is_address(given):
            msg = f"{label}{given} is an address, not a local file. Download the file and give its path."
            raise InputError(msg) from error
        if isinstance(error, FileNotFoundError):
            msg = f"{label}{given}: there is no such file in {Path.cwd()}; check the spelling."
            raise InputError(msg) from error
        reason = getattr(error, "strerror", None) or error
        msg = f"{label}{given} cannot be opened ({reason}). Check the path and its permissions."
        raise InputError(msg) from error


def _irregular(path: Path) -> str:
    """Return what a path is if it is not a regular file; empty for a regular file."""
    mode = path.stat().st_mode
    kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "")
    virtual = path.as_posix().startswith(_VIRTUAL)
    return kind or ("a file of the operating system" if virtual or not stat.S_ISREG(mode) else "")
