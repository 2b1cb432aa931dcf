import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.data import reader
from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.file_format import find_files
from ilp_models.data.reader import read_records
from ilp_models.data.row_blocks import BlockFilter, RowSelection, counted_values
from ilp_models.domain import parquet_file
from ilp_models.domain.errors import InputError
from tests.data.csv_records import COLUMNS, HEADER, rows, text

FORCE = {"filters": {"force": ["x"]}}
RAGGED = "2021-01-05,Theft"
ODD = [
    ",Theft,43.65,-79.40,B0,7,x",
    "2021-01-05 01:00,,43.65,-79.40,B0,7,X",
    "2021-01-05 01:00,Arson,43.65,-79.40,,,y",
    "2021-01-05 01:00,theft,0,0,B0,7,x",
    "05/01/2021,Theft,43.65,-79.40,B0,,",
    "2021-01-05 01:00,Theft,43.65,-79.40,416-555-0101,7,y",
    RAGGED,
]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(reader, "_BLOCK_BYTES", 128)
    monkeypatch.setattr(parquet_file, "_BATCH_ROWS", 3)


def outcome(path, **changes):
    """Return all that a caller sees of a reading: events, report and digest, or the error."""
    source = DelimitedFiles(**{"path": path, "columns": COLUMNS, "time_zone": "America/Toronto", **changes})
    try:
        events = source.read()
    except InputError as error:
        report = getattr(error, "report", None)
        return type(error), str(error), report and report.to_dict()
    return events.table.to_csv(), events.digest(), events.declared_types, json.dumps(events.intake.to_dict())


def both(path, folder, **changes):
    """Return the outcome of dropping rows while reading, and that of keeping them all for the rejects."""
    return outcome(path, **changes), outcome(path, **changes, rejects=str(folder / "rejects.csv"))


forces = st.lists(st.sampled_from(["x", "y", " X", "z", ""]), min_size=12, max_size=60)
odd = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(ODD)), max_size=8)


@pytest.mark.slow
@settings(max_examples=20)
@given(
    files=st.lists(st.tuples(forces, odd, st.booleans()), min_size=1, max_size=3),
    changes=st.fixed_dictionaries(
        {"filters": st.sampled_from([{"force": ["x"]}, {"force": ["x", "z"], "number": [7, 8]}, {"number": ["7"]}])},
        optional={
            "time_formats": st.just(["ISO8601", "%d/%m/%Y"]),
            "crime_types": st.just({"Theft": "Theft", "Arson": None}),
            "record_columns": st.just(["number"]),
            "max_rejected_share": st.just(1.0),
        },
    ),
)
def test_rows_that_are_dropped_while_reading_change_nothing(tmp_path_factory, files, changes):
    folder = tmp_path_factory.mktemp("files")
    for at, (labels, others, as_parquet) in enumerate(files):
        start = f"2021-01-{4 + at:02d}T00:30"
        lines = [
            f"{line},{i % 9},{one}" for i, (line, one) in enumerate(zip(rows(len(labels), start), labels, strict=True))
        ]
        for place, line in others:
            lines.insert(place, line)
        if as_parquet:
            table = pd.DataFrame([line.split(",") for line in lines if line != RAGGED]).replace("", None)
            table.columns = [*HEADER.split(","), "number", "force"]
            table = table.astype({"number": "Int64", "lat": float, "lon": float})
            table.to_parquet(folder / f"{at}.parquet", row_group_size=7)
        else:
            (folder / f"{at}.csv").write_text(text(lines, f"{HEADER},number,force"))
    dropped, whole = both(str(folder), folder, **changes)
    assert dropped == whole


def test_rows_leave_memory_and_keep_their_numbers(tmp_path):
    lines = [*(f"{n},y" for n in range(1, 90)), "90", "91,x", "92", "93,y", *(f"{n},x" for n in range(94, 99))]
    (tmp_path / "a.csv").write_text(text(lines, "n,force"))
    files = find_files(str(tmp_path / "a.csv"), None)
    records = read_records(files, ("n", "force"), selection=RowSelection(FORCE["filters"], ("force",)))
    assert records.table["n"].tolist() == ["1", "2", "3", "4", "5", "91", "94", "95", "96", "97", "98"]
    assert records.number.tolist() == [1, 2, 3, 4, 5, 91, 94, 95, 96, 97, 98]
    assert records.dropped == 85
    assert records.ragged == ("a.csv record 90", "a.csv record 92")
    labels = records.all_values("force")
    assert dict(zip(labels.values, labels.rows, strict=True)) == {"y": 90, "x": 6}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("beat", "416-555-{:04d}", "'beat' .* holds what looks like phone numbers"),
        ("beat", "someone{}@example.org", "'beat' .* holds what looks like e-mail addresses"),
        ("what", "Smith, John {}", "'what' .* holds what looks like personal names"),
        ("what", "19{:02d}", "'what' .* holds what looks like years of birth"),
    ],
)
def test_personal_data_of_rows_that_are_dropped_is_refused(source, tmp_path, column, value, message):
    table = pd.DataFrame([line.split(",") for line in rows(200)], columns=HEADER.split(","))
    table[column] = [value.format(chr(65 + i % 26) if "John" in value else i % 100) for i in range(200)]
    good = pd.DataFrame([line.split(",") for line in rows(20)], columns=HEADER.split(","))
    table = pd.concat([good.assign(force="x"), table.assign(force="y")])
    made = source(table.to_csv(index=False), **FORCE)
    with pytest.raises(InputError, match=message):
        made.read()
    dropped, whole = both(made.path, tmp_path, **FORCE)
    assert dropped == whole


def test_rejects_list_the_rows_that_are_dropped_otherwise(source, tmp_path):
    lines = [f"{line},{'xy'[i % 3 > 0]}" for i, line in enumerate(rows(60))]
    source(text(lines, f"{HEADER},force"), **FORCE, rejects=str(tmp_path / "rejects.csv")).read()
    listed = pd.read_csv(tmp_path / "rejects.csv")
    assert set(listed["rule"]) == {"does not match data.filters"}
    assert listed["record"].tolist() == [number for number in range(1, 61) if number % 3 != 1]


def test_areas_outside_the_list_are_counted_in_rows_that_are_dropped(source, tmp_path):
    (tmp_path / "areas.txt").write_text("B0\nB1\nB2\n")
    lines = [f"{line},x" for line in rows(30)] + [f"{line},y".replace(",B", ",C") for line in rows(40)]
    made = source(text(lines, f"{HEADER},force"), **FORCE, area_list=str(tmp_path / "areas.txt"))
    with pytest.raises(InputError, match="3 labels of 40 records"):
        made.read()


def test_contradicting_dates_of_rows_that_are_dropped_stop_the_run(source, tmp_path):
    dates = pd.date_range("2021-01-01", periods=300)
    days = [*dates.strftime("%d/%m/%Y"), *dates.strftime("%m/%d/%Y")]
    lines = [f"{line},x" for line in rows(30)]
    lines += [f"{day},Theft,43.65,-79.4,B0,y" for day in days]
    changes = {**FORCE, "time_formats": ["ISO8601", "%d/%m/%Y", "%m/%d/%Y"]}
    dropped, whole = both(source(text(lines, f"{HEADER},force")).path, tmp_path, **changes)
    assert dropped == whole
    assert "as different dates" in dropped[1]


def test_filters_on_times_are_left_to_the_whole_column():
    """Midnights print without hours in a block of midnights only, so blocks would disagree."""
    table = pa.table({"day": pa.array([0, 86400, 3600], pa.timestamp("s"))})
    found = BlockFilter(RowSelection({"day": ["1970-01-01 00:00:00"]}, ()))(table.to_batches(2), table.schema)
    assert found.position.tolist() == [0, 1, 2]


def test_values_are_counted_once_whatever_the_type_and_the_blocks(monkeypatch):
    monkeypatch.setattr("ilp_models.data.row_blocks._MERGE_FROM", 2)
    texts = pa.array(["b", "a", None, "b", "c", "a"])
    for column in (pa.array([3, 1, None, 3, 2, 1]), texts, texts.dictionary_encode(), pa.nulls(6)):
        table = pa.table({"a": column, "f": ["x"] * 6})
        select = BlockFilter(RowSelection({"f": ["x"]}, ("a",)))
        found = counted_values([select(table.to_batches(2), table.schema).counted["a"]])
        expected = pd.Series(column.to_pandas()).astype("object").value_counts(dropna=False, sort=False)
        assert found.values.astype(object).fillna("-").tolist() == expected.index.astype(object).fillna("-").tolist()
        assert np.array_equal(found.rows, expected.to_numpy())


def test_a_damaged_later_block_is_an_error_of_the_file(tmp_path):
    pq.write_table(pa.table({"a": [f"{n}" * 20 for n in range(4000)], "f": ["x"] * 4000}), tmp_path / "a.parquet")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[len(content) // 3 : len(content) // 3 + 2000] = bytes(2000)
    (tmp_path / "a.parquet").write_bytes(content)
    selection = RowSelection({"f": ["x"]}, ())
    with pytest.raises(InputError, match="not a Parquet file, or damaged"):
        read_records(find_files(str(tmp_path / "a.parquet"), None), ("a", "f"), selection=selection)
