import re
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import pytest

import ilp_models.domain.recipe as recipe_module
from ilp_models.domain.recipe import Recipe, borrowed_code, code_digest

RECIPE = Recipe({"model": {"window": 52, "name": "mean"}, "grid": {"size": 500}}, "d" * 64, "c" * 64)


def test_the_fingerprint_is_short_and_the_same_for_the_same_recipe():
    assert re.fullmatch("[0-9a-f]{16}", RECIPE.fingerprint)
    turned = Recipe({"grid": {"size": 500}, "model": {"name": "mean", "window": 52}}, "d" * 64, "c" * 64)
    assert turned.fingerprint == RECIPE.fingerprint


def test_settings_data_and_code_all_change_the_fingerprint():
    others = [
        replace(RECIPE, config={"model": {"window": 51, "name": "mean"}, "grid": {"size": 500}}),
        replace(RECIPE, config={"model": {"window": 52, "name": "mean"}, "grid": {"size": 250}}),
        replace(RECIPE, config={"model": {"window": "52", "name": "mean"}, "grid": {"size": 500}}),
        replace(RECIPE, data="e" * 64),
        replace(RECIPE, code="b" * 64),
        replace(RECIPE, data="c" * 64, code="d" * 64),
    ]
    assert len({RECIPE.fingerprint, *(other.fingerprint for other in others)}) == 7


@pytest.fixture
def package(tmp_path):
    source = Path(recipe_module.__file__).resolve().parents[1]
    copy = tmp_path / "first" / "ilp_models"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    return copy


def digest_of(package, monkeypatch):
    monkeypatch.setattr(recipe_module, "__file__", str(package / "domain" / "recipe.py"))
    return code_digest.__wrapped__()


@pytest.mark.parametrize("name", ["domain/panel.py", "model/means/ewma.py", "features/means.py", "backtest/replay.py"])
def test_the_code_digest_follows_the_code_of_forecasts(name, package, monkeypatch):
    before = digest_of(package, monkeypatch)
    path = package / name
    path.write_text(path.read_text() + "# changed\n")
    changed = digest_of(package, monkeypatch)
    path.rename(path.with_name("renamed.py"))
    assert len({before, changed, digest_of(package, monkeypatch)}) == 3


def test_the_code_digest_ignores_reports_and_the_place_of_the_package(package, monkeypatch):
    before = digest_of(package, monkeypatch)
    page = package / "report" / "page.py"
    page.write_text(page.read_text() + "# changed\n")
    assert digest_of(package, monkeypatch) == before
    assert digest_of(package.rename(package.parents[1] / "second"), monkeypatch) == before


@pytest.mark.parametrize("library", ["hierarchicalforecast", "holidays", "lightgbm", "numpy", "scikit-learn"])
def test_the_code_digest_follows_the_libraries_that_decide_numbers(library, package, monkeypatch):
    before = digest_of(package, monkeypatch)
    monkeypatch.setattr(recipe_module, "version", lambda name: "99.0" if name == library else version(name))
    assert digest_of(package, monkeypatch) != before


def test_borrowed_code_is_told_by_the_version_of_its_distribution(monkeypatch):
    trees = {"_target_": "sklearn.ensemble.HistGradientBoostingRegressor", "max_iter": 5}
    settings = {"model": {"_target_": "ilp_models.model.regressions.per_type.PerType", "members": [{"inner": trees}]}}
    assert borrowed_code(settings) == {"sklearn": f"scikit-learn=={version('scikit-learn')}"}
    monkeypatch.setattr(recipe_module, "version", lambda _: "99.0")
    assert borrowed_code(settings) == {"sklearn": "scikit-learn==99.0"}
    assert borrowed_code({"_target_": "fractions.Fraction"}) == {"python": python_version()}
    assert borrowed_code({"model": {"_target_": "ilp_models.model.means.ewma.EWMA"}, "horizon": 1}) == {}


def test_code_of_no_distribution_is_told_by_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "my_own_method.py"
    path.write_text("class Mine:\n    pass\n")
    settings = {"model": {"_target_": "my_own_method.Mine"}}
    before = borrowed_code(settings)
    assert before.keys() == {"my_own_method.Mine"}
    path.write_text("class Mine:\n    other = 1\n")
    assert borrowed_code(settings) != before
