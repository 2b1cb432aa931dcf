"""Row by row, one rule at most for what is not kept, and the account of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.reader import RawRecords
from ilp_models.domain.errors import StorageError
from ilp_models.domain.intake import IntakeFinding

Mask = npt.NDArray[np.bool_]

_EXAMPLES: Final = 5


class RowFilter:
    """Which rows remain, and why the others do not: the first rule that applies to a row is its only one.

    Parameters
    ----------
    records : Records
        The rows to sift.
    """

    def __init__(self, records: RawRecords) -> None:
        self._records = records
        self._fate = np.full(len(records.table), -1, dtype=np.int64)
        self._rules: list[tuple[str, str]] = []
        self.findings: list[IntakeFinding] = []
        if records.ragged:
            rule, examples = "another number of fields than the header", records.ragged[:_EXAMPLES]
            self._tell(rule, "set aside", len(records.ragged), examples, "")

    @property
    def rows_read(self) -> int:
        """The number of records in the files, broken ones included."""
        return len(self._fate) + len(self._records.ragged)

    @property
    def kept(self) -> Mask:
        """True for each row that no rule has taken out."""
        return self._fate < 0

    def take_out(self, rule: str, action: str, mask: Mask, shown: Sequence[str] = (), note: str = "") -> None:
        """Take rows out under a rule, unless an earlier rule took them."""
        rows = np.flatnonzero(mask & self.kept)
        if len(rows):
            self._fate[rows] = len(self._rules)
            self._rules.append((rule, action))
            self._tell(rule, action, len(rows), self._examples(rows, shown), note)

    def flag(self, rule: str, mask: Mask, shown: Sequence[str] = (), note: str = "") -> None:
        """Flag rows that stay."""
        rows = np.flatnonzero(mask & self.kept)
        if len(rows):
            self._tell(rule, "flagged", len(rows), self._examples(rows, shown), note)

    def write_rejects(self, path: Path) -> None:
        """Write every row that was taken out as CSV, with its file, number, rule and action."""
        rows = np.flatnonzero(~self.kept)
        fates = self._fate[rows]
        table = self._records.table.iloc[rows].copy()
        table.insert(0, "rule", [self._rules[fate][0] for fate in fates])
        table.insert(1, "action", [self._rules[fate][1] for fate in fates])
        table.insert(2, "file", [self._records.files[at].name for at in self._records.file[rows]])
        table.insert(3, "record", self._records.number[rows])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(path, index=False)
        except OSError as error:
            msg = f"data.rejects={path}: cannot be written ({error.strerror}); name a file in a folder that can."
            raise StorageError(msg) from error

    def _examples(self, rows: npt.NDArray[np.int64], shown: Sequence[str]) -> tuple[str, ...]:
        table = self._records.table
        return tuple(
            ", ".join([self._records.where(row), *(f"{name}={_shown(table[name].iloc[row])}" for name in shown)])
            for row in rows[:_EXAMPLES]
        )

    def _tell(self, rule: str, action: str, count: int, examples: tuple[str, ...], note: str) -> None:
        self.findings.append(IntakeFinding(rule, action, count, count / self.rows_read, examples, note))


def _shown(value: object) -> str:
    return "(empty)" if pd.isna(value) else str(value)  # type: ignore[call-overload]
