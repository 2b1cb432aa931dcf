"""Record which rule removed or flagged which rows of the records."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from ilp_models.data.masking import mask_value
from ilp_models.data.reader import RawRecords
from ilp_models.data.row_blocks import MAX_EXAMPLES
from ilp_models.domain.errors import StorageError
from ilp_models.domain.intake import IntakeFinding
from ilp_models.domain.text_output import write_table

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RowFilter:
    """The rows that remain, and the findings of the rules so far. Only the first rule that matches a row counts."""

    records: RawRecords
    removed_by: npt.NDArray[np.int64]  # position of the rule that removed each row, -1 where the row remains
    rules: tuple[tuple[str, str], ...] = ()  # rule and action
    findings: tuple[IntakeFinding, ...] = ()

    @classmethod
    def from_records(cls, records: RawRecords) -> Self:
        """Return a filter that keeps every row, with a finding on rows that could not be split into fields."""
        rows = cls(records, np.full(len(records.table), -1, dtype=np.int64))
        if not records.ragged:
            return rows
        examples = records.ragged[:MAX_EXAMPLES]
        return rows._add("number of fields differs from the header", "set aside", len(records.ragged), examples)

    @property
    def rows_read(self) -> int:
        """The number of records in the files, also those dropped and those that could not be split into fields."""
        return len(self.removed_by) + self.records.dropped + len(self.records.ragged)

    @property
    def remaining(self) -> Mask:
        """True for each row that no rule has removed."""
        return self.removed_by < 0

    def remove(self, rule: str, action: str, mask: Mask, shown: Sequence[str] = (), note: str = "") -> Self:
        """Return the filter with the matching rows removed under a rule; examples show the masked ``shown`` columns."""
        rows = np.flatnonzero(mask & self.remaining)
        return self._remove(rule, action, rows, shown, note) if len(rows) else self

    def remove_unmatched(self, mask: Mask, columns: Sequence[str]) -> Self:
        """Return the filter without rows that do not match ``data.filters``, also counting those dropped on reading."""
        rows, dropped = np.flatnonzero(mask & self.remaining), self.records.dropped
        if len(rows) + dropped == 0:
            return self
        return self._remove("does not match data.filters", "left out", rows, columns, dropped=dropped)

    def flag(self, rule: str, mask: Mask, shown: Sequence[str] = (), note: str = "") -> Self:
        """Return the filter with a finding on the matching rows, which remain."""
        rows = np.flatnonzero(mask & self.remaining)
        return self._add(rule, "flagged", len(rows), self._examples(rows, shown), note) if len(rows) else self

    def flag_spelling(self, rule: str, mask: Mask, column: str) -> Self:
        """Return the filter with a finding on known labels in another spelling; examples show these spellings."""
        rows = np.flatnonzero(mask & self.remaining)
        found = zip(rows[:MAX_EXAMPLES], self.records.table[column].iloc[rows[:MAX_EXAMPLES]], strict=True)
        examples = tuple(f"{self.records.label(row)}, {column}={label}" for row, label in found)
        return self._add(rule, "flagged", len(rows), examples) if len(rows) else self

    def write_rejects(self, path: Path) -> None:
        """Write every removed row as CSV that only its owner may read, with its rule, action, file and number."""
        rows = np.flatnonzero(~self.remaining)
        rules = self.removed_by[rows]
        table = self.records.table.iloc[rows].copy()
        table.insert(0, "rule", [self.rules[rule][0] for rule in rules])
        table.insert(1, "action", [self.rules[rule][1] for rule in rules])
        table.insert(2, "file", [self.records.files[at].name for at in self.records.file[rows]])
        table.insert(3, "record", self.records.number[rows])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_private(path) as file:
                file.write("\ufeff")  # so that Excel reads the letters
                write_table(table, file)
        except OSError as error:
            msg = f"data.rejects={path} cannot be written ({error.strerror}); set a file that you may write."
            raise StorageError(msg) from error

    def _remove(
        self,
        rule: str,
        action: str,
        rows: npt.NDArray[np.int64],
        shown: Sequence[str],
        note: str = "",
        dropped: int = 0,
    ) -> Self:
        removed_by = self.removed_by.copy()
        removed_by[rows] = len(self.rules)
        after = replace(self, removed_by=removed_by, rules=(*self.rules, (rule, action)))
        return after._add(rule, action, len(rows) + dropped, self._examples(rows, shown), note)

    def _examples(self, rows: npt.NDArray[np.int64], shown: Sequence[str]) -> tuple[str, ...]:
        table = self.records.table
        return tuple(
            ", ".join([self.records.label(row), *(f"{name}={mask_value(table[name].iloc[row])}" for name in shown)])
            for row in rows[:MAX_EXAMPLES]
        )

    def _add(self, rule: str, action: str, count: int, examples: tuple[str, ...], note: str = "") -> Self:
        finding = IntakeFinding(rule, action, count, count / self.rows_read, examples, note)
        return replace(self, findings=(*self.findings, finding))


def open_private(path: Path) -> IO[str]:
    """Return a new text file that only its owner may read; an older file is replaced, not followed or reused."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    return os.fdopen(os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR), "w", encoding="utf-8", newline="")
