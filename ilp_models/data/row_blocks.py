"""Select rows block by block, so that rows that do not match ``data.filters`` leave memory as they are read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ilp_models.data.crime_types import matching_rows
from ilp_models.data.schema import ColumnMapping
from ilp_models.domain import parquet_file
from ilp_models.domain.errors import InputError

MAX_EXAMPLES: Final = 5  # rows that a finding shows

_COUNT: Final = "rows"
_MERGE_FROM: Final = 1 << 16  # values that are counted before equal ones are merged

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowSelection:
    """Which rows of the files to keep, and the columns whose values are counted over all rows."""

    filters: Mapping[str, Sequence[object]]  # column to wanted values
    counted: tuple[str, ...]  # also over rows that are not kept

    @classmethod
    def from_settings(
        cls, filters: Mapping[str, Sequence[object]], columns: ColumnMapping, time_formats: Sequence[str]
    ) -> Self | None:
        """Return the selection of ``data.filters``, or None to keep all rows.

        What is checked where: the labels of crime types and areas are screened for personal data over all rows, and so
        are dates that several formats read. The reader therefore counts the values of these columns in rows that it
        drops too. All other checks look at rows that match the filters.
        """
        if not filters:
            return None
        labels = filter(None, (columns.crime_type, columns.crime_type_detail, columns.area))
        dates = columns.with_dates if len(time_formats) > 1 else ()
        return cls(filters, tuple(dict.fromkeys((*labels, *dates))))


@dataclass(frozen=True, eq=False)
class CountedValues:
    """The values of a column in the order of the rows, and how many rows have each; a value may occur twice."""

    values: pd.Series  # of the type that the whole column has
    rows: Positions

    @classmethod
    def from_column(cls, column: pd.Series) -> Self:
        """Return the values of a column, each in one row."""
        return cls(column, np.broadcast_to(np.int64(1), len(column)))


@dataclass(frozen=True, eq=False)
class SelectedRows:
    """The rows of a file that were kept."""

    table: pa.Table
    position: Positions  # of each row among those that were read, from 0
    size: int  # rows that were read
    counted: Mapping[str, pa.Table] = field(default_factory=dict)  # value and number of rows, for each counted column


def whole_table(blocks: Iterable[pa.RecordBatch], schema: pa.Schema, packed: str = "") -> SelectedRows:
    """Return all rows."""
    del packed  # such a file was measured before
    table = pa.Table.from_batches(list(blocks), schema)
    return SelectedRows(table, np.arange(table.num_rows), table.num_rows)


class BlockFilter:
    """Keeps the rows of several files that match the filters, and few others that the findings need.

    The first five rows that do not match are kept too, because they are shown as examples. A column of whole numbers
    has another type in pandas if a value is missing, so one such row of each column is kept. The caller filters them
    again, so that the result does not depend on the blocks.
    """

    def __init__(self, selection: RowSelection) -> None:
        self._selection = selection
        self._examples = MAX_EXAMPLES

    def __call__(self, blocks: Iterable[pa.RecordBatch], schema: pa.Schema, packed: str = "") -> SelectedRows:
        """Return the rows of one file to keep; its blocks are read one after the other.

        InputError if the rows of a packed file, which is given by its name, need more memory than `MAX_BYTES`.
        """
        filters = self._selection.filters
        separable = all(_reads_alike(schema.field(column).type) for column in filters)
        counts = {name: _ValueCounts(schema.field(name)) for name in self._selection.counted if name in schema.names}
        kept, positions, size, bytes_kept = [], [np.zeros(0, dtype=np.int64)], 0, 0
        examples, without_value = self._examples, set[str]()
        for block in blocks:
            for name, one in counts.items():
                one.add(block.column(name))
            keep = np.ones(len(block), dtype=bool)
            if separable:
                keep = matching_rows(block.select(list(filters)).to_pandas(), filters)
                examples -= _keep_first_others(keep, examples)
                _keep_missing(block, keep, without_value)
            if keep.any():
                kept.append(block.filter(pa.array(keep)))
                bytes_kept += kept[-1].nbytes + 8 * len(kept[-1])  # and the positions
                positions.append(np.flatnonzero(keep) + size)
            size += len(block)
            _check_kept(packed, bytes_kept + sum(one.nbytes for one in counts.values()))
        self._examples = examples
        table = pa.Table.from_batches(kept, schema)
        return SelectedRows(table, np.concatenate(positions), size, {name: one.table() for name, one in counts.items()})


class Select(Protocol):
    """Selects rows of the blocks of a file; ``packed`` is the name of a file that is larger when it is unpacked."""

    def __call__(self, blocks: Iterable[pa.RecordBatch], schema: pa.Schema, packed: str = "") -> SelectedRows:
        """Return the rows to keep."""
        ...


class _ValueCounts:
    """Counts the values of a column; memory grows with the different values, not with the rows."""

    def __init__(self, column: pa.Field) -> None:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        self._merged = pa.table({"value": pa.array([], kind), _COUNT: pa.array([], pa.int64())})
        self._parts: list[pa.Table] = []
        self._waiting = self.nbytes = 0

    def add(self, column: pa.Array) -> None:
        """Count the values of a block."""
        values = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        found = pc.value_counts(values)
        self._parts.append(pa.table({"value": found.field("values"), _COUNT: found.field("counts")}))
        self._waiting += len(found)
        self.nbytes += found.nbytes
        if self._waiting > max(_MERGE_FROM, self._merged.num_rows):  # so that each value is merged few times
            self.table()

    def table(self) -> pa.Table:
        """Return each value once, in the order of the rows, with its number of rows."""
        found = pa.concat_tables([self._merged, *self._parts])
        if self._parts:
            grouped = found.group_by("value", use_threads=False).aggregate([(_COUNT, "sum")])
            found = grouped.rename_columns({f"{_COUNT}_sum": _COUNT})
        self._merged, self._parts, self._waiting, self.nbytes = found, [], 0, found.nbytes
        return found


def counted_values(parts: Sequence[pa.Table]) -> CountedValues:
    """Return the counted values of a column in several files; as a whole column they would have the same type."""
    values = pd.concat([part.column("value").to_pandas() for part in parts], ignore_index=True)
    return CountedValues(values, np.concatenate([part.column(_COUNT).to_numpy() for part in parts]))


def _check_kept(packed: str, size: int) -> None:
    if packed and size > parquet_file.MAX_BYTES:
        msg = (
            f"{packed}: the rows that match data.filters, and the labels that are counted in all rows, need more than "
            f"{parquet_file.MAX_BYTES / (1 << 30):g} GiB of memory. Narrow data.filters, split the file, or check "
            "where it comes from."
        )
        raise InputError(msg)


def _reads_alike(kind: pa.DataType) -> bool:
    """Return whether a value is the same text in each block; times lose their hours where all hours are zero."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(one(kind) for one in (pa.types.is_string, pa.types.is_large_string, pa.types.is_floating, _is_whole))


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _keep_first_others(keep: npt.NDArray[np.bool_], count: int) -> int:
    """Keep the first rows that do not match, and return how many."""
    others = np.flatnonzero(~keep)[:count]
    keep[others] = True
    return len(others)


def _keep_missing(block: pa.RecordBatch, keep: npt.NDArray[np.bool_], found: set[str]) -> None:
    """Keep the first row without a value of each column whose type in pandas depends on it."""
    for name in block.schema.names:
        column = block.column(name)
        if _is_whole(column.type) and name not in found and column.null_count:
            found.add(name)
            keep[int(pc.index(column.is_null(), True).as_py())] = True
