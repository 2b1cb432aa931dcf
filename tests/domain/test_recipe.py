import json
import re
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

import ilp_models.domain.recipe as recipe_module
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.recipe import (
    Recipe,
    code_digest,
    decision_digest,
    describe,
    external_code,
    program_digest,
)
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from tests.builders import events_at

RECIPE = Recipe({"model": {"window": 52, "name": "mean"}, "grid": {"size": 500}}, "d" * 64, "c" * 64)


def test_the_fingerprint_is_short_and_the_same_for_the_same_recipe():
    assert re.fullmatch("[0-9a-f]{16}", RECIPE.fingerprint)
    turned = Recipe({"grid": {"size": 500}, "model": {"name": "mean", "window": 52}}, "d" * 64, "c" * 64)
    assert turned.fingerprint == RECIPE.fingerprint


def test_settings_data_and_code_all_change_the_fingerprint():
    others = [
        replace(RECIPE, settings={"model": {"window": 51, "name": "mean"}, "grid": {"size": 500}}),
        replace(RECIPE, settings={"model": {"window": 52, "name": "mean"}, "grid": {"size": 250}}),
        replace(RECIPE, settings={"model": {"window": "52", "name": "mean"}, "grid": {"size": 500}}),
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


@pytest.mark.parametrize(
    "name", ["domain/panel.py", "model/means/ewma.py", "features/means.py", "backtest/replay.py", "stats/filters.py"]
)
def test_the_code_digest_follows_the_code_of_forecasts(name, package, monkeypatch):
    before = digest_of(package, monkeypatch)
    path = package / name
    path.write_text(path.read_text() + "CHANGED = 1\n")
    changed = digest_of(package, monkeypatch)
    path.rename(path.with_name("renamed.py"))
    assert len({before, changed, digest_of(package, monkeypatch)}) == 3


def test_the_code_digest_ignores_reports_and_the_place_of_the_package(package, monkeypatch):
    before = digest_of(package, monkeypatch)
    page = package / "report" / "page.py"
    page.write_text(page.read_text() + "CHANGED = 1\n")
    assert digest_of(package, monkeypatch) == before
    assert digest_of(package.rename(package.parents[1] / "second"), monkeypatch) == before


@pytest.mark.parametrize("library", ["hierarchicalforecast", "holidays", "lightgbm", "numpy", "scikit-learn"])
def test_the_code_digest_follows_the_libraries_that_decide_numbers(library, package, monkeypatch):
    before = digest_of(package, monkeypatch)
    monkeypatch.setattr(recipe_module, "version", lambda name: "99.0" if name == library else version(name))
    assert digest_of(package, monkeypatch) != before


def test_external_code_is_known_by_the_version_of_its_distribution(monkeypatch):
    trees = HistGradientBoostingRegressor(max_iter=5)
    settings = describe({"model": MovingAverage(), "members": [{"inner": trees}]})
    assert external_code(settings) == {"sklearn": f"scikit-learn=={version('scikit-learn')}"}
    monkeypatch.setattr(recipe_module, "version", lambda _: "99.0")
    assert external_code(settings) == {"sklearn": "scikit-learn==99.0"}
    assert external_code({"class": "fractions.Fraction"}) == {"python": python_version()}
    assert external_code(describe({"model": EWMA(), "horizon": 1})) == {}


def test_code_without_a_distribution_is_known_by_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "my_own_method.py"
    path.write_text("class Mine:\n    pass\n")
    settings = {"model": {"class": "my_own_method.Mine"}}
    before = external_code(settings)
    assert before.keys() == {"my_own_method.Mine"}
    path.write_text("class Mine:\n    other = 1\n")
    assert external_code(settings) != before


def test_a_class_without_source_is_refused():
    mine = type("Mine", (MovingAverage,), {"__module__": "__main__"})
    with pytest.raises(InputError, match=r"__main__\.Mine has no source file.*Put it into a module"):
        external_code(describe(mine()))


def test_objects_are_described_by_class_and_arguments():
    described = describe(
        {"model": EWMA(half_lives=(8, 16)), "calendar": Calendar(), "when": pd.Timestamp("2021-01-04")}
    )
    assert described["model"]["class"] == "ilp_models.model.means.ewma.EWMA"
    assert described["model"]["half_lives"] == [8, 16]
    assert described["calendar"] == {
        "class": "ilp_models.domain.calendar.Calendar",
        "period_unit": "week",
        "week_start": "monday",
    }
    assert described["when"] == "2021-01-04 00:00:00"
    assert json.loads(json.dumps(describe({"cap": np.inf, "seed": np.int64(3), "shares": np.array([0.5])}))) == {
        "cap": "inf",
        "seed": 3,
        "shares": [0.5],
    }


def test_what_cannot_be_described_is_refused():
    with pytest.raises(InputError, match="object cannot be described"):
        describe({"model": object()})


@pytest.mark.parametrize(
    "name", ["audit/gate.py", "explain/explain.py", "allocation/budget.py", "pipeline/auditing.py"]
)
def test_the_decision_digest_follows_the_code_that_explains_audits_allocates_and_decides(name, package, monkeypatch):
    monkeypatch.setattr(recipe_module, "__file__", str(package / "domain" / "recipe.py"))
    before, forecasts = decision_digest.__wrapped__(), code_digest.__wrapped__()
    path = package / name
    path.write_text(path.read_text() + "CHANGED = 1\n")
    assert decision_digest.__wrapped__() != before
    assert code_digest.__wrapped__() == forecasts


@pytest.mark.parametrize(
    "name", ["ilp_models/audit/gate.py", "ilp_models/report/templates/page.j2", "configs/audit/default.yaml"]
)
def test_the_program_digest_follows_every_file_of_the_package_and_its_settings(name, tmp_path, monkeypatch):
    def digest(home):
        monkeypatch.setattr(recipe_module, "__file__", str(home / "ilp_models" / "domain" / "recipe.py"))
        return program_digest.__wrapped__()

    checkout, wheel = tmp_path / "checkout", tmp_path / "wheel"
    for path in (checkout / name, wheel / name if "configs" not in name else wheel / "ilp_models" / name):
        path.parent.mkdir(parents=True)
        path.write_text("one")
    (wheel / "ilp_models" / "__pycache__").mkdir(parents=True)
    (wheel / "ilp_models" / "__pycache__" / "a.pyc").touch()
    before = digest(checkout)
    assert digest(wheel) == before
    (checkout / name).write_text("two")
    assert digest(checkout) != before


def test_tables_are_described_by_their_content():
    table = pd.DataFrame({"cell": ["1-1", "1-2"], "bars": [3.0, 0.0]})
    known = describe(table)
    assert known == describe(table.copy())
    others = (table.iloc[::-1], table.rename(columns={"bars": "pubs"}), table.assign(bars=[3.0, 1.0]), table["bars"])
    assert all(describe(other) != known for other in others)
    events = events_at([500_100.0], [4_800_100.0])
    assert describe(events)["digest"] == events.digest()
