import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.repeats import equal_to_earlier
from ilp_models.domain.intake import IntakeError
from tests.data.csv_records import COLUMNS, HEADER, rows, text

ROWS = rows(200)


def read(folder, files, **changes):
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    settings = {"path": str(folder), "columns": COLUMNS, "time_zone": "America/Toronto", **changes}
    return DelimitedFiles(**settings).read()


def as_day_first(lines):
    return [f"{line[8:10]}/{line[5:7]}/{line[:4]} {line[11:]}" for line in lines]


SAME = {
    "the same file twice": text(ROWS),
    "compressed": None,
    "in another order": text(ROWS[::-1]),
    "with blanks and capitals": text([line.replace(",Theft,", ", THEFT ,") for line in ROWS]),
    "with more digits": text([line.replace(",-79.4", ",-79.4000").replace(",B", "0,B") for line in ROWS[::5]]),
    "with other dates": text(as_day_first(ROWS)),
    "with seconds": text([f"{line[:16]}:00{line[16:]}" for line in ROWS]),
    "as tab separated text": text(ROWS).replace(",", "\t"),
    "a tenth of it": text(ROWS[:20]),
    "a tenth of it and new records": text([*ROWS[:20], *rows(180, "2022-01-04T10:30")]),
}


@pytest.mark.parametrize("name", SAME)
def test_overlapping_exports_stop_the_run_and_are_named(tmp_path, name):
    again = SAME[name]
    other = ("x (1).csv.gz", gzip.compress(text(ROWS).encode())) if again is None else ("x (1).csv", again)
    with pytest.raises(IntakeError, match=r"x.* and .*x.* have \d+ equal records, \d+\.\d% of the smaller") as caught:
        read(tmp_path, {"x.csv": text(ROWS), other[0]: other[1]}, time_formats=["ISO8601", "%d/%m/%Y %H:%M"])
    assert "x (1).csv" in str(caught.value)
    assert "data.duplicates=drop" in str(caught.value)


def test_records_that_were_numbered_again_stop_the_run(tmp_path):
    lines = {name: [f"{line},{start + at}" for at, line in enumerate(ROWS)] for name, start in (("a", 0), ("b", 9000))}
    files = {f"{name}.csv": text(one, f"{HEADER},id") for name, one in lines.items()}
    with pytest.raises(IntakeError, match=r"200 equal records, 100\.0%"):
        read(tmp_path, files, record_columns=["id"])


def test_dropped_duplicates_make_overlapping_exports_one(tmp_path):
    events = read(tmp_path, {"x.csv": text(ROWS), "x (1).csv": text(ROWS)}, duplicates="drop")
    assert len(events) == 200


def test_files_with_few_equal_records_are_read(tmp_path):
    first, second = rows(200), [*rows(196, "2022-01-04T10:30"), *ROWS[:4]]
    assert len(read(tmp_path, {"a.csv": text(first), "b.csv": text(second)})) == 400


def test_files_of_different_areas_labels_or_cases_are_read(tmp_path):
    other = [line.replace(",Theft,", ",Robbery,") for line in ROWS]
    north = [line.replace(",43.", ",42.") for line in ROWS]
    files = {"theft.csv": text(ROWS), "robbery.csv": text(other), "north.csv": text(north)}
    assert len(read(tmp_path, files)) == 600


def test_repeats_inside_one_file_are_only_flagged(tmp_path):
    events = read(tmp_path, {"x.csv": text([*ROWS, *ROWS[:40]]), "y.csv": text(rows(50, "2022-01-04T10:30"))})
    (finding,) = [one for one in events.intake.findings if one.rule == "exact duplicates"]
    assert finding.count == 40


def test_one_copy_of_three_is_found_among_many_files(tmp_path):
    files = {f"{month:02}.csv": text(rows(60, f"2021-{month:02}-01T00:30")) for month in range(1, 13)}
    assert len(read(tmp_path, files)) == 720
    with pytest.raises(IntakeError, match=r"05\.csv and .*13\.csv have 60 equal records, 100\.0%"):
        read(tmp_path, {"13.csv": files["05.csv"]})
    assert pd.Series(files).nunique() == 12


cell = st.sampled_from(["1", "1.0", "2", "a", None])


@settings(max_examples=50)
@given(st.lists(st.tuples(cell, cell, st.sampled_from([0.0, 1.5, None]), st.booleans()), max_size=25))
def test_equal_rows_are_those_that_pandas_calls_duplicated(lines):
    table = pd.DataFrame(lines, columns=["a", "b", "c", "in"])
    rows = np.flatnonzero(table.pop("in"))
    parsed = [pd.to_numeric(table[name], errors="coerce").to_numpy(float) for name in ("a", "b")]
    expected = rows[table.iloc[rows].duplicated().to_numpy()]
    assert equal_to_earlier(table, rows, parsed).tolist() == expected.tolist()
