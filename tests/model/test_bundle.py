import json

import lightgbm
import numpy as np
import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.bundle import read_bundle, write_bundle
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.wrappers.conformal import ConformalIntervals
from tests.builders import city, history_of, poisson_counts

FACTS = {"name": "best", "recipe": "0123456789abcdef"}


@pytest.fixture(scope="module")
def history():
    return history_of(poisson_counts((2, 12, 80), 0.6), city(3, 4))


def test_a_bundle_of_trees_is_text_that_forecasts_the_same(tmp_path, history):
    families = [ExponentialMeans((4, 16))]
    fitted = LightGBM(families, LevelShare(), n_estimators=5, min_child_samples=30, holdout=8, leads=2).fit(history)
    folder = write_bundle(fitted, tmp_path / "new" / "bundle", FACTS)
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "lead-1.txt", "lead-2.txt"]
    content = json.loads((folder / "bundle.json").read_text())
    assert content["class"] == "ilp_models.model.regressions.lightgbm.LightGBM"
    assert content | FACTS == content
    assert content["cutoff"] == str(history.cutoff)
    assert content["crime_types"] == ["a", "b"]
    assert [column["name"] for column in content["columns"]][:2] == ["mean_4", "mean_16"]
    assert content["learned"]["dispersion_"] == fitted.dispersion_.tolist()
    assert content["offset"]["learned"]["level_half_lives_"] == fitted.offset_.level_half_lives_.tolist()
    design = fitted.design(history.calendar.next_periods(history.cutoff, 1))
    loaded = lightgbm.Booster(model_file=folder / "lead-1.txt")
    np.testing.assert_array_equal(loaded.predict(design.values), fitted.estimator_.predict(design.values))


def test_a_bundle_of_means_holds_what_was_learned(tmp_path, history):
    fitted = EWMA((4, 16)).fit(history)
    folder = write_bundle(fitted, tmp_path, FACTS)
    content = json.loads((folder / "bundle.json").read_text())
    assert content["learned"] == {
        "dispersion_": fitted.dispersion_.tolist(),
        "half_lives_": fitted.half_lives_.tolist(),
        "smoothing_": fitted.smoothing_.tolist(),
    }
    assert "columns" not in content


def test_the_bundle_of_a_wrapper_contains_the_wrapped_forecaster(tmp_path, history):
    families = [ExponentialMeans((4, 16))]
    inside = LightGBM(families, LevelShare(), n_estimators=5, min_child_samples=30, holdout=8)
    fitted = ConformalIntervals(inside, groups=3, past_periods=5).fit(history)
    folder = write_bundle(fitted, tmp_path, FACTS)
    learned = json.loads((folder / "bundle.json").read_text())["learned"]
    assert learned["levels_"] == fitted.levels_.tolist()
    assert learned["groups_"] == [edges.tolist() for edges in fitted.groups_.edges]
    assert sorted(path.name for path in (folder / "forecaster").iterdir()) == ["bundle.json", "lead-1.txt"]
    assert "columns" in json.loads((folder / "forecaster" / "bundle.json").read_text())


def test_a_bundle_is_read_back(tmp_path, history):
    folder = write_bundle(EWMA().fit(history), tmp_path, FACTS)
    assert read_bundle(folder)["recipe"] == FACTS["recipe"]
    assert read_bundle(tmp_path / "nowhere") is None
    (folder / "bundle.json").write_text("{")
    with pytest.raises(StorageError, match="Use a complete copy"):
        read_bundle(folder)
