import resource

import pytest

from ilp_models.domain.errors import InputError, StorageError, WithheldError
from ilp_models.export import csv_tables
from ilp_models.export.reader import read_stored
from ilp_models.export.writers import FILE_NAMES, Export, graded_file_names
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

GRID = square_grid()
ALL = tuple(FILE_NAMES)


@pytest.fixture
def forecast():
    return forecast_on(GRID)


def names_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_file_names_in_a_run_folder(forecast, tmp_path):
    paths = Export(ALL).write(forecast, GRID, provenance_of(forecast), None, tmp_path / "new" / "run")
    expected = ["forecast.parquet", "grid.csv", "grid.csv.json", "grid.geojson", "grid.gpkg", "grid.qml", "grid.tif"]
    expected.append("grid.xlsx")
    assert [path.name for path in paths] == expected
    assert names_in(tmp_path / "new" / "run") == expected


def test_file_names_outside_a_run_include_the_grade():
    names = graded_file_names("research")
    assert all("research-only" in name for form, name in names.items() if form != "rocrate")
    assert names["rocrate"] == "ro-crate-metadata.json"  # the standard sets it
    assert not any("research" in name for name in graded_file_names("allocation").values())


def test_an_admitted_forecast_is_exported_for_allocation(forecast, tmp_path):
    decision = decision_on(forecast)
    export = Export(("csv",), grade="allocation")
    path = export.write(forecast, GRID, provenance_of(forecast), decision, tmp_path, graded_file_names("allocation"))[0]
    assert path.name == "grid-allocation.csv"
    assert ",allocation," in path.read_text(encoding="utf-8")
    assert "research" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("decided", [False, True])
def test_a_withheld_forecast_writes_nothing_for_allocation(forecast, tmp_path, decided):
    decision = decision_on(forecast, groups=()) if decided else None
    with pytest.raises(WithheldError):
        Export(ALL, grade="allocation").write(forecast, GRID, provenance_of(forecast), decision, tmp_path / "run")
    assert names_in(tmp_path) == []


def test_a_stored_forecast_can_be_exported_again(forecast, tmp_path):
    stored = Export(("parquet",)).write(forecast, GRID, provenance_of(forecast), None, tmp_path)[0]
    again, cells, provenance, _ = read_stored(stored)
    decision = decision_on(forecast)
    Export(("csv", "geotiff"), "allocation").write(again, cells, provenance, decision, tmp_path / "again")
    Export(("csv", "geotiff"), "allocation").write(forecast, GRID, provenance, decision, tmp_path / "first")
    for name in ("grid.csv", "grid.csv.json", "grid.tif"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_a_failed_write_leaves_the_old_files(forecast, tmp_path, monkeypatch):
    export = Export(("parquet", "csv"))
    export.write(forecast, GRID, provenance_of(forecast), None, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv_tables, "facts_path", fail)
    other = forecast_on(GRID, seed=1)
    with pytest.raises(StorageError, match="No space left on device"):
        export.write(other, GRID, provenance_of(other), None, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("form", ALL)
def test_a_full_disk_leaves_no_file(forecast, tmp_path, form):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(StorageError, match="The export to"):
            Export((form,)).write(forecast, GRID, provenance_of(forecast), None, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names_in(tmp_path) == []


def test_a_folder_that_is_a_file_is_an_error(forecast, tmp_path):
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(StorageError, match="choose another folder"):
        Export(("csv",)).write(forecast, GRID, provenance_of(forecast), None, tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"formats": ("shp",)}, "Choose from"),
        ({"formats": ()}, "Choose from"),
        ({"grade": "draft"}, "draft"),
    ],
)
def test_unknown_formats_and_grades_are_errors(settings, words):
    with pytest.raises(InputError, match=words):
        Export(**settings)


def test_a_grid_that_a_format_cannot_hold_is_an_error_before_it_is_made():
    Export(("csv",)).check_size(10**6, 10**7)
    Export(("xlsx",)).check_size(10**6, 10**6)
    with pytest.raises(InputError, match="GeoJSON is limited to 50000 cells"):
        Export(("csv", "geojson")).check_size(50_001, 50_001)
    with pytest.raises(InputError, match="An Excel sheet holds"):
        Export(("xlsx",)).check_size(10**6, 2 * 10**6)
