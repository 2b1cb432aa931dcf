import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.model.regressions.training_sample import TrainingSample


def sample_of(rows=6, jurisdiction="north", **changes):
    """Return a sample of two features, two crime types and two leads."""
    rng = np.random.default_rng(3)
    settings = {
        "cutoff": pd.Timestamp("2020-01-06"),
        "period_unit": "week",
        "columns": ("mean_4", "lead"),  # a feature may have the name of another column
        "crime_types": ("robbery", "theft"),
        "values": rng.normal(size=(rows, 2)).astype(np.float32),
        "log_offset": rng.normal(size=rows).astype(np.float32),
        "target": rng.poisson(0.5, rows).astype(np.float32),
        "weight": rng.uniform(1, 5, rows).astype(np.float32),
        "crime_type": (np.arange(rows) % 2).astype(np.int16),
        "lead": (np.arange(rows) // 2 % 2 + 1).astype(np.int16),
    }
    return TrainingSample(jurisdiction, **(settings | changes))


def test_a_written_sample_is_read_as_it_was(tmp_path):
    sample = sample_of()
    head = sample.write(tmp_path / "one.parquet")
    again = TrainingSample.read(tmp_path / "one.parquet")
    assert again.head == head == sample.head
    for name in ("values", "log_offset", "target", "weight", "crime_type", "lead"):
        np.testing.assert_array_equal(getattr(again, name), getattr(sample, name))
        assert getattr(again, name).dtype == getattr(sample, name).dtype


def test_the_file_holds_numbers_and_no_places(tmp_path):
    sample_of().write(tmp_path / "one.parquet")
    table = pq.read_table(tmp_path / "one.parquet")
    features = ["feature:mean_4", "feature:lead"]
    assert table.column_names == [*features, "log_offset", "target", "weight", "crime_type", "lead"]
    assert {str(kind) for kind in table.schema.types} == {"float", "int16"}
    head = json.loads(table.schema.metadata[b"ilp_models.training_sample"])
    assert {key: head[key] for key in ("jurisdiction", "cutoff", "rows", "crime_types")} == {
        "jurisdiction": "north",
        "cutoff": "2020-01-06T00:00:00",
        "rows": 6,
        "crime_types": ["robbery", "theft"],
    }


@pytest.mark.parametrize("name", ["values", "log_offset", "target", "weight", "crime_type", "lead"])
def test_every_array_and_fact_belongs_to_the_digest(name):
    sample = sample_of()
    changed = getattr(sample, name).copy()
    changed[0] = 1 - changed[0] if name == "crime_type" else changed[0] + 1
    assert replace(sample, **{name: changed}).head.digest != sample.head.digest
    assert replace(sample, columns=("mean_4", "mean_8")).head.digest != sample.head.digest
    assert replace(sample, cutoff=pd.Timestamp("2020-01-13")).head.digest != sample.head.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"target": np.zeros(5, dtype=np.float32)},
        {"values": np.full((6, 2), np.nan, dtype=np.float32)},
        {"values": np.zeros((6, 3), dtype=np.float32)},
        {"weight": np.zeros(6, dtype=np.float32)},
        {"target": np.full(6, -1, dtype=np.float32)},
        {"crime_type": np.full(6, 2, dtype=np.int16)},
        {"lead": np.zeros(6, dtype=np.int16)},
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(changes):
    with pytest.raises(InputError, match=r"training sample of 'north' has rows of different lengths, missing values"):
        sample_of(**changes)


def test_a_changed_or_foreign_file_is_refused(tmp_path):
    path = tmp_path / "one.parquet"
    sample_of().write(path)
    table = pq.read_table(path)
    doubled = table.set_column(3, "target", [table["target"].to_numpy() + 1])
    pq.write_table(doubled, path)
    with pytest.raises(InputError, match=r"one\.parquet was changed after it was written: its digest differs"):
        TrainingSample.read(path)
    pq.write_table(table.replace_schema_metadata(None), path)
    with pytest.raises(InputError, match=r"one\.parquet is not a training sample .* Make it again with train_pooled"):
        TrainingSample.read(path)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"one\.parquet is not a training sample"):
        TrainingSample.read(path)
