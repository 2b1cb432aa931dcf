"""Measuring what fits and forecasts cost while they are made."""

import importlib
import importlib.util
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ilp_models.domain.cost import Cost

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")
_RESET_PEAK: Final = "5"  # Linux: forget the highest resident size so far
_UNIT: Final = 1024**2 if sys.platform == "darwin" else 1024  # of ru_maxrss in one megabyte


class PeakMemory:
    """The most memory that this process held since a moment, above what it held then.

    On Linux the kernel's mark of the highest resident size is reset at that moment and read later. Elsewhere the
    mark cannot be reset, and only memory beyond the highest mark of the whole process is seen: a lower bound.
    Memory that was free inside the process already is not seen either, and other threads are seen with it.
    """

    def __init__(self) -> None:
        self._can_reset = False
        with suppress(OSError):
            _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
            self._can_reset = True
        self._start = _status("VmRSS") if self._can_reset else _mark()

    def megabytes(self) -> float:
        """Return the growth up to the highest point since the start."""
        now = _status("VmHWM") if self._can_reset else _mark()
        return float("nan") if math.isnan(now) else max(now - self._start, 0.0)


class Profiler:
    """A stopwatch for the fits and forecasts of one chain of folds."""

    def __init__(self) -> None:
        self._memory = PeakMemory()
        self._spent: dict[str, Any] = {}

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """Charge what happens inside to a fit."""
        with self._charging("fit"):
            yield
        self._count("fits")

    @contextmanager
    def updating(self) -> Iterator[None]:
        """Charge what happens inside to the forecast that follows."""
        with self._charging("forecast"):
            yield

    @contextmanager
    def forecasting(self) -> Iterator[None]:
        """Charge what happens inside to a forecast."""
        with self._charging("forecast"):
            yield
        self._count("forecasts")

    def take(self) -> Cost:
        """Return what was charged since the last time, and set that back to nothing."""
        spent, self._spent = self._spent, {}
        return Cost(**spent, peak_mb=self._memory.megabytes())

    def _count(self, name: str) -> None:
        self._spent[name] = self._spent.get(name, 0) + 1

    @contextmanager
    def _charging(self, what: str) -> Iterator[None]:
        clock, processor = time.perf_counter(), time.process_time()
        yield
        for name, seconds in (
            (f"{what}_seconds", time.perf_counter() - clock),
            (f"{what}_cpu_seconds", time.process_time() - processor),
        ):
            self._spent[name] = self._spent.get(name, 0.0) + seconds


def _status(name: str) -> float:
    """Return a size of this process as Linux tells it, in megabytes."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1]) / 1024
    return float("nan")


def _mark() -> float:
    """Return the highest resident size of this process ever, in megabytes; Windows does not tell it."""
    if importlib.util.find_spec("resource") is None:
        return float("nan")
    resource: Any = importlib.import_module("resource")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / _UNIT
