"""Published findings on whose homes deployed or replicated maps expose, found again where the data are at hand."""

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data"))
OAKLAND = DATA / "oakland_predpol"
PREDPOL = DATA / "predpol_markup"

oakland = pytest.mark.skipif(not OAKLAND.is_dir(), reason="the Oakland replication is not available")
predpol = pytest.mark.skipif(not PREDPOL.is_dir(), reason="the PredPol predictions are not available")
two_cities = pytest.mark.skipif(
    not all(
        (DATA / name).is_dir() for name in ("chicago_demography", "chicago_sthsl", "toronto_demography", "toronto_mci")
    ),
    reason="records and residents of Chicago and Toronto are not available",
)


def experiment(name):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), ROOT / "experiments" / name / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exposed():
    run = experiment("oakland-exposure")
    return run.reproduce(*run.read(OAKLAND))


@oakland
def test_the_published_ratios_of_oakland_depend_on_who_counts_as_white(exposed):
    ratios = exposed[0].set_index(["definition", "group"])
    apart, third, half = ratios.index.unique("definition")
    met = {key: bool(row["met"]) for key, row in ratios.iterrows()}
    assert met == {
        **{(apart, "black"): False, (apart, "other"): False},
        **{(third, "black"): True, (third, "other"): False},
        **{(half, "black"): True, (half, "other"): True},
    }
    assert ratios["ours"].to_list() == pytest.approx([3.75, 3.50, 2.04, 1.80, 1.78, 1.52], abs=0.006)
    assert ((ratios["low"] < ratios["ours"]) & (ratios["ours"] < ratios["high"])).all()


@oakland
def test_the_map_of_oakland_is_the_stated_one(exposed):
    _, exposure, facts = exposed
    stated = {"white": 0.0224, "black": 0.0839, "other": 0.0784, "hispanic": 0.0974, "api": 0.0567}
    assert exposure.set_index("group")["exposure"].to_dict() == pytest.approx(stated, abs=0.0001)
    assert [facts[name] for name in ("cells", "days", "ever", "over_200", "always")] == [661, 368, 52, 14, 5]
    assert (facts["hit_rate"], facts["share"]) == pytest.approx((0.310, 0.0303), abs=0.0005)
    assert facts["pai"] == pytest.approx(10.26, abs=0.01)


@oakland
def test_the_stored_table_of_oakland_is_what_the_experiment_gives(exposed):
    stored = experiment("oakland-exposure").FOLDER / "results.csv"
    kept = exposed[0].to_csv(index=False, float_format="%.4f", lineterminator="\n")
    assert stored.read_text(encoding="utf-8") == kept


@pytest.fixture(scope="module")
def targeted():
    run = experiment("predpol-markup")
    return run.reproduce(*run.read(PREDPOL))


@predpol
def test_the_published_counts_of_jurisdictions_are_met_by_the_rule_of_the_study(targeted):
    counts = targeted[0].set_index(["rule", "group"])
    study, rounded = counts.index.unique("rule")
    assert counts.loc[study, "met"].all()
    stated = {"White": 8, "African American": 24, "Latino": 22, "Asian": 15, "Less than 45k": 26}
    assert counts.loc[study, "ours"].to_dict() == stated
    assert set(counts["jurisdictions"]) == {38}
    assert counts.loc[rounded, "met"].sum() == 1


@predpol
def test_exposures_to_deployed_predictions_are_the_stated_ones(targeted):
    exposure = targeted[1]
    median = exposure.filter(like=", ratio").median().to_list()
    assert median == pytest.approx([1.24, 1.22, 1.12, 1.24], abs=0.005)
    black = exposure["African American, ratio"]
    assert (black > 1.25).sum() == 18
    assert (black.min(), black.max()) == pytest.approx((0.68, 2.29), abs=0.005)
    angeles = exposure.loc["la", ["African American", "Latino", "White"]].to_list()
    assert angeles == pytest.approx([292.2, 271.0, 240.7], abs=0.05)


@predpol
def test_the_stored_table_of_predpol_is_what_the_experiment_gives(targeted):
    stored = experiment("predpol-markup").FOLDER / "results.csv"
    assert stored.read_text(encoding="utf-8") == targeted[0].to_csv(index=False, lineterminator="\n")


@pytest.fixture(scope="module")
def regression():
    run = experiment("group-regression")
    return run.reproduce({"Chicago": run.chicago(DATA), "Toronto": run.toronto(DATA)})


@two_cities
def test_the_stated_ratios_of_chicago_and_toronto_are_met(regression):
    assert regression["met"].all()
    need = regression[regression["measure"] == "need-adjusted ratio"]
    need = need.set_index(["city", "crime_type", "group"])["value"].sort_index()
    assert need["Chicago", "assault"].to_dict() == pytest.approx(
        {"Black": 1.556, "Hispanic": 0.543, "white": 0.131}, abs=0.001
    )
    assert need["Chicago", "theft"].to_dict() == pytest.approx({"Black": 0.547, "white": 1.519}, abs=0.001)
    assert need["Toronto", "robbery", "Black"] == pytest.approx(1.223, abs=0.001)
    assert need["Toronto", "auto theft", "Black"] == pytest.approx(1.161, abs=0.001)


@two_cities
def test_what_weeks_areas_and_chance_say_of_them_is_kept(regression):
    assert (regression["area_high"] - regression["area_low"] > regression["week_high"] - regression["week_low"]).all()
    assert (regression["p_adjusted"] >= regression["p_chance"]).all()
    stored = experiment("group-regression").FOLDER / "results.csv"
    kept = regression.to_csv(index=False, float_format="%.4f", lineterminator="\n")
    assert stored.read_text(encoding="utf-8") == kept
