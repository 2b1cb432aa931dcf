"""The decision register: an append-only JSON Lines file with a hash chain, so that later changes are detected."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ilp_models.domain.append_lines import append_lines, locked_file, read_lines
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.local_file import is_address

ACTS: Final = (
    *("declared", "decided", "approved", "exported", "allocated", "withdrawn"),
    *("objected", "answered", "retracted"),  # objections to a plan
    "monitored",
    "evaluated",  # the design of a trial
)
_START: Final = "0" * 64
# two programs may read the clock in one order and write to the register in the other
CLOCK_TOLERANCE: Final = timedelta(minutes=1)
CLOCK: Final = "clock"  # in a withdrawal: the time of the clock, if the line before it has a later one
CLOCK_HINT: Final = (
    "Set the clock right. If the clock was ahead when that line was written, keep this register and continue with "
    "another one: register=FILE"
)


@dataclass(frozen=True)
class RegisterEntry:
    """One line of the register: an act on a decision, or a declaration."""

    act: str  # one of ACTS
    who: str
    decision: str  # seal of the decision, or of the declaration
    moment: datetime  # with time zone
    content: Mapping[str, Any] = field(default_factory=dict)  # plain JSON values, such as periods and file names

    def __post_init__(self) -> None:
        """Check that the entry is complete."""
        if self.act not in ACTS:
            msg = f"The act {self.act!r} of a register entry is unknown. Use one of {', '.join(ACTS)}."
        elif not self.who or not self.decision:
            msg = (
                f"A register entry needs who and decision, not who={self.who!r}, decision={self.decision!r}. Give both."
            )
        elif self.moment.tzinfo is None:
            msg = (
                f"The time {self.moment} of a register entry has no time zone. Give one such as "
                "2026-01-05T08:00:00+00:00."
            )
        else:
            return
        raise InputError(msg)


@dataclass(frozen=True)
class RegisterState:
    """The content of a verified register."""

    entries: int  # number of lines
    first: str  # moment of the first entry, ISO 8601; empty if there is none
    last: str  # moment of the last entry
    digest: str  # SHA-256 of the last line; a copy of it elsewhere shows whether lines were removed later
    lines: tuple[RegisterEntry, ...] = ()  # oldest first

    def entries_of(self, decision: str) -> tuple[RegisterEntry, ...]:
        """Return the entries of one decision, oldest first."""
        return tuple(line for line in self.lines if line.decision == decision)


@dataclass(frozen=True)
class Register:
    """A JSON Lines file in which each line contains the SHA-256 of the line before it.

    Parameters
    ----------
    path : Path
        The file; the first entry creates it. Its lock file is in the same folder.
    last : str, optional
        Digest of a line that was stored elsewhere. Reading and writing fail if no line has it: the chain alone does
        not show that lines at the end were removed or that the whole file was rewritten.

    Raises
    ------
    InputError
        If ``path`` is an address or ``last`` is not a digest.

    Examples
    --------
    >>> Register(Path("outputs/register.jsonl"), last="5f" * 32).path.name
    'register.jsonl'
    """

    path: Path
    last: str | None = None

    def __post_init__(self) -> None:
        """Refuse an address, and a digest that no line can have, such as that of an unset variable."""
        if is_address(str(self.path)):
            msg = f"register={self.path} is an address. Give the path of a local file."
            raise InputError(msg)
        # a configuration reads a word of digits as a number
        if self.last is not None and not re.fullmatch("[0-9a-f]{64}", str(self.last)):
            msg = (
                f"last={self.last!r} is not the digest of a line of the register. Copy its 64 hexadecimal digits, or "
                "leave the setting out."
            )
            raise InputError(msg)

    @classmethod
    def from_path(cls, register: "str | Path | Register") -> "Register":
        """Return the register in a file; a register is returned unchanged."""
        return register if isinstance(register, Register) else cls(Path(register))

    def append(self, entry: RegisterEntry, check: Callable[[RegisterState], None] | None = None) -> str:
        """Write an entry to disk and return its digest; ``check`` may refuse the state of the register first."""
        self._read()  # a folder or a pipe is refused before a lock file is made next to it
        with locked_file(self.path, "the register"):
            state = self.verify()
            if check is not None:
                check(state)
            line = self._line(entry, state)
            append_lines(self.path, line + b"\n", "the register")
        return _digest(line)

    def verify(self) -> RegisterState:
        """Check every line, and that one has the digest ``last``, and return the content of the register."""
        *lines, rest = self._read().split(b"\n")
        moments, digests, entries = [""], [_START], []
        for number, line in enumerate(lines, start=1):
            if fault := _fault(line, number, digests[-1], moments[-1]):
                msg = f"{self.path}, line {number}: {fault}."
                raise StorageError(msg, "Restore the register from a copy.")
            entries.append(_entry(line))
            moments.append(json.loads(line)["moment"])
            digests.append(_digest(line))
        if rest:
            msg = (
                f"{self.path}, line {len(lines) + 1}: the line is incomplete (interrupted write); no file was "
                "released. Save a copy, remove this line and repeat its command, such as a withdrawal."
            )
            raise StorageError(msg)
        if self.last and self.last not in digests[1:]:
            msg = (
                f"{self.path}, after line {len(lines)}: no line has the digest {self.last}, so lines were removed or "
                "rewritten. Restore the register from a copy."
            )
            raise StorageError(msg)
        return RegisterState(len(lines), moments[1] if lines else "", moments[-1], digests[-1], tuple(entries))

    def _read(self) -> bytes:
        return read_lines(self.path, "the register", "register")

    def _line(self, entry: RegisterEntry, state: RegisterState) -> bytes:
        moment = entry.moment.astimezone(UTC)
        last = datetime.fromisoformat(state.last) if state.last else moment
        content = entry.content
        if moment < last - CLOCK_TOLERANCE:
            if entry.act != "withdrawn":
                msg = f"{self.path}: the time {moment} is before the last entry at {last}. {CLOCK_HINT}."
                raise InputError(msg)
            # a line from the future, by a wrong clock or by malice, must not prevent a withdrawal
            content = {**content, CLOCK: moment.isoformat()}
        written = _time_text(max(moment, last))
        link = {"moment": written, "number": state.entries + 1, "previous": state.digest}
        plain = asdict(entry) | {"content": dict(content), **link}
        try:
            return _canonical(plain | {"digest": _digest(_canonical(plain))})
        except (TypeError, ValueError) as error:
            msg = f"The content of a register entry is not plain JSON ({error}). Use text, numbers, lists and mappings."
            raise InputError(msg) from error


def _fault(line: bytes, number: int, previous: str, moment: str) -> str:
    """Return what is wrong with a line; empty if it is valid."""
    try:
        plain = json.loads(line)
        digest = plain.pop("digest")
        unchanged = _canonical(plain | {"digest": digest}) == line and _digest(_canonical(plain)) == digest
        if not unchanged:
            return "the line was edited"
        if (plain["number"], plain["previous"]) != (number, previous):
            return "the line does not follow the line before it"
        entry = _entry(line)
        # times are compared as text, so that each must have the one form that this module writes
        regular = entry.moment.utcoffset() == timedelta(0) and _time_text(entry.moment) == plain["moment"]
        if not isinstance(entry.content, dict) or not regular:
            return "the line is not a register entry"
        return "the line is older than the line before it" if plain["moment"] < moment else ""
    except (AttributeError, InputError, KeyError, RecursionError, TypeError, ValueError):
        return "the line is not a register entry"


def _time_text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _entry(line: bytes) -> RegisterEntry:
    plain = json.loads(line)
    values = {name: plain[name] for name in ("act", "who", "decision", "content")}
    return RegisterEntry(**values, moment=datetime.fromisoformat(plain["moment"]))


def _canonical(plain: Mapping[str, Any]) -> bytes:
    return json.dumps(plain, sort_keys=True, allow_nan=False).encode()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
