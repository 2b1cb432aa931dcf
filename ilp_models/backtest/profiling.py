"""Measure time, CPU time and memory of fits and forecasts."""

import importlib
import importlib.util
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ilp_models.domain.replay import Cost

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")
_RESET_PEAK: Final = "5"  # Linux: forget the highest resident size so far
_UNIT: Final = 1024**2 if sys.platform == "darwin" else 1024  # units of ru_maxrss in a megabyte


class PeakMemory:
    """Measure the peak memory of this process since creation, minus the memory used at creation.

    On Linux, the peak resident size (high-water mark) is reset at the start and read later. Other systems cannot reset
    it, so only growth beyond the peak of the whole process counts: a lower bound. Memory that was already free inside
    the process is not counted; memory of other threads is.
    """

    def __init__(self) -> None:
        self._can_reset = False
        with suppress(OSError):
            _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
            self._can_reset = True
        self._start = _status("VmRSS") if self._can_reset else _high_water_mark()

    def megabytes(self) -> float:
        """Return the growth from the start to the peak, in megabytes; NaN where the system does not report it."""
        now = _status("VmHWM") if self._can_reset else _high_water_mark()
        return float("nan") if math.isnan(now) else max(now - self._start, 0.0)


class Profiler:
    """Add up time and memory of the fits and forecasts of one chain of folds."""

    def __init__(self) -> None:
        self._memory = PeakMemory()
        self._spent: dict[str, Any] = {}

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """Measure the block as a fit."""
        with self._timing("fit"):
            yield
        self._count("fits")

    @contextmanager
    def updating(self) -> Iterator[None]:
        """Measure the block as part of the next forecast."""
        with self._timing("forecast"):
            yield

    @contextmanager
    def forecasting(self) -> Iterator[None]:
        """Measure the block as a forecast."""
        with self._timing("forecast"):
            yield
        self._count("forecasts")

    def take_cost(self) -> Cost:
        """Return the cost since the last call and reset it."""
        spent, self._spent = self._spent, {}
        return Cost(**spent, peak_mb=self._memory.megabytes())

    def _count(self, name: str) -> None:
        self._spent[name] = self._spent.get(name, 0) + 1

    @contextmanager
    def _timing(self, what: str) -> Iterator[None]:
        clock, processor = time.perf_counter(), time.process_time()
        yield
        for name, seconds in (
            (f"{what}_seconds", time.perf_counter() - clock),
            (f"{what}_cpu_seconds", time.process_time() - processor),
        ):
            self._spent[name] = self._spent.get(name, 0.0) + seconds


def _status(name: str) -> float:
    """Return a field of ``/proc/self/status`` in megabytes (Linux)."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1]) / 1024
    return float("nan")


def _high_water_mark() -> float:
    """Return the peak resident size of this process in megabytes; NaN on Windows."""
    if importlib.util.find_spec("resource") is None:
        return float("nan")
    resource: Any = importlib.import_module("resource")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / _UNIT
