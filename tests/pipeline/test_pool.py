"""Jurisdictions contribute samples after their checks, and one model is trained on all samples known at each cutoff."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from sklearn.base import clone

import ilp_models as ilp
from ilp_models.audit.audit import Audit
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.dask_cluster import DaskCluster
from ilp_models.compute.local import LocalProcesses
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.digest import folder_digests
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.governance import Governance
from ilp_models.domain.history import History
from ilp_models.domain.region import RECORD, JurisdictionResult, RunState
from ilp_models.domain.region_plan import RegionPlan
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.pooled_bayes import PooledEmpiricalBayes, PooledPrior, stored_priors
from ilp_models.model.regressions.pool import PooledModel
from ilp_models.model.regressions.pooled import PooledLightGBM
from ilp_models.pipeline.contributions import read_contribution, train
from ilp_models.pipeline.forecasting import make_forecast
from ilp_models.pipeline.pool import run
from ilp_models.pipeline.pooled_training import train_pooled_prior
from ilp_models.pipeline.region import finish_region, is_readable
from ilp_models.pipeline.study import open_study
from tests.audit.audit_inputs import GOVERNANCE
from tests.compute.test_dask_cluster import die_once

MODEL = PooledLightGBM(n_estimators=5, min_child_samples=100, young_periods=0, train_periods=40, holdout=8)
PRIOR = PooledEmpiricalBayes(half_lives=(16, 64), neighbours=(0.0, 0.6))
MODELS = {"pooled_lightgbm": MODEL, "pooled_empirical_bayes": PRIOR}
PLAN = RollingOrigin(test_periods=4, refit_every=4)


def city(seed, weeks=70, **kinds):
    types = kinds or {"burglary": SimulatedType(yearly=2500.0), "drug": SimulatedType(yearly=900.0)}
    return SimulatedCity(seed=seed, size_km=3, districts=3, weeks=weeks, crime_types=types)


def contribute(folder, source, name="pooled_lightgbm", **governance):
    """Run the task for one jurisdiction in a new folder, and return its result for a region."""
    folder.mkdir()
    audit = Audit(governance=replace(Governance(**GOVERNANCE), **governance))
    text = run(
        data=source,
        calendar=Calendar(),
        grid=SquareGrid(500),
        layers={},
        model={name: MODELS[name]},
        backtest=PLAN,
        audit=audit,
        folder=folder,
        jurisdiction_name=folder.name,
    )
    return JurisdictionResult(folder.name, RunState.DONE, str(folder)), text


def finish(results, model, folder):
    """Train on the samples of the results, as the task does, and return the lines for the terminal."""
    return train([read_contribution(one) for one in results], model, folder, LocalProcesses(1))


def facts_of(folder):
    return json.loads((folder / "contribution.json").read_text())


@pytest.fixture(scope="module")
def region_for(tmp_path_factory):
    """Return a function of the name of a pooled model; it gives a region of which some may not contribute."""

    @cache
    def made(name):
        home = tmp_path_factory.mktemp("pool")
        tainted = [{"start": "2019-06-01", "end": "2019-07-01", "why": "unlawful stops"}]
        results = [
            contribute(home / "north", city(1), name)[0],
            contribute(home / "later", city(2, weeks=78), name)[0],
            contribute(home / "tainted", city(3), name, tainted_periods=tainted)[0],
            contribute(home / "open", city(4), name, legal_basis=None)[0],
            contribute(home / "drugs", city(5, drug=SimulatedType(yearly=2000.0)), name)[0],
            JurisdictionResult("failed", RunState.FAILED, "", "No records."),
        ]
        folder = home / "pooled"
        folder.mkdir()
        plan = RegionPlan([one.name for one in results])
        _, text = finish_region("county", "pool", plan, results, folder, LocalProcesses(1), {name: MODELS[name]})
        return home, results, folder, text.splitlines()

    return made


@pytest.fixture
def region(region_for):
    return region_for("pooled_lightgbm")


@pytest.fixture
def prior_region(region_for):
    return region_for("pooled_empirical_bayes")


@pytest.fixture(params=MODELS)
def either(request, region_for):
    return region_for(request.param)


def test_each_jurisdiction_contributes_only_after_its_own_checks(either):
    home, _, _, lines = either
    assert "Contributes: north, later" in lines
    reasons = {name: facts_of(home / name)["left_out"] for name in ("tainted", "open", "drugs")}
    assert "2019-06-01 to 2019-07-01 are tainted (unlawful stops)" in reasons["tainted"]
    assert reasons["open"] == "governance: legal_basis is empty"
    assert "depend on where police patrol" in reasons["drugs"]
    for name, reason in reasons.items():
        assert f"Left out: {name}: {reason}" in lines
        assert not (home / name / "samples").exists()
    assert "Left out: failed: No records." in lines


def test_the_page_shows_who_contributes_how_many_records_and_who_does_not(either):
    _, results, folder, _ = either
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


def test_samples_stay_on_disk_until_a_model_is_trained(either):
    home, results, *_ = either
    found = read_contribution(results[0])
    assert [sample.path for sample in found.samples] == sorted((home / "north" / "samples").iterdir())


def test_types_that_depend_on_patrols_are_left_out(region, prior_region):
    for home, *_ in (region, prior_region):
        assert facts_of(home / "north")["types_left_out"] == ["drug"]
    model = PooledModel.read(next(path for path in region[2].iterdir() if path.is_dir()))
    assert model.crime_types == ("burglary",)
    assert set(PooledPrior.read(max(stored_priors(prior_region[2]).values())).losses) == {"", "burglary"}


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


def test_a_prior_is_that_of_train_pooled_prior_on_the_same_histories(prior_region, tmp_path):
    home, _, folder, lines = prior_region
    assert lines[-3].endswith(f"Use them with model.pooled_empirical_bayes.pool={folder}")
    stored = stored_priors(folder)
    assert sorted(stored) == sorted(
        {pd.Timestamp(one) for name in ("north", "later") for one in facts_of(home / name)["cutoffs"]}
    )
    sources = {"north": city(1), "later": city(2, weeks=78)}
    studies = {
        name: open_study(one.read(), SquareGrid(500), calendar=Calendar(), first_cutoff=PLAN)
        for name, one in sources.items()
    }
    for cutoff, path in stored.items():
        prior = PooledPrior.read(path)
        histories = {}
        for name in prior.events:
            study, known = studies[name], min(cutoff, studies[name].cutoff)
            events = study.events.select_types(["burglary"])
            histories[name] = History.from_events(known, events, study.grid_at(known), study.calendar)
        model = clone(PRIOR).set_params(pool=tmp_path / "pool")
        train_pooled_prior(histories, model, cutoff=cutoff, left_out=prior.left_out, compute=LocalProcesses(1))
        assert stored_priors(tmp_path / "pool")[cutoff].read_bytes() == path.read_bytes()
    assert set(PooledPrior.read(stored[max(stored)]).events) == {"north", "later"}
    reasons = PooledPrior.read(stored[min(stored)]).left_out
    assert reasons["open"] == "governance: legal_basis is empty"
    assert set(reasons) == {"tainted", "open", "drugs", "failed", "later"}


@pytest.mark.slow
def test_the_folder_is_the_pool_of_empirical_bayes(prior_region):
    *_, folder, _ = prior_region
    model = clone(PRIOR).set_params(pool=folder)
    forecast = make_forecast(model, city(9).read().select_types(["burglary"]), SquareGrid(500))
    assert forecast.totals()["burglary"] > 0


def test_the_folder_is_the_pool_of_a_forecast(region):
    *_, folder, _ = region
    events = city(9).read().select_types(["burglary"])
    forecast = make_forecast(
        PooledLightGBM(**{**MODEL.get_params(deep=False), "pool": folder}), events, SquareGrid(500)
    )
    assert forecast.totals()["burglary"] > 0


class DyingTrees(PooledLightGBM):
    """Kills the worker that trains it first."""

    def fit_pool(self, samples, cutoff, left_out=None):
        die_once(self.killed)
        return super().fit_pool(samples, cutoff, left_out)


@pytest.mark.slow
def test_models_that_a_second_worker_trains_are_the_same_to_the_bit(region, tmp_path):
    _, results, folder, _ = region
    model = DyingTrees(**MODEL.get_params(deep=False))
    model.killed = str(tmp_path / "killed")
    contributions = [read_contribution(one) for one in results]
    train(contributions, {"pooled_lightgbm": model}, tmp_path / "pool", DaskCluster(cluster="local", workers=1))
    assert Path(model.killed).is_dir()
    pool = tmp_path / "pool"
    made = {path.relative_to(pool): path.read_bytes() for path in pool.rglob("*") if path.is_file()}
    assert len({path.parent for path in made}) == 4  # cutoffs
    assert made == {path: (folder / path).read_bytes() for path in made}


@pytest.mark.parametrize("name", MODELS)
def test_a_damaged_sample_leaves_a_jurisdiction_out(tmp_path, name):
    result, _ = contribute(tmp_path / "north", city(1), name)
    (tmp_path / "north" / RECORD).write_text(json.dumps({"files": folder_digests(tmp_path / "north")}))
    assert is_readable(result)
    for path in (tmp_path / "north" / "samples").iterdir():
        path.write_bytes(path.read_bytes()[:900])
    lines = finish([result], {name: MODELS[name]}, tmp_path)
    assert "its samples cannot be read" in lines[1]
    assert lines[-1] == "No model was trained."
    assert not is_readable(result)  # so that the same command makes the sample again


@pytest.mark.parametrize("name", MODELS)
def test_records_that_are_too_short_contribute_nothing(tmp_path, name):
    _, text = contribute(tmp_path / "young", city(1, weeks=5), name)
    assert text.startswith("young contributes nothing: ")


def test_records_that_are_too_short_at_an_early_cutoff_contribute_to_later_ones(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PLAN", RollingOrigin(test_periods=30, refit_every=15))  # 40 and 55 of 70 weeks
    result, text = contribute(tmp_path / "young", city(1))
    samples = read_contribution(result).samples
    assert text.startswith("young: samples of 2 cutoffs")
    assert [one.cutoff for one in samples] == [pd.Timestamp("2020-01-27"), pd.Timestamp("2020-05-11")]


def test_a_sample_of_another_model_is_refused(tmp_path):
    result, _ = contribute(tmp_path / "north", city(1), "pooled_empirical_bayes")
    with pytest.raises(InputError, match="is not a training sample"):
        finish([result], {"pooled_lightgbm": MODEL}, tmp_path)
    trees, _ = contribute(tmp_path / "south", city(2))
    with pytest.raises(StorageError, match="cannot be read"):
        finish([trees], {"pooled_empirical_bayes": PRIOR}, tmp_path)


def test_a_contribution_from_elsewhere_is_not_followed(tmp_path):
    result, _ = contribute(tmp_path / "north", city(1))
    other = Path(result.folder, "contribution.json")
    facts = json.loads(other.read_text())
    other.write_text(json.dumps(facts | {"samples": ["../../secret"]}))
    lines = finish([result], {"pooled_lightgbm": MODEL}, tmp_path)
    assert "its samples cannot be read" in lines[1]


CITY = """# @package _global_
# A small simulated force
defaults:
  - override /data: simulated
  - override /grid: squares
data: {{seed: {seed}, size_km: 3, districts: 3, weeks: 80, west: {west}}}
audit: {{governance: {governance}}}
"""


@pytest.mark.slow
def test_two_forces_share_a_prior_from_end_to_end(tmp_path, monkeypatch):
    """`ilp pool region=pair`, then a backtest of the region with its priors."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine" / "jurisdiction"
    folder.mkdir(parents=True)
    governance = json.dumps({**GOVERNANCE, "outcomes": ["burglary"]})
    for seed, name in enumerate(("north", "south"), 1):
        text = CITY.format(seed=seed, west=680_000 + 3000 * seed, governance=governance)
        (folder / f"{name}.yaml").write_text(text)
    plan = RegionPlan(["north", "south"])
    own = ("half_lives=[16,64]", "neighbours=[0.0,0.6]")
    shared = [
        *(f"model.pooled_empirical_bayes.{setting}" for setting in own),
        *("backtest.test_periods=6", "backtest.refit_every=6", "bootstrap.block=2", "bootstrap.draws=100"),
    ]
    arguments = {"config_dir": "mine", "compute": LocalProcesses(2)}
    ilp.run_region(plan, "pool", settings=["model=[pooled_empirical_bayes]", *shared], **arguments)
    pool = tmp_path / "outputs" / "pool" / "latest"
    assert [list(PooledPrior.read(path).events) for path in stored_priors(pool).values()] == [["north", "south"]] * 2
    settings = ["model=[ewma,pooled_empirical_bayes]", f"model.pooled_empirical_bayes.pool={pool}", *shared]
    region = ilp.run_region(plan, "backtest", settings=[*settings, "tracking=memory"], **arguments)
    skill = region.skill().query("level == 'region' and crime_type == 'all'")
    assert skill[["forecaster", "baseline", "n", "missing"]].to_numpy().tolist() == [
        ["pooled_empirical_bayes", "ewma", 6, ""]
    ]
    assert skill["low"].item() <= skill["skill"].item() <= skill["high"].item()
