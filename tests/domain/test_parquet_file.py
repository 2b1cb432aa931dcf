import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ilp_models.domain import parquet_file
from ilp_models.domain.errors import InputError
from ilp_models.domain.parquet_file import column_blocks, open_parquet, read_columns

TABLE = pa.table({"text": ["a" * 50] * 1000, "number": list(range(1000))}).replace_schema_metadata({"program": "x"})


@pytest.fixture
def path(tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_columns_come_without_the_metadata_of_the_writer(path):
    with open_parquet(path) as parquet:
        table = read_columns(parquet, ["number"])
        assert read_columns(parquet).column_names == ["text", "number"]
    assert table.schema.metadata is None
    assert table["number"].to_pylist() == list(range(1000))


def test_blocks_add_up_to_the_columns(path, monkeypatch):
    monkeypatch.setattr(parquet_file, "_BATCH_ROWS", 300)
    with open_parquet(path) as parquet:
        blocks, schema = column_blocks(parquet, ["number"])
        found = list(blocks)
    assert schema.names == ["number"]
    assert [len(block) for block in found] == [300, 300, 300, 100]
    assert pa.Table.from_batches(found)["number"].to_pylist() == list(range(1000))


def test_only_the_wanted_columns_must_fit_into_memory(path, monkeypatch):
    monkeypatch.setattr(parquet_file, "MAX_BYTES", 40_000)  # 1,000 texts of 50 letters need more
    with open_parquet(path, ["number"]) as parquet:
        assert parquet.metadata.num_rows == 1000
    for columns in (["text"], None):
        with pytest.raises(InputError, match=r"a.parquet needs .* GiB of memory when it is unpacked"):
            open_parquet(path, columns)
