"""The register of decisions: a file to which lines are added and in which every later change shows."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import filelock

from ilp_models.domain.errors import InputError, StorageError

ACTS: Final = ("decided", "approved", "exported", "allocated", "withdrawn")
_START: Final = "0" * 64
_PATIENCE_S: Final = 30.0
# two programs may reach the register in another order than they looked at the clock
SLACK: Final = timedelta(minutes=1)
AHEAD: Final = (
    "or, if it ran ahead when that line was written, keep this register and go on with another, register=FILE"
)


@dataclass(frozen=True)
class RegisterEntry:
    """What happened to one decision.

    Parameters
    ----------
    act : str
        One of ``ACTS``.
    who : str
        Who did it.
    decision : str
        Seal of the decision.
    moment : datetime
        When, with its zone.
    content : mapping, optional
        A few plain JSON values, such as periods and file names.

    Raises
    ------
    InputError
        If the act is unknown, nobody is named, or the moment has no zone.
    """

    act: str
    who: str
    decision: str
    moment: datetime
    content: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what a reader of the register could not understand."""
        if self.act not in ACTS:
            msg = f"act={self.act} is unknown to the register; use one of {', '.join(ACTS)}."
        elif not self.who or not self.decision:
            msg = "An entry of the register needs who did it and the seal of the decision; give both."
        elif self.moment.tzinfo is None:
            msg = "An entry of the register needs a time with a zone, such as 2026-01-05T08:00:00+00:00."
        else:
            return
        raise InputError(msg)


@dataclass(frozen=True)
class RegisterState:
    """What a whole register holds.

    Parameters
    ----------
    entries : int
        Number of lines.
    first, last : str
        Moments of the first and the last entry, ISO 8601; empty where there is none.
    digest : str
        SHA-256 of the last line; kept elsewhere, it shows a later cut at the end.
    lines : tuple of Entry
        What the lines say, oldest first.
    """

    entries: int
    first: str
    last: str
    digest: str
    lines: tuple[RegisterEntry, ...] = ()

    def about(self, decision: str) -> tuple[RegisterEntry, ...]:
        """Return what happened to one decision, oldest first."""
        return tuple(line for line in self.lines if line.decision == decision)


@dataclass(frozen=True)
class Register:
    """A chain of lines, each with the SHA-256 of the whole line before it.

    Parameters
    ----------
    path : Path
        The file, one JSON object a line; made by the first entry. A lock file lies beside it.
    """

    path: Path

    def append(self, entry: RegisterEntry, ask: Callable[[RegisterState], None] | None = None) -> str:
        """Return the digest of the line written; it is on disk before this returns."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # one lock however many links lead to the file
            with filelock.FileLock(f"{self.path.resolve()}.lock", timeout=_PATIENCE_S):
                standing = self.verify()
                if ask is not None:
                    ask(standing)
                line = self._line(entry, standing)
                _write(self.path, line + b"\n")
        except filelock.Timeout as error:
            msg = f"{self.path} is held by another program; try again when it is done."
            raise StorageError(msg) from error
        except OSError as error:
            msg = f"{self.path} cannot be written ({error.strerror}); make the register's folder writable."
            raise StorageError(msg) from error
        return _digest(line)

    def verify(self, last: str = "") -> RegisterState:
        """Return what the register holds, having checked every line.

        Without a digest known from elsewhere, lines cut off at the end leave no trace, and neither does a chain
        that was written anew as a whole.
        """
        *lines, rest = self._read().split(b"\n")
        moments, digests, entries = [""], [_START], []
        for number, line in enumerate(lines, start=1):
            if fault := _fault(line, number, digests[-1], moments[-1]):
                msg = f"{self.path}, line {number}: {fault}; restore the register from a copy."
                raise StorageError(msg)
            entries.append(_entry(line))
            moments.append(json.loads(line)["moment"])
            digests.append(_digest(line))
        if rest:
            msg = (
                f"{self.path}, line {len(lines) + 1}: torn, its end is missing; nothing left under it: remove this "
                "line, with a copy kept, and do again what it tells of, such as a withdrawal."
            )
            raise StorageError(msg)
        if last and last not in digests[1:]:
            msg = (
                f"{self.path}, after line {len(lines)}: no line has the digest {last}: lines were cut off or "
                "rewritten; restore the register from a copy."
            )
            raise StorageError(msg)
        return RegisterState(len(lines), moments[1] if lines else "", moments[-1], digests[-1], tuple(entries))

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            msg = f"{self.path} cannot be read ({error.strerror}); name a register's file."
            raise StorageError(msg) from error

    def _line(self, entry: RegisterEntry, standing: RegisterState) -> bytes:
        moment = entry.moment.astimezone(UTC)
        last = datetime.fromisoformat(standing.last) if standing.last else moment
        if moment < last - SLACK:
            msg = f"{self.path}: {moment} is before the last entry at {last}; set the clock right, {AHEAD}."
            raise InputError(msg)
        written = max(moment, last).isoformat(timespec="microseconds")
        plain = asdict(entry) | {"moment": written, "number": standing.entries + 1, "previous": standing.digest}
        try:
            return _canonical(plain | {"digest": _digest(_canonical(plain))})
        except (TypeError, ValueError) as error:
            msg = f"The content of an entry is no plain JSON ({error}); use text, numbers, lists and mappings."
            raise InputError(msg) from error


def _fault(line: bytes, number: int, previous: str, moment: str) -> str:
    """Return what is wrong with a line, or nothing."""
    try:
        plain = json.loads(line)
        digest = plain.pop("digest")
        whole = _canonical(plain | {"digest": digest}) == line and _digest(_canonical(plain)) == digest
        if not whole:
            return "it was edited"
        if (plain["number"], plain["previous"]) != (number, previous):
            return "it does not follow the line before it"
        if not isinstance(_entry(line).content, dict):
            return "it is no entry of a register"
        return "it is older than the line before it" if plain["moment"] < moment else ""
    except (AttributeError, InputError, KeyError, RecursionError, TypeError, ValueError):
        return "it is no entry of a register"


def _entry(line: bytes) -> RegisterEntry:
    plain = json.loads(line)
    values = {name: plain[name] for name in ("act", "who", "decision", "content")}
    return RegisterEntry(**values, moment=datetime.fromisoformat(plain["moment"]))


def _write(path: Path, line: bytes) -> None:
    """Add one line in one call, and wait until the disk has it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        if os.write(handle, line) != len(line):
            msg = f"{path} took part of a line only; free some space and remove the torn last line."
            raise StorageError(msg)
        os.fsync(handle)
    finally:
        os.close(handle)


def _canonical(plain: Mapping[str, Any]) -> bytes:
    return json.dumps(plain, sort_keys=True, allow_nan=False).encode()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
