"""Open Parquet files whose content fits in a declared memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ilp_models.domain.errors import InputError

MAX_BYTES: Final = 4 << 30  # of the columns that are read, as Arrow holds them
_WIDTHS: Final = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12, "BYTE_ARRAY": 4}
_TEXT: Final = "BYTE_ARRAY"
_BATCH_ROWS: Final = 1 << 16


def open_parquet(path: Path, columns: Sequence[str] | None = None, *, in_blocks: bool = False) -> pq.ParquetFile:
    """Return an open Parquet file; InputError if its columns would need more memory than `MAX_BYTES`.

    A few kilobytes can declare billions of rows, or repeat one long text in every row. The metadata are checked first.
    Texts are then measured through their dictionary, so that none is repeated. Of a file that is read in blocks each
    row group, and each block of texts, may need as much.
    """
    parquet = pq.ParquetFile(path, memory_map=False)
    try:
        sizes = _declared_bytes(parquet, columns)
        _check_size(path, max(sizes, default=0) if in_blocks else sum(sizes))
        texts = _plain_texts(parquet, columns)
        if texts:
            _check_size(path, _text_bytes(path, texts, in_blocks=in_blocks))
    except BaseException:
        parquet.close()
        raise
    return parquet


def read_columns(parquet: pq.ParquetFile, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the columns of an open file, checked value by value and without the metadata of the program that wrote it.

    Damage that Arrow notices late, or pandas on conversion, is an ArrowException here.
    """
    table = parquet.read(columns=None if columns is None else list(columns)).replace_schema_metadata(None)
    table.validate(full=True)
    return table


def column_blocks(parquet: pq.ParquetFile, columns: Sequence[str]) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
    """Return the columns of an open file in blocks that are checked as in `read_columns`, and their schema."""
    schema = pa.schema([parquet.schema_arrow.field(column) for column in columns])

    def blocks() -> Iterator[pa.RecordBatch]:
        for block in parquet.iter_batches(_BATCH_ROWS, columns=list(columns)):
            block.validate(full=True)
            yield block.replace_schema_metadata(None)

    return blocks(), schema


def _check_size(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        msg = (
            f"{path.name} needs {size / (1 << 30):,.1f} GiB of memory when it is unpacked; the limit is "
            f"{MAX_BYTES / (1 << 30):g} GiB. Split the file, or check where it comes from."
        )
        raise InputError(msg)


def _declared_bytes(parquet: pq.ParquetFile, columns: Sequence[str] | None) -> list[int]:
    """Return for each row group the larger of unpacked pages and decoded values, as the metadata declare them."""
    metadata, schema, sizes = parquet.metadata, parquet.schema, []
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        size = 0
        for at in range(group.num_columns):
            chunk, kind = group.column(at), schema.column(at)
            if columns is None or chunk.path_in_schema.partition(".")[0] in columns:
                width = _WIDTHS.get(kind.physical_type, kind.length)
                size += max(chunk.total_uncompressed_size, chunk.num_values * width, 0)
        sizes.append(max(int(size), int(group.num_rows)))
    return sizes


def _plain_texts(parquet: pq.ParquetFile, columns: Sequence[str] | None) -> list[str]:
    """Return the columns of text or bytes that Arrow would hold without a dictionary."""
    stored = [parquet.schema.column(at) for at in range(len(parquet.schema))]
    kinds = {column.path: column.physical_type for column in stored}
    return [
        field.name
        for field in parquet.schema_arrow
        if kinds.get(field.name) == _TEXT
        and not pa.types.is_dictionary(field.type)
        and (columns is None or field.name in columns)
    ]


def _text_bytes(path: Path, names: Sequence[str], *, in_blocks: bool) -> int:
    """Return the decoded size of text columns, or of their largest block; stops at the limit."""
    total = largest = 0
    with pq.ParquetFile(path, read_dictionary=list(names)) as parquet:
        for batch in parquet.iter_batches(_BATCH_ROWS, columns=list(names), use_threads=False):
            size = 0
            for column in batch.columns:
                if pa.types.is_dictionary(column.type):
                    lengths = pc.binary_length(column.dictionary)
                    size += pc.sum(pc.take(lengths, column.indices).cast(pa.int64())).as_py() or 0
                else:
                    size += column.nbytes
            total, largest = total + size, max(largest, size)
            if (largest if in_blocks else total) > MAX_BYTES:
                break
    return largest if in_blocks else total
