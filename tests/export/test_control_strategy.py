import pandas as pd
import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.export.control_strategy import FILE, SHEET, write_control_strategy

TABLE = pd.DataFrame({"threat": ["Assault", "=1+1"], "pillar": ["prevention", "intelligence"], "owner": ["", ""]})
EVIDENCE = {"ranks": pd.DataFrame({"threat": ["Assault", "Robbery"], "rank": [1.23456, float("nan")]})}


def read(path, sheet, **reading):
    return pd.read_excel(path, sheet_name=sheet, engine="calamine", **reading)


def test_texts_stay_texts_and_fields_for_people_stay_empty(tmp_path):
    path = write_control_strategy(TABLE, ["Fill in\x1b the owner."], tmp_path)
    assert path == tmp_path / FILE
    table = read(path, SHEET)
    assert table["threat"].tolist() == ["Assault", "=1+1"]
    assert table["owner"].isna().all()
    (note,) = read(path, "how_to", header=None)[0]
    assert note.startswith("Fill in")
    assert "\x1b" not in note


def test_each_table_of_evidence_is_a_sheet_with_rounded_numbers(tmp_path):
    table = read(write_control_strategy(TABLE, [], tmp_path, EVIDENCE), "ranks")
    assert table["threat"].tolist() == ["Assault", "Robbery"]
    assert table["rank"].tolist()[0] == 1.2346
    assert table["rank"].isna().tolist() == [False, True]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"control_strategy\.xlsx was not written to .*missing"):
        write_control_strategy(TABLE, [], tmp_path / "missing")
