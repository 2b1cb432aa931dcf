"""The tasks `compare`, `audit` and `assess` run over all jurisdictions of a region, from the records to its page."""

from pathlib import Path

import pytest

import ilp_models as ilp

SETTINGS = ("grid.size=500", "bootstrap.draws=50")
METHODS = (
    *("model=[moving_average,ewma]", "backtest.test_periods=8", "backtest.refit_every=8", "bootstrap.block=2"),
    "tracking=memory",
)
AUDIT = ("forecaster=ewma", "explain.refits=1", "export.formats=[parquet]", "audit.groups.source=${data}")
ASSESS = ("data.weeks=190", "long_horizons.origins=2", "ranking.draws=1000", "scenarios=null")


def run(options, monkeypatch, task, *settings):
    """Run a task over two small cities, and return the region with the text of its page."""
    monkeypatch.chdir(options.parent)
    plan = ilp.RegionPlan(["north", "south"], settings=(*SETTINGS, *settings))
    region = ilp.run_region(plan, task, config_dir="mine", compute=ilp.LocalProcesses(2))
    assert region.missing == (), [one.result.error for one in region.jurisdictions]
    page = Path("outputs", task, "latest", "region.html").read_text()
    return region, page


@pytest.mark.slow
def test_methods_are_compared_in_each_jurisdiction_and_in_all_together(options, monkeypatch):
    region, page = run(options, monkeypatch, "compare", *METHODS)
    skill = region.skill().query("crime_type == 'all'").set_index(["level", "name"])
    assert set(skill["forecaster"]) == {"moving_average"}
    parts = skill.loc["jurisdiction", "skill"]
    assert parts.min() <= skill.loc[("region", "region"), "skill"] <= parts.max()
    for name in parts.index:
        assert Path("outputs", name, "compare", "latest", "comparison.html").exists()
        assert f"{name}/compare/" in page


@pytest.mark.slow
def test_each_jurisdiction_is_audited_alone_and_its_sums_add_up(options, monkeypatch):
    region, page = run(options, monkeypatch, "audit", *METHODS, *AUDIT)
    assert {one.verdict for one in region.jurisdictions} == {"withheld"}
    groups = region.groups().query("crime_type == 'all'")
    whole = groups[groups["level"] == "region"].set_index("group")
    parts = groups[groups["level"] == "jurisdiction"].groupby("group")
    assert set(parts["name"].nunique()) == {2}
    for column in ("residents", "expected", "recorded", "covered", "exposed"):
        assert whole[column].to_numpy() == pytest.approx(parts[column].sum()[whole.index].to_numpy(), rel=1e-12)
    for name in ("north", "south"):
        assert Path("outputs", name, "register.jsonl").read_text().count('"decided"') == 1
        assert f"{name}/audit/" in page


@pytest.mark.slow
def test_the_threats_of_each_jurisdiction_are_assessed(options, monkeypatch):
    _, page = run(options, monkeypatch, "assess", *ASSESS)
    for name in ("north", "south"):
        assert (Path("outputs", name, "assess", "latest") / "assessment.html").exists()
        assert f"{name}/assess/" in page
