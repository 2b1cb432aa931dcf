import json

import pandas as pd
import pytest

from ilp_models.domain.aggregate import area_table
from ilp_models.domain.errors import StorageError
from ilp_models.export import delimited
from ilp_models.export.areas import write_areas
from ilp_models.export.marking import mark
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

GRID = square_grid()


def written(folder, grade="research", types=("Assault", "=1+1")):
    forecast = forecast_on(GRID, types=types)
    marking = mark(forecast, provenance_of(forecast), decision_on(forecast), grade)
    return write_areas(area_table(forecast, GRID), marking, folder), forecast


def test_the_table_has_its_marks_in_each_row_and_the_facts_beside_it(tmp_path):
    paths, forecast = written(tmp_path)
    assert [path.name for path in paths] == ["areas.csv", "areas.csv.json"]
    table = pd.read_csv(paths[0])
    assert set(table["grade"]) == {"research"}
    assert len(set(table["decision"])) == 1
    assert table["caveat"].str.len().min() > 10
    assert "'=1+1" in set(table["crime_type"])
    facts = json.loads(paths[1].read_text(encoding="utf-8"))
    assert facts["forecast"] == forecast.digest()
    assert facts["units"].startswith("expected and q05 to q95: events per area and period")


def test_quantiles_that_are_not_known_are_empty(tmp_path):
    written(tmp_path)
    lines = (tmp_path / "areas.csv").read_text(encoding="utf-8").splitlines()
    assert ",,,,,," in lines[1]
    assert pd.read_csv(tmp_path / "areas.csv")[["q05", "q50", "q95"]].isna().all(axis=None)


def test_an_admitted_forecast_has_its_grade_on_the_sums_too(tmp_path):
    written(tmp_path, "allocation")
    assert set(pd.read_csv(tmp_path / "areas.csv")["grade"]) == {"allocation"}


def test_a_failure_leaves_the_files_of_before(tmp_path, monkeypatch):
    written(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(delimited, "beside", fail)
    with pytest.raises(StorageError, match=r"^areas\.csv could not be written to .* \(No space left on device\)"):
        written(tmp_path, types=("Assault", "Robbery"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
