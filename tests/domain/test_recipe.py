import inspect
import json
import os
import re
import shutil
import subprocess
import sys
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
    code_only,
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


PLAIN = '''import os


class A:
    """One."""

    def f(self):
        """Two

        # lines.
        """
        text = """a

        # content@@
        """
        return text + "# no comment", f"{os.sep} # nor this"  # a comment
'''.replace("@@", "  ")
OTHERWISE = '''"""Another module docstring."""
import os
class A:
    # why
    def f(self):
        """Other words: naïve."""

        text = """a

        # content@@
        """
        return text + "# no comment", f"{os.sep} # nor this"
'''.replace("@@", "  ")


def test_prose_and_layout_do_not_count_as_code():
    assert code_only(PLAIN) == code_only(OTHERWISE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\n\n", "a\n"),
        ("# content  ", "# content"),
        ("# no comment", "# a comment"),
        ("# nor this", "# nor that"),
        ("return text", "return  text"),
    ],
)
def test_code_and_the_content_of_strings_count(old, new):
    assert PLAIN.count(old) == 1
    assert code_only(PLAIN.replace(old, new)) != code_only(PLAIN)


NESTED = """if a:
    def f():
        'DOC'
elif b:
    class A:
        'DOC'
else:
    async def g():
        'DOC'
for x in y:
    pass
else:
    try:
        with z:
            def f():
                'DOC'
    except E:
        def f():
            'DOC'
    else:
        def f():
            'DOC'
    finally:
        while a:
            match a:
                case 1:
                    class B:
                        def f(self):
                            'DOC'
"""


def test_docstrings_in_every_kind_of_block_are_left_out():
    assert NESTED.count("'DOC'") == 7
    assert "DOC" not in code_only(NESTED)
    assert code_only(NESTED) == code_only(NESTED.replace("DOC", "Other words."))


def test_a_docstring_may_share_its_line_and_end_a_body():
    assert code_only('def f(): """Text."""; return 1\n') == code_only('def f(): """Other."""; return 1\n')
    assert code_only('x = """a\nb"""  # why\n') == 'x = """a\nb"""'


@pytest.mark.parametrize("python", ["python3.12", "python3.13", "python3.14"])
def test_every_supported_python_sees_the_same_code(python, tmp_path):
    found = [shutil.which(python), shutil.which(python, path=os.defpath)]
    other = next(
        (one for one in found if one and subprocess.run([one, "-c", ""], capture_output=True).returncode == 0), None
    )
    if other is None:
        pytest.skip(f"{python} is not installed")
    root = Path(recipe_module.__file__).resolve().parents[1]
    source = Path(recipe_module.__file__).read_text(encoding="utf-8")
    names = ("code_only", "_comments", "_string_lines", "_statements", "_docstring")
    functions = [inspect.getsource(getattr(recipe_module, name)) for name in names]
    assert all(function in source for function in functions)
    script = tmp_path / "script.py"
    script.write_text(
        "\n".join(
            [
                "import ast, hashlib, io, sys, tokenize",
                "from collections.abc import Iterator, Sequence",
                "from functools import cache",
                "from pathlib import Path",
                *functions,
                "for path in sorted(Path(sys.argv[1]).rglob('*.py')):",
                "    print(path, hashlib.sha256(code_only(path.read_text(encoding='utf-8')).encode()).hexdigest())",
            ]
        )
    )
    runs = [subprocess.run([one, script, root], capture_output=True, check=True) for one in (sys.executable, other)]
    assert runs[0].stdout == runs[1].stdout != b""


@pytest.mark.parametrize(
    "name", ["audit/gate.py", "explain/explain.py", "allocation/budget.py", "pipeline/auditing.py"]
)
def test_the_decision_digest_follows_the_code_that_explains_audits_allocates_and_decides(name, package, monkeypatch):
    monkeypatch.setattr(recipe_module, "__file__", str(package / "domain" / "recipe.py"))
    before, forecasts = decision_digest.__wrapped__(), code_digest.__wrapped__()
    path = package / name
    path.write_text(path.read_text() + "# prose\n")
    assert decision_digest.__wrapped__() == before
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
