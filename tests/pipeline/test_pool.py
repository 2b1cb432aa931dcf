"""Jurisdictions contribute samples after their checks, and one model is trained on all samples known at each cutoff."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ilp_models.audit.audit import Audit
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.governance import Governance
from ilp_models.domain.region import JurisdictionResult, RunState
from ilp_models.domain.region_plan import RegionPlan
from ilp_models.grid.square import SquareGrid
from ilp_models.model.regressions.pool import PooledModel
from ilp_models.model.regressions.pooled import PooledLightGBM
from ilp_models.pipeline.contributions import read_contribution, train
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.pipeline.pool import run
from ilp_models.pipeline.region import finish_region, is_readable
from tests.audit.audit_inputs import GOVERNANCE

MODEL = PooledLightGBM(n_estimators=5, min_child_samples=100, young_periods=0, train_periods=40, holdout=8)
PLAN = RollingOrigin(test_periods=4, refit_every=4)


def city(seed, weeks=70, **kinds):
    types = kinds or {"burglary": SimulatedType(yearly=2500.0), "drug": SimulatedType(yearly=900.0)}
    return SimulatedCity(seed=seed, size_km=3, districts=3, weeks=weeks, crime_types=types)


def contribute(folder, source, **governance):
    """Run the task for one jurisdiction in a new folder, and return its result for a region."""
    folder.mkdir()
    audit = Audit(governance=replace(Governance(**GOVERNANCE), **governance))
    text = run(
        data=source,
        calendar=Calendar(),
        grid=SquareGrid(500),
        layers={},
        model={"pooled_lightgbm": MODEL},
        backtest=PLAN,
        audit=audit,
        folder=folder,
        jurisdiction=f"{folder.name}, SHA-256 0",
    )
    return JurisdictionResult(folder.name, RunState.DONE, str(folder)), text


def finish(results, model, folder):
    """Train on the samples of the results, as the task does, and return the lines for the terminal."""
    return train([read_contribution(one) for one in results], model, folder)


def facts_of(folder):
    return json.loads((folder / "contribution.json").read_text())


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    home = tmp_path_factory.mktemp("pool")
    tainted = [{"start": "2019-06-01", "end": "2019-07-01", "why": "unlawful stops"}]
    results = [
        contribute(home / "north", city(1))[0],
        contribute(home / "later", city(2, weeks=78))[0],
        contribute(home / "tainted", city(3), tainted_periods=tainted)[0],
        contribute(home / "open", city(4), legal_basis=None)[0],
        contribute(home / "drugs", city(5, drug=SimulatedType(yearly=2000.0)))[0],
        JurisdictionResult("failed", RunState.FAILED, "", "No records."),
    ]
    folder = home / "pooled"
    folder.mkdir()
    plan = RegionPlan([one.name for one in results])
    _, text = finish_region("county", "pool", plan, results, folder, {"pooled_lightgbm": MODEL})
    return home, results, folder, text.splitlines()


def test_each_jurisdiction_contributes_only_after_its_own_checks(region):
    home, _, _, lines = region
    assert "Contributes: north, later" in lines
    reasons = {name: facts_of(home / name)["left_out"] for name in ("tainted", "open", "drugs")}
    assert "2019-06-01 to 2019-07-01 are tainted (unlawful stops)" in reasons["tainted"]
    assert reasons["open"] == "governance: legal_basis is empty"
    assert "depend on where police patrol" in reasons["drugs"]
    for name, reason in reasons.items():
        assert f"Left out: {name}: {reason}" in lines
        assert not (home / name / "samples").exists()
    assert "Left out: failed: No records." in lines


def test_the_page_shows_who_contributes_how_many_records_and_who_does_not(region):
    _, results, folder, _ = region
    page = (folder / "region.html").read_text()
    rows = {
        one: page.split('id="pool-title"')[1].split(f'<th scope="row">{one}</th>')[1].split("</tr>")[0]
        for one in ("north", "open", "failed")
    }
    count = city(1).read().select_types(["burglary"])
    assert f">{len(count):,}</td>" in rows["north"]
    assert "Governance: legal_basis is empty." in rows["open"]
    assert "No records." in rows["failed"]
    assert "2 of 6 jurisdictions contribute to the pooled model. Left out: tainted, open, drugs, failed." in page
    assert is_readable(results[0])


def test_samples_stay_on_disk_until_a_model_is_trained(region):
    home, results, *_ = region
    found = read_contribution(results[0])
    assert [sample.path for sample in found.samples] == sorted((home / "north" / "samples").iterdir())


def test_types_that_depend_on_patrols_are_left_out(region):
    home, _, folder, _ = region
    assert facts_of(home / "north")["types_left_out"] == ["drug"]
    model = PooledModel.read(next(path for path in folder.iterdir() if path.is_dir()))
    assert model.crime_types == ("burglary",)


def test_a_model_knows_only_samples_of_its_cutoff_or_earlier(region):
    home, _, folder, _ = region
    models = sorted((PooledModel.read(path) for path in folder.iterdir() if path.is_dir()), key=lambda one: one.cutoff)
    cutoffs = {name: list(map(pd.Timestamp, facts_of(home / name)["cutoffs"])) for name in ("north", "later")}
    assert [one.cutoff for one in models] == sorted({*cutoffs["north"], *cutoffs["later"]})
    for model in models:
        heads = {head.jurisdiction: pd.Timestamp(head.cutoff) for head in model.jurisdictions}
        for name, known in cutoffs.items():
            earlier = [cutoff for cutoff in known if cutoff <= model.cutoff]
            assert heads.get(name) == (max(earlier) if earlier else None)
            assert (name in model.left_out) == (not earlier)
        assert {"tainted", "open", "drugs", "failed"} <= set(model.left_out)


def test_the_folder_is_the_pool_of_a_forecast(region):
    *_, folder, _ = region
    events = city(9).read().select_types(["burglary"])
    forecast = make_forecast(
        PooledLightGBM(**{**MODEL.get_params(deep=False), "pool": folder}), events, SquareGrid(500)
    )
    assert forecast.totals()["burglary"] > 0


def test_a_damaged_sample_leaves_a_jurisdiction_out(tmp_path):
    result, _ = contribute(tmp_path / "north", city(1))
    for path in (tmp_path / "north" / "samples").iterdir():
        path.write_bytes(path.read_bytes()[:900])
    lines = finish([result], {"pooled_lightgbm": MODEL}, tmp_path)
    assert "its samples cannot be read" in lines[1]
    assert lines[-1] == "No model was trained."
    assert not is_readable(result)  # so that the same command makes the sample again


def test_records_that_are_too_short_contribute_nothing(tmp_path):
    _, text = contribute(tmp_path / "young", city(1, weeks=8))
    assert text.startswith("young contributes nothing: ")


def test_a_contribution_from_elsewhere_is_not_followed(tmp_path):
    result, _ = contribute(tmp_path / "north", city(1))
    other = Path(result.folder, "contribution.json")
    facts = json.loads(other.read_text())
    other.write_text(json.dumps(facts | {"cutoffs": ["../../secret"]}))
    lines = finish([result], {"pooled_lightgbm": MODEL}, tmp_path)
    assert "its samples cannot be read" in lines[1]
