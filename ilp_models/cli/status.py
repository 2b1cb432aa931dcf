"""Status of the latest run of a task, in `status.json` next to `latest`, and its exit code for schedulers."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ilp_models.cli.errors import UsageError
from ilp_models.domain.printable import printable

WITHHELD: Final = 3
EXIT_CODES: Final = ("run", "decision")
_FILE: Final = "status.json"
_SHOWN: Final = 5  # reasons
_LENGTH: Final = 300  # characters of a reason
_TAIL: Final = 30  # of them for how many more there are


@dataclass(frozen=True)
class RunStatus:
    """State of a run: ``running``, ``failed``, ``admitted``, ``withheld``, or ``done`` if it made no decision."""

    state: str
    run: str  # its folder
    moment: str  # ISO 8601, when this state was reached
    exit_code: int | None = None  # None while it runs
    decision: str | None = None  # seal
    starts: str | None = None  # of the forecast period, wall clock of the records
    ends: str | None = None
    reasons: tuple[str, ...] = ()  # in short; of a failed run the error

    def write(self, folder: Path) -> None:
        """Replace the file in one step, so that a reader sees the old or the new status."""
        temporary = folder / f".{_FILE}-{os.getpid()}"
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        try:
            temporary.write_text(f"{text}\n", encoding="utf-8")
            temporary.replace(folder / _FILE)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def check_exit_code(choice: Any) -> None:
    """Raise UsageError for an unknown choice of the exit code."""
    if choice not in EXIT_CODES:
        msg = f"exit_code={choice} is unknown. Choose {' or '.join(EXIT_CODES)}."
        raise UsageError(msg)


def running(run: Path) -> RunStatus:
    """Return the status of a run that begins."""
    return RunStatus("running", str(run), _now())


def finished(run: Path, choice: str, code: int = 0) -> RunStatus:
    """Return the status of a run that ended without an error, from the decision in its folder.

    A code other than 0 says that the run of a region lacks jurisdictions.
    """
    if code:
        return RunStatus(
            "failed", str(run), _now(), code, reasons=("Jurisdictions failed: see region.html of the run.",)
        )
    path = run / "decision.json"
    if not path.is_file():
        return RunStatus("done", str(run), _now(), 0)
    decision = json.loads(path.read_text(encoding="utf-8"))
    timing = decision["audit"]["header"].get("timing") or {}
    state = "admitted" if decision["admitted"] is True else "withheld"
    return RunStatus(
        state,
        str(run),
        _now(),
        WITHHELD if choice == "decision" and state == "withheld" else 0,
        decision["seal"],
        timing.get("starts"),
        timing.get("ends"),
        tuple(map(_short, decision["reasons"][:_SHOWN])),
    )


def record_failure(folder: Path, run: Path, line: str, code: int) -> None:
    """Write the status of a run that failed; the error of the run counts more than one of this file."""
    with suppress(OSError):
        RunStatus("failed", str(run), _now(), code, reasons=(_short(line),)).write(folder)


def require_failure(folder: Path, run: str, line: str) -> None:
    """Write the status of a run that failed, unless the run itself wrote it: it may have been stopped, or not begun."""
    try:
        written = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        if run and (written["state"], written["run"]) == ("failed", run):
            return
    except (KeyError, OSError, RecursionError, TypeError, ValueError):
        pass  # no status, or one that cannot be read
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    record_failure(folder, Path(run), line, 1)


def _short(text: str) -> str:
    line = printable(" ".join(text.split()))
    if len(line) <= _LENGTH:
        return line
    start = line[: _LENGTH - _TAIL].rpartition(" ")[0] or line[: _LENGTH - _TAIL]  # whole words
    return f"{start} ... ({len(line) - len(start):,} more characters)"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
