import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilp_models.data.file_format import SourceFile
from ilp_models.data.reader import RawRecords
from ilp_models.data.row_filter import RowFilter, open_private
from ilp_models.domain.errors import StorageError
from tests.data.csv_records import HEADER, rows, text


def test_rejects_are_written_with_their_rule_and_without_undeclared_columns(source, tmp_path):
    bad = ["2021-01-05,Theft,0,0,B0,40", "2020-01-05,Theft,43.65,-79.40,B0,40"]
    lines = [*(f"{line},30" for line in rows(20)), *bad]
    path = tmp_path / "deep" / "rejects.csv"
    source(text(lines, f"{HEADER},VIC_AGE"), start="2021-01-01", rejects=str(path)).read()
    rejects = pd.read_csv(path)
    assert rejects["rule"].tolist() == ["coordinates are zero", "before the start 2021-01-01"]
    assert rejects["action"].tolist() == ["set aside", "left out"]
    assert rejects["record"].tolist() == [21, 22]
    assert set(rejects.columns) == {"rule", "action", "file", "record", *HEADER.split(",")}


def test_rejects_that_cannot_be_written_are_a_storage_error(source, tmp_path):
    (tmp_path / "folder").touch()
    with pytest.raises(StorageError, match=r"data.rejects=.*cannot be written"):
        source(text(rows(5)), rejects=str(tmp_path / "folder" / "rejects.csv")).read()


def filter_of(*labels, ragged=(), dropped=0):
    """Return a filter of records with one column."""
    table = pd.DataFrame({"what": list(labels)})
    file, number = np.zeros(len(labels), dtype=np.int64), np.arange(1, len(labels) + 1)
    files = (SourceFile(Path("may.csv"), "may.csv"),)
    return RowFilter.from_records(RawRecords(table, files, file, number, ragged, (), (), dropped))


def test_only_the_first_rule_that_matches_counts():
    rows = filter_of("Theft", "Theft", "Arson", ragged=("may.csv record 9",))
    rows = rows.remove("one", "left out", np.array([True, False, False]), ["what"])
    rows = rows.remove("two", "set aside", np.array([True, True, False]), note="why")
    assert rows.remaining.tolist() == [False, False, True]
    assert rows.rows_read == 4
    found = [(one.rule, one.action, one.count, one.share, one.note) for one in rows.findings]
    assert found == [
        ("number of fields differs from the header", "set aside", 1, 0.25, ""),
        ("one", "left out", 1, 0.25, ""),
        ("two", "set aside", 1, 0.25, "why"),
    ]
    assert rows.findings[1].examples == ("may.csv record 1, what=AAAAA",)


def test_a_rule_without_a_row_leaves_no_finding():
    rows = filter_of("Theft")
    none = np.array([False])
    assert rows.remove("one", "left out", none) is rows
    assert rows.flag("one", none) is rows
    assert rows.flag_spelling("one", none, "what") is rows
    assert rows.remove_unmatched(none, ["what"]) is rows


def test_flagged_rows_remain_and_spellings_are_shown():
    rows = filter_of("THEFT", "Theft").flag_spelling("another spelling", np.array([True, False]), "what")
    assert rows.remaining.all()
    assert rows.findings[0].examples == ("may.csv record 1, what=THEFT",)


def test_rows_dropped_on_reading_count_as_unmatched():
    rows = filter_of("Theft", "Arson", dropped=8).remove_unmatched(np.array([False, True]), ["what"])
    assert (rows.findings[0].count, rows.findings[0].share) == (9, 0.9)


def test_a_private_file_replaces_a_link_and_only_its_owner_reads_it(tmp_path):
    (tmp_path / "other.csv").write_text("other")
    path = tmp_path / "rejects.csv"
    path.symlink_to(tmp_path / "other.csv")
    with open_private(path) as file:
        file.write("x")
    assert (tmp_path / "other.csv").read_text() == "other"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
