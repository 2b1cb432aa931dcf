import re
import zipfile
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.recent_counts import RecentCounts
from ilp_models.export import workbook
from ilp_models.export.table import CellTable
from ilp_models.export.workbook import MAX_ROWS, check_rows
from ilp_models.export.writers import Export
from tests.builders import city, forecast_on, history_of
from tests.export.decisions import decision_on, provenance_of

GRID = city()
COUNTS = np.broadcast_to(np.arange(60), (2, 12, 60))  # of each cell and type in week 0, 1, ...
SCORES = pd.DataFrame({"forecaster": ["ewma", "=1+1"], "skill": [0.25, np.inf], "n": [3, 4]})


def recent_counts(forecast):
    history = history_of(COUNTS, GRID)
    known = RecentCounts.from_history(history, history.calendar.next_periods(history.cutoff, 1))
    dated = {
        name: cube.assign_coords(period=forecast.periods) if "period" in cube.dims else cube
        for name, cube in known.counts.items()
    }
    return RecentCounts("week", known.last_period, dated)


def written(folder, grid=GRID, scores=SCORES, types=("a", "b"), **settings):
    forecast = forecast_on(grid, types=types)
    recent = recent_counts(forecast) if types == ("a", "b") else None
    places = CellTable.from_grid(grid, recent=recent)
    export = Export(("xlsx",), settings.pop("grade", "research"))
    decision = decision_on(forecast)
    (path,) = export.write(forecast, places, provenance_of(forecast), decision, folder, scores=scores)
    return path, forecast


def sheet(path, name):
    return pd.read_excel(path, sheet_name=name, engine="calamine", keep_default_na=False, na_values=[""])


def sheets(path):
    return list(pd.read_excel(path, sheet_name=None, engine="calamine"))


def test_the_grid_has_typed_cells_under_names_in_words(tmp_path):
    path, forecast = written(tmp_path)
    table = sheet(path, "grid")
    assert list(table.columns[:6]) == ["Cell", "Area", "Crime type", "First day", "Last day", "Expected crimes"]
    assert table["Cell"].tolist() == [*map(str, GRID.cells)] * 2
    np.testing.assert_allclose(table["Expected crimes"], forecast.expected.values.ravel(), rtol=1e-14)
    assert {day.date() for day in table["Last day"]} == {date(2022, 1, 9)}
    assert table["Rank"].dtype == np.int64
    assert set(table["Recorded in the last week"]) == {59}
    assert set(table["Grade"]) == {"research"}
    assert table["Latitude"][0] == pytest.approx(43.649841)


def test_areas_and_changes_by_hand(tmp_path):
    path, forecast = written(tmp_path)
    areas, change = sheet(path, "areas"), sheet(path, "change")
    assert areas["Area"].tolist() == ["(all)", "(all)", "West", "East", "West", "East"]
    whole = forecast.expected.sel(crime_type="a").values.sum()
    np.testing.assert_allclose(areas["Expected crimes"][0], whole)
    assert areas["Recorded in the last 4 weeks"].tolist() == [12 * (56 + 57 + 58 + 59)] * 2 + [6 * 230] * 4
    row = change.iloc[0]
    assert (row["Recorded in the last week"], row["Mean of the last 4 weeks"]) == (12 * 59, 12 * 230 / 4)
    np.testing.assert_allclose(row["Change from last week"], whole - 708)
    np.testing.assert_allclose(row["Change from last week in %"], whole / 708 - 1)
    np.testing.assert_allclose(row["Change from mean in %"], whole / 690 - 1)
    assert row["Recorded in the same week a year ago"] == 12 * int(COUNTS[0, 0, 60 - 52])
    assert change.columns.is_unique


def test_a_change_from_nothing_has_no_percentage(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.export.test_workbook.COUNTS", np.zeros((2, 12, 60), dtype=int))
    change = sheet(written(tmp_path)[0], "change")
    assert (change["Change from last week"] == change["Expected crimes"]).all()
    assert change["Change from last week in %"].isna().all()


def test_sheets_follow_what_is_known(tmp_path):
    assert sheets(written(tmp_path / "a")[0]) == ["grid", "areas", "change", "scores", "caveats"]
    assert sheets(written(tmp_path / "b", scores=None, types=("x", "y"))[0]) == ["grid", "areas", "caveats"]
    scores = sheet(tmp_path / "a" / "grid.xlsx", "scores")
    assert scores["Skill"].fillna(-1).tolist() == [0.25, -1]  # infinity has no cell


def test_a_grid_without_parent_areas_has_one_area(tmp_path):
    path, _ = written(tmp_path, replace(GRID, parents=pd.DataFrame()))
    assert set(sheet(path, "areas")["Area"]) == {"(all)"}


@pytest.mark.parametrize("grade", ["research", "allocation"])
def test_caveats_stand_once_with_grade_and_decision(tmp_path, grade):
    path, forecast = written(tmp_path, grade=grade)
    facts = sheet(path, "caveats").set_index("Fact")["Value"]
    assert facts["caveat"] == CAVEAT
    assert facts["grade"] == grade
    assert (facts["use"] == RESEARCH_ONLY) == (grade == "research")
    assert facts["decision"] == decision_on(forecast).short
    assert facts["forecast"] == forecast.digest()
    assert facts["column Last day"] == "Last day of the period"
    assert all(CAVEAT not in sheet(path, name).to_string() for name in ("grid", "areas", "change", "scores"))


def test_a_long_fact_continues_in_the_next_row(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "_LONGEST", 100)
    rows = sheet(written(tmp_path)[0], "caveats")
    parts = rows[rows["Fact"] == "caveat"]["Value"]
    assert len(parts) == -(-len(CAVEAT) // 100)
    raw = "".join(text.ljust(100) if len(text) < 100 and at < len(parts) - 1 else text for at, text in enumerate(parts))
    assert raw == CAVEAT


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=HYPERLINK(1)", "https://a.b", "0123"])
def test_text_is_text(tmp_path, label):
    path, _ = written(tmp_path, replace(GRID, parents=pd.DataFrame({"beat": [label] * 12})), types=(label, "b"))
    shown = label.replace("\t", "\\x09")
    table = pd.read_excel(path, sheet_name="grid", engine="calamine", dtype=str)
    assert set(table["Area"]) == {shown}
    assert table["Crime type"][0] == shown
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".xml")}
        assert not any("hyperlink" in name for name in archive.namelist())
    pages = [text for name, text in parts.items() if "worksheets/" in name]
    assert pages
    assert not any(re.search(r"<f[ >]|<hyperlink", text) for text in pages)


def test_headers_are_frozen_and_filtered(tmp_path):
    with zipfile.ZipFile(written(tmp_path)[0]) as archive:
        names = sorted(name for name in archive.namelist() if re.search(r"worksheets/sheet\d+\.xml", name))
        assert len(names) == 5
        for name in names:
            text = archive.read(name).decode()
            assert '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' in text
            assert "<autoFilter " in text
            assert "<cols><col " in text
            assert RESEARCH_ONLY in text  # on each printed page


def test_equal_input_gives_equal_bytes(tmp_path):
    one, other = (written(tmp_path / name)[0].read_bytes() for name in ("a", "b"))
    assert one == other


def test_a_sheet_holds_a_million_rows(tmp_path, monkeypatch):
    check_rows(MAX_ROWS - 1)
    with pytest.raises(InputError, match=r"holds 1,048,575 rows, and the grid has 1,048,576 .* Leave out xlsx"):
        check_rows(MAX_ROWS)
    monkeypatch.setattr(workbook, "MAX_ROWS", 24)
    with pytest.raises(InputError, match="holds 23 rows, and the grid has 24"):
        written(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_error(tmp_path, monkeypatch):
    def fail(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(StorageError, match="No space left on device"):
        written(tmp_path)
    assert list(tmp_path.iterdir()) == []
