"""What may leave as allocation grade, and what may not."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from ilp_models.domain.errors import InputError, StorageError, WithheldError
from ilp_models.export import marking
from ilp_models.export.reader import read_forecast
from ilp_models.pipeline import clock as present
from tests.audit.audit_inputs import GOVERNANCE
from tests.pipeline.small_city import LENIENT, copy_run, run_apart, run_task

FORMATS = "formats=[parquet,gpkg,geojson,csv,xlsx,geotiff]"


@pytest.fixture(autouse=True)
def _register(admitted, withheld, shelf, tmp_path):
    """Give each test a copy of the register that knows the admitted run."""
    shutil.copy(shelf / "register.jsonl", tmp_path)


def export(tmp_path, source, grade, *overrides):
    register = next(folder for folder in (tmp_path, tmp_path.parent) if (folder / "register.jsonl").exists())
    words = (f"source='{source}'", f"grade={grade}", f"register='{register}/register.jsonl'")
    return run_task("export", tmp_path, *words, *overrides)


def refused(tmp_path, source, error=WithheldError):
    """Return the line of a refusal that left nothing behind."""
    with pytest.raises(error) as raised:
        export(tmp_path, source, "allocation")
    assert [path for path in (tmp_path / "export").rglob("*") if path.is_file()] == []
    return str(raised.value)


def set_clock(monkeypatch, moment):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return moment.astimezone(tz)

    for module in (marking, present):
        monkeypatch.setattr(module, "datetime", Clock)


def test_an_admitted_forecast_leaves_for_allocation_with_its_decision(admitted, tmp_path):
    done = export(tmp_path, admitted.folder, "allocation", FORMATS)
    names = sorted(path.name for path in done.folder.iterdir())
    assert names == [
        *("forecast-allocation.parquet", "grid-allocation.csv", "grid-allocation.csv.json"),
        *("grid-allocation.geojson", "grid-allocation.gpkg", "grid-allocation.qml"),
        *("grid-allocation.tif", "grid-allocation.xlsx"),
    ]
    table = gpd.read_parquet(done.folder / "forecast-allocation.parquet")
    assert set(table["grade"]) == {"allocation"}
    original = gpd.read_parquet(admitted.folder / "forecast.parquet")
    pd.testing.assert_frame_equal(table.drop(columns=["grade"]), original.drop(columns=["grade"]))
    assert {"flagged", "last_week", "same_week_last_year"} <= {*table.columns}
    facts = json.loads((done.folder / "grid-allocation.csv.json").read_text())
    assert facts["valid_until"] == admitted.decision["valid_until"]
    assert facts["use"].startswith("admitted for resource allocation until ")
    for name in names:
        assert name in done.text


def test_documents_take_the_same_path_and_say_what_is_missing(admitted, withheld, tmp_path):
    done = export(tmp_path, admitted.folder, "allocation", "formats=[rocrate,atrs]")
    record = json.loads((done.folder / "atrs-allocation.json").read_text())
    assert record["record"]["appeals_and_review"] == GOVERNANCE["complaints"]
    assert record["record"]["model_type"].startswith("Forecaster lightgbm (LightGBM), recipe ")
    assert f"Transparency record: {record['required_filled']} required fields are filled." in done.text
    assert "missing: contact_email; state it with `contact_email` in the file of statements" in done.text
    crate = {one["@id"]: one for one in json.loads((done.folder / "ro-crate-metadata.json").read_text())["@graph"]}
    assert crate["forecast-allocation.parquet"]["conditionsOfAccess"].startswith("admitted for resource allocation")
    assert {"decision.json", "skill.csv", "summary.csv", "atrs-allocation.md"} <= {*crate}
    line = [json.loads(one) for one in (tmp_path / "register.jsonl").read_text().splitlines()][-1]
    assert {"ro-crate-metadata.json", "atrs-allocation.json"} <= {*line["content"]["files"]}
    with pytest.raises(WithheldError):
        export(tmp_path, withheld.folder, "allocation", "formats=[rocrate]")
    research = export(tmp_path, withheld.folder, "research", "formats=[rocrate]")
    assert "research only - not for resource" in (research.folder / "ro-crate-metadata.json").read_text()


def test_a_withheld_forecast_is_refused_for_allocation(withheld, tmp_path):
    line = refused(tmp_path, withheld.folder)
    assert line.startswith("The model is withheld from resource allocation: Skill against the baseline needs review")
    assert line.endswith("more in decision.json.")
    missing = [one for one in withheld.decision["obstacles"] if one["kind"] == "missing"]
    assert "audit.groups.path=FILE" in next(one["text"] for one in missing if one["check"] == "group_table")


@pytest.mark.parametrize("run", ["admitted", "withheld"])
def test_research_always_works_and_is_marked_on_its_face(run, request, tmp_path):
    done = export(tmp_path, request.getfixturevalue(run).folder, "research", FORMATS)
    marked = "research only - not for resource allocation"
    for path in done.folder.iterdir():
        assert "research-only" in path.name
    assert set(pd.read_csv(done.folder / "grid-research-only.csv")["grade"]) == {"research"}
    assert json.loads((done.folder / "grid-research-only.csv.json").read_text())["use"] == marked
    described = pyogrio.read_info(done.folder / "grid-research-only.gpkg", layer="assault")["layer_metadata"]
    assert marked in json.dumps(described)
    assert marked in (done.folder / "grid-research-only.geojson").read_text()
    facts = pd.read_excel(done.folder / "grid-research-only.xlsx", sheet_name="caveats", engine="calamine")
    assert dict(facts.to_numpy())["use"] == marked


def test_without_a_decision_there_is_no_allocation(admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    (place / "decision.json").unlink()
    assert "has no decision.json" in refused(tmp_path, place)
    assert "Exported as research" in export(tmp_path, place, "research").text


def test_a_forecast_of_the_task_forecast_is_research(tmp_path):
    done = run_task("forecast", tmp_path)
    assert "no audit was made" in done.text
    assert not (done.folder / "decision.json").exists()
    assert set(gpd.read_parquet(done.folder / "forecast.parquet")["grade"]) == {"research"}
    assert "Run the audit" in refused(tmp_path, done.folder)


def test_a_decision_covers_the_very_forecast_only(admitted, withheld, shelf, tmp_path):
    other = run_task("forecast", tmp_path, "model.lightgbm.n_estimators=21")
    place = copy_run(admitted, tmp_path / "run")
    shutil.copy(other.folder / "forecast.parquet", place)
    line = refused(tmp_path, place)
    assert f"not this one of recipe {read_forecast(place / 'forecast.parquet').recipe}" in line
    assert admitted.decision["recipe"] in line


def test_a_changed_forecast_is_noticed(admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    table = gpd.read_parquet(place / "forecast.parquet")
    table.assign(expected=table["expected"] * 2).to_parquet(place / "forecast.parquet")
    assert "Run the forecast again" in refused(tmp_path, place, StorageError)


@pytest.mark.parametrize(
    "edit",
    [
        {"admitted": True},
        {"admitted": True, "reasons": []},
        {"findings": []},
        {"valid_until": "2099-01-01T00:00:00+00:00"},
        {"recipe": "0" * 16},
        {"seal": "0" * 64},
    ],
)
def test_an_edited_decision_is_refused(edit, withheld, tmp_path):
    place = copy_run(withheld, tmp_path / "run")
    (place / "decision.json").write_text(json.dumps({**withheld.decision, **edit}))
    assert "run the audit again" in refused(tmp_path, place).lower()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}"])
def test_a_decision_that_is_none_is_refused(text, admitted, tmp_path):
    place = copy_run(admitted, tmp_path / "run")
    (place / "decision.json").write_text(text)
    assert "run the audit again" in refused(tmp_path, place).lower()


def test_a_decision_expires(admitted, tmp_path, monkeypatch):
    until = datetime.fromisoformat(admitted.decision["valid_until"])
    set_clock(monkeypatch, until - timedelta(seconds=1))
    assert "Exported as allocation" in export(tmp_path / "before", admitted.folder, "allocation").text
    set_clock(monkeypatch, until)
    assert "run the audit again" in refused(tmp_path, admitted.folder)
    set_clock(monkeypatch, until - timedelta(hours=1))  # back to before its end, but not past what was done since
    assert "before the last line of the register" in refused(tmp_path, admitted.folder)
    set_clock(monkeypatch, datetime(2020, 1, 1, tzinfo=UTC))
    assert "before the last line of the register" in refused(tmp_path, admitted.folder)


def test_a_folder_without_a_forecast_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match=r"has no forecast.parquet. Run `ilp weekly` first"):
        export(tmp_path, tmp_path / "nowhere", "research")


@pytest.mark.usefixtures("undrawn")
def test_the_admitted_run_is_not_admitted_under_the_limits_of_the_package(tmp_path, shelf):
    shipped = [line for line in LENIENT if "limits" not in line]
    done = run_apart("audit", tmp_path / "audited", shelf, *shipped)
    assert done.decision["admitted"] is False
    assert "deviance_skill" in done.text
