"""Run a task for one jurisdiction of a region, in a process of its own that ends with its parent."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from ilp_models.cli.environment import DEFAULTS
from ilp_models.compute.reading import check_seen
from ilp_models.domain.digest import folder_digests
from ilp_models.domain.errors import DEBUG, StorageError
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.region import RECORD, JurisdictionResult, RunState
from ilp_models.domain.region_plan import as_setting

_ATTEMPTS: Final = 2
_OLDEST: Final = timedelta(hours=24)  # of a run that is reused: a night that was interrupted goes on in the morning
_PROGRAM: Final = "from ilp_models.cli.jurisdiction_run import main; main({})"
_BACKEND: Final = "MPLBACKEND"  # that of a notebook is no use to a process without one
_OF_PARENT: Final = ("HYDRA_FULL_ERROR", DEBUG)  # set while a command runs; they would print traces
_OUT_OF_MEMORY: Final = ("MemoryError", "bad_alloc", "allocate", "malloc", "out of memory")
_TAIL: Final = 2000  # characters of the last messages that are kept of a failure


@dataclass(frozen=True)
class JurisdictionRun:
    """A command for one jurisdiction, and what identifies its result."""

    name: str
    words: tuple[str, ...]  # the command, without `ilp`
    folder: str  # of the run; another attempt gets one of its own, next to the unfinished one
    fingerprint: str  # of everything that the result depends on
    register: str = ""  # with its decisions, empty for a task that makes none
    memory_mb: int | None = None  # that the process may use, None for no limit
    mark: str = ""  # a file of the client, which tells that a worker sees its folder
    home: str = ""  # where the command was given; relative paths begin there, not where a worker was started

    def run(self) -> JurisdictionResult:
        """Run the command and return how it ended; a process that the system stopped is started once more."""
        begun, moment = time.monotonic(), datetime.now(UTC)
        if self.mark:
            check_seen(Path(self.mark))
        attempt, code, said, peak, folder = 0, -1, "", 0, self.folder
        while code < 0 and attempt < _ATTEMPTS:
            attempt += 1
            folder = self._free_folder()
            code, said, peak = _start((*self.words, as_setting("hydra.run.dir", folder)), self.memory_mb, self.home)
        ended: dict[str, Any] = {"seconds": round(time.monotonic() - begun, 1), "peak_mb": peak, "attempts": attempt}
        ended["register"] = self.register
        if code < 0:
            name = signal.Signals(-code).name
            why = f"The system stopped the process ({name}), usually because memory ran out. {_last_line(said)}"
            return JurisdictionResult(self.name, RunState.FAILED, folder, why + self._limit(), **ended)
        if code != 0:
            why = _last_line(said)
            why += self._limit() if any(sign in why for sign in _OUT_OF_MEMORY) else ""
            return JurisdictionResult(self.name, RunState.FAILED, folder, why, **ended)
        result = JurisdictionResult(self.name, RunState.DONE, folder, "", **ended)
        record: dict[str, Any] = {"name": self.name, "fingerprint": self.fingerprint, "command": list(self.words)}
        record["client"] = Path(self.mark).name
        record |= {"begun": moment.isoformat(), **ended, "files": folder_digests(Path(folder))}
        _write(Path(folder, RECORD), record)
        return result

    def _limit(self) -> str:
        """Return what to do about the limit of memory; empty without one."""
        if self.memory_mb is None:
            return ""
        return (
            f" The process may use {self.memory_mb:,} MB (region.memory_mb). Set more, or divide the jurisdiction into "
            "tiles."
        )

    def _free_folder(self) -> str:
        """Return the folder, or one with a number if an earlier attempt left it unfinished."""
        count = 1
        while Path(folder := f"{self.folder}-{count}" if count > 1 else self.folder).exists():
            count += 1
        return folder


def run_jurisdiction(job: JurisdictionRun) -> JurisdictionResult:
    """Return the result of a job; a full disk, or a folder that the worker does not see, ends this job alone."""
    try:
        return job.run()
    except (OSError, StorageError) as error:
        return JurisdictionResult(job.name, RunState.FAILED, job.folder, str(error), register=job.register)


def finished_run(job: JurisdictionRun, state: RunState) -> JurisdictionResult | None:
    """Return the latest run of a jurisdiction with its time and memory, if it finished and has the job's fingerprint.

    A run is reused if it began within 24 hours. A run that is done was made by this command.
    """
    try:
        folder = (Path(job.folder).parent / "latest").resolve(strict=True)
        record = json.loads(file_in_folder(folder, RECORD).read_text(encoding="utf-8"))
        age = datetime.now(UTC) - datetime.fromisoformat(record["begun"])
        own = record.get("client") == Path(job.mark).name
        usable = timedelta(0) <= age < _OLDEST if state is RunState.REUSED else own
        if record["fingerprint"] != job.fingerprint or not usable:
            return None
        seconds, peak, attempts = float(record["seconds"]), int(record["peak_mb"]), int(record["attempts"])
    except (ArithmeticError, KeyError, OSError, RecursionError, StorageError, TypeError, ValueError):
        return None
    return JurisdictionResult(job.name, state, str(folder), "", seconds, peak, attempts, job.register)


def main(memory_mb: int | None = None) -> None:
    """Run the command of sys.argv, and end as soon as the process that started this one has ended."""
    if memory_mb is not None and resource:
        limit = memory_mb * 1_000_000
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from ilp_models.cli.app import App, find_configs  # noqa: PLC0415 - the parent must not load Hydra for each job

    code = App(find_configs()).run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.write(f"\n{_peak_kb()}\n")
    sys.stderr.flush()
    os._exit(code)  # the thread waits for the parent


def _peak_kb() -> int:
    """Return the peak memory of this process in kilobytes, 0 if unknown."""
    try:  # the system call also counts what the parent used when it started this process
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if resource else 0


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):  # ends when the parent closes the pipe, or is gone
        pass
    os._exit(1)


def _start(words: tuple[str, ...], memory_mb: int | None, home: str) -> tuple[int, str, int]:
    """Run a command and return exit code, messages and peak memory in MB."""
    where = home if os.path.isdir(home) else None  # noqa: PTH112 - an empty text is no folder
    command = [sys.executable, "-c", _PROGRAM.format(memory_mb), *words]
    with subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        cwd=where,
    ) as process:
        said = process.stderr.read() if process.stderr else ""
        code = process.wait()
    said, _, peak = said.rstrip().rpartition("\n")
    return code, said if peak.isdigit() else f"{said}\n{peak}", round(int(peak) / 1024) if peak.isdigit() else 0


def _environment() -> Mapping[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    kept = {name: value for name, value in os.environ.items() if name not in _OF_PARENT}
    # glibc reads its variables when a process starts: a notebook or a worker of a cluster has not set them
    return {**DEFAULTS, **kept, **threads, _BACKEND: DEFAULTS[_BACKEND]}


def _last_line(said: str) -> str:
    lines = [line for line in said[-_TAIL:].splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ilp: ")]
    return (errors or lines or ["The process ended without a message."])[-1].removeprefix("ilp: ")


def _write(path: Path, content: Mapping[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)
