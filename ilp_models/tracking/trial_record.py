"""The record of trials: an append-only CSV file with one line for each trial, in the folder of the experiment."""

import csv
import getpass
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ilp_models.domain.append_lines import append_lines, check_writable, locked_file, read_lines
from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import is_address
from ilp_models.domain.text_output import escape_formula

TRIALS: Final = "trials.csv"
_WHAT: Final = "the record of trials"
_SETTING: Final = "trials.path"


@dataclass(frozen=True)
class TrialLine:
    """One trial: a forecaster with its settings, what it was scored on, and the score."""

    when: str  # UTC, ISO 8601
    who: str
    task: str
    run: str  # folder of the run; empty in the Python API
    forecaster: str
    settings: str  # JSON
    recipe: str  # fingerprint of settings, data and code
    data: str  # digest of the records
    units: str  # digest of cells, periods and recorded counts: scores of equal units can be paired
    first_period: str
    last_period: str
    periods: int
    score: str
    value: float  # NaN where the trial failed
    low: float
    high: float
    baseline: str
    skill: float  # over the baseline
    skill_low: float
    skill_high: float
    reason: str  # why the trial failed; otherwise empty
    code: str  # version, commit and digest of the program


COLUMNS: Final = tuple(one.name for one in fields(TrialLine))


@dataclass(frozen=True)
class TrialRecord:
    """Keep every trial: each forecaster that a run scores adds one line to a file, which is never rewritten.

    Parameters
    ----------
    path : str, default "outputs/trials/run.csv"
        The CSV file; the first trial creates it.
    experiment : str, optional
        Folder of the experiment. If it exists, its ``trials.csv`` is the file.
    who : str, optional
        Who makes the trials; by default the login name.

    Raises
    ------
    InputError
        If a path is an address, or, when it is used, if the file is not a record of trials.

    Examples
    --------
    >>> TrialRecord("outputs/trials/half-lives.csv").file.name
    'half-lives.csv'
    """

    path: str = "outputs/trials/run.csv"
    experiment: str | None = None
    who: str | None = None

    def __post_init__(self) -> None:
        """Refuse addresses."""
        for name in ("path", "experiment"):
            if is_address(str(getattr(self, name))):
                msg = f"trials.{name}={getattr(self, name)} is an address. Give a local path."
                raise InputError(msg)

    @classmethod
    def from_path(cls, path: "str | Path | TrialRecord") -> "TrialRecord":
        """Return the record in a file; a record is returned unchanged."""
        return path if isinstance(path, TrialRecord) else cls(str(path))

    @property
    def file(self) -> Path:
        """The file: that of the experiment if its folder exists."""
        folder = Path(self.experiment) if self.experiment else None
        return folder / TRIALS if folder is not None and folder.is_dir() else Path(self.path)

    @property
    def person(self) -> str:
        """Who makes the trials."""
        if self.who:
            return str(self.who)
        try:
            return getpass.getuser()
        except (ImportError, KeyError, OSError):  # no login name, as in a container
            return "unknown"

    def check(self) -> None:
        """Raise an error before any work if the file is not a record of trials, or cannot be written."""
        self._lines()
        check_writable(self.file, _WHAT)

    def append(self, lines: Iterable[TrialLine]) -> None:
        """Add lines; other programs can add theirs at the same time."""
        rows = [[_cell(value) for value in astuple(line)] for line in lines]
        if not rows:
            return
        self.check()  # before the lock creates a folder
        with locked_file(self.file, _WHAT):
            head = [] if self._lines() else [list(COLUMNS)]
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows([*head, *rows])
            append_lines(self.file, text.getvalue().encode(), _WHAT)

    def read(self) -> pd.DataFrame:
        """Return all lines, oldest first; InputError with the line if one is damaged."""
        lines = self._lines()
        for number, row in enumerate(lines[1:], start=2):
            if len(row) != len(COLUMNS):
                self._refuse(f", line {number}: {len(row)} columns instead of {len(COLUMNS)}")
        table = pd.DataFrame(lines[1:], columns=list(COLUMNS))
        numbers = [one.name for one in fields(TrialLine) if one.type in (int, float)]
        for name in numbers:
            parsed = pd.to_numeric(table[name].replace("", "nan"), errors="coerce")
            wrong = parsed.isna() & ~table[name].isin(["", "nan"])
            if wrong.any():
                at = wrong.tolist().index(True)
                self._refuse(f", line {at + 2}: {name}={table[name][at]!r} is not a number")
            table[name] = parsed
        return table

    def _lines(self) -> list[list[str]]:
        """Return the cells of all lines, the header first; empty where there is no file yet."""
        content = read_lines(self.file, _WHAT, _SETTING)
        if not content:
            return []
        if not content.endswith(b"\n"):
            last = len(content.splitlines())
            self._refuse(f", line {last}: the line is incomplete (interrupted write)")
        try:
            rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            self._refuse(f": {error}")
        if tuple(rows[0]) != COLUMNS:
            self._refuse(", line 1: the columns are not those of a record of trials")
        return rows

    def _refuse(self, what: str) -> None:
        msg = f"{self.file}{what}. Repair the file, or set {_SETTING}=FILE and trials.experiment=null for another one."
        raise InputError(msg)


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as JSON on one line, with sorted keys."""
    return json.dumps(settings, sort_keys=True, ensure_ascii=False, default=str)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(float(f"{value:.10g}"))
    return escape_formula(value) if isinstance(value, str) else str(value)
