"""Published findings on whose homes deployed or replicated maps expose, found again where the data are at hand."""

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data"))
OAKLAND = DATA / "oakland_predpol"

oakland = pytest.mark.skipif(not OAKLAND.is_dir(), reason="the Oakland replication is not beside the checkout")


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
