import codecs
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyproj
import pytest
from pyarrow import csv as pa_csv

from ilp_models.domain.aggregate import area_table
from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.text_output import csv_marks
from ilp_models.export import csv_tables
from ilp_models.export.csv_tables import write_areas
from ilp_models.export.marking import mark
from ilp_models.export.writers import Export
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

GRID = square_grid()


def written(folder, grade="research", types=("Assault", "=1+1")):
    forecast = forecast_on(GRID, types=types)
    marking = mark(forecast, provenance_of(forecast), decision_on(forecast), grade)
    return write_areas(area_table(forecast, GRID), marking, folder), forecast


def test_area_totals_are_marked_in_each_row_and_have_a_facts_file(tmp_path):
    paths, forecast = written(tmp_path)
    assert [path.name for path in paths] == ["areas.csv", "areas.csv.json"]
    table = pd.read_csv(paths[0])
    assert set(table["grade"]) == {"research"}
    assert len(set(table["decision"])) == 1
    assert table["caveat"].dropna().tolist() == [SCOPE]
    assert "'=1+1" in set(table["crime_type"])
    facts = json.loads(paths[1].read_text(encoding="utf-8"))
    assert facts["forecast"] == forecast.digest()
    assert facts["units"].startswith("expected and q05 to q95: crimes per area and period")


def test_missing_quantiles_of_areas_are_empty(tmp_path):
    written(tmp_path)
    lines = (tmp_path / "areas.csv").read_text(encoding="utf-8").splitlines()
    assert ",,,,,," in lines[1]
    assert pd.read_csv(tmp_path / "areas.csv")[["q05", "q50", "q95"]].isna().all(axis=None)


def test_area_totals_have_the_grade_of_the_forecast(tmp_path):
    written(tmp_path, "allocation")
    assert set(pd.read_csv(tmp_path / "areas.csv")["grade"]) == {"allocation"}


def test_a_failed_write_leaves_the_old_files(tmp_path, monkeypatch):
    written(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv_tables, "facts_path", fail)
    with pytest.raises(StorageError, match=r"^areas\.csv was not written to .* \(No space left on device\)"):
        written(tmp_path, types=("Assault", "Robbery"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_csv_has_centres_and_marks_in_each_row(tmp_path):
    forecast = forecast_on(GRID, types=("Assault", 'Break, "Enter" <b>'))
    path = Export(("csv",)).write(forecast, GRID, provenance_of(forecast), None, tmp_path)[0]
    table = pd.read_csv(path)
    assert list(table.columns) == (
        [
            "cell",
            "area",
            "crime_type",
            "period",
            "start",
            "end",
            "expected",
            "q05",
            "q25",
            "q50",
            "q75",
            "q95",
            "rank",
            "share",
            "lat",
            "lon",
            "grade",
            "decision",
            "caveat",
        ]
    )
    longitude, latitude = pyproj.Transformer.from_crs("EPSG:32617", "EPSG:4326", always_xy=True).transform(
        630_250.0, 4_834_250.0
    )
    assert table.loc[0, "lat"] == pytest.approx(latitude, abs=1e-6)
    assert table.loc[0, "lon"] == pytest.approx(longitude, abs=1e-6)
    assert set(table["grade"]) == {"research"}
    assert set(table["decision"]) == {"none"}
    assert table["caveat"].dropna().tolist() == [SCOPE]  # once, and in the first row
    assert table["caveat"][0] == SCOPE
    np.testing.assert_allclose(table["expected"], forecast.expected.values.ravel(), rtol=1e-5)
    facts = json.loads((tmp_path / "grid.csv.json").read_text(encoding="utf-8"))
    assert facts["caveat"] == CAVEAT
    assert facts["attribution"].endswith("Ontario.")


def test_labels_are_not_formulas_in_a_spreadsheet(tmp_path):
    grid = square_grid()
    names = ["=HYPERLINK(1)", "+A2", "-B3", "@SUM(A1)"] * 3
    grid = replace(grid, parents=pd.DataFrame({"beat": names}))
    forecast = forecast_on(grid, types=("=1+1",))
    Export(("csv", "geojson")).write(forecast, grid, provenance_of(forecast), None, tmp_path)
    table = pd.read_csv(tmp_path / "grid.csv")
    assert table["area"].unique().tolist() == [f"'{name}" for name in names[:4]]
    assert set(table["crime_type"]) == {"'=1+1"}
    features = json.loads((tmp_path / "grid.geojson").read_text())["features"]
    assert features[0]["properties"]["area"] == names[0]


def test_files_start_with_a_byte_order_mark_that_readers_skip(tmp_path):
    grid = replace(GRID, parents=pd.DataFrame({"beat": ["Montréal"] * 12}))
    forecast = forecast_on(grid)
    path = Export(("csv",)).write(forecast, grid, provenance_of(forecast), None, tmp_path)[0]
    assert path.read_bytes().startswith(codecs.BOM_UTF8 + b"cell,area,")
    table = pd.read_csv(path)
    assert table.columns[0] == "cell"
    assert set(table["area"]) == {"Montréal"}
    assert pa_csv.read_csv(path).column_names[0] == "cell"
    assert csv_marks(path) == (".", ",")


def test_a_decimal_comma_separates_columns_by_semicolons(tmp_path):
    forecast = forecast_on(GRID, types=("Assault, armed; B",))
    export = Export(("csv",), decimal="comma")
    path = export.write(forecast, GRID, provenance_of(forecast), None, tmp_path)[0]
    assert csv_marks(path) == (",", ";")
    table = pd.read_csv(path, sep=";", decimal=",")
    assert table["expected"].dtype == float
    np.testing.assert_allclose(table["expected"], forecast.expected.values.ravel(), rtol=1e-5)
    np.testing.assert_allclose(table["lat"], 43.65, atol=0.02)
    assert set(table["crime_type"]) == {"Assault, armed; B"}
    assert set(table["grade"]) == {"research"}
    marking = replace(mark(forecast, provenance_of(forecast), None, "research"), decimal="comma")
    areas = write_areas(area_table(forecast, GRID), marking, tmp_path)[0]
    again = pd.read_csv(areas, sep=";", decimal=",")
    assert again["expected"].sum() == pytest.approx(2 * forecast.expected.values.sum(), rel=1e-5)


def test_an_unknown_decimal_mark_is_an_error():
    with pytest.raises(InputError, match=r"export.decimal=',' is unknown. Choose one of point, comma."):
        Export(("csv",), decimal=",")
