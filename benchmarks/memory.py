"""Memory of this process and of a whole session of processes, read from /proc on Linux."""

import resource
import threading
from pathlib import Path
from typing import Final, Self

from benchmarks.figure import NotMeasuredError

_PROC: Final = Path("/proc")
_SECONDS_BETWEEN_LOOKS: Final = 0.1
_SESSION_FIELD: Final = 3  # of /proc/<pid>/stat, counted after the name of the program


def resident_bytes() -> int:
    """Return the current resident memory of this process."""
    if not _PROC.is_dir():
        msg = "memory is read from /proc, which this system has not"
        raise NotMeasuredError(msg)
    pages = int((_PROC / "self" / "statm").read_text().split()[1])
    return pages * resource.getpagesize()


def forget_peak() -> None:
    """Reset the peak memory of this process to the current value, so that reading data does not count."""
    (_PROC / "self" / "clear_refs").write_text("5")


def peak_bytes() -> int:
    """Return the peak memory of this process since :func:`forget_peak`."""
    lines = (_PROC / "self" / "status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def session_bytes(session: int) -> int:
    """Return the memory of all processes of a session: proportional set size, so a shared page counts once."""
    total = 0
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[_SESSION_FIELD]) == session:
                total += _proportional_bytes(stat.with_name("smaps_rollup"))
        except OSError:  # it has ended meanwhile
            continue
    return total


def _proportional_bytes(rollup: Path) -> int:
    lines = rollup.read_text().splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


class SessionWatch:
    """Measures the memory of a session ten times a second until it is stopped.

    Parameters
    ----------
    session : int
        Id of the session.
    """

    def __init__(self, session: int) -> None:
        self.session = session
        self.peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        """Start measuring."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop measuring."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            self.peak = max(self.peak, session_bytes(self.session))
