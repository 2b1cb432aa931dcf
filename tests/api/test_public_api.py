"""The Python API: lazy, typed, and not shadowed by subpackages."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ilp_models as ilp

HEAVY = ("pandas", "numpy", "sklearn", "lightgbm", "shap", "mlflow", "hydra", "matplotlib", "geopandas")


def test_the_import_loads_no_heavy_library():
    code = f"import sys, ilp_models; print(sorted(set({HEAVY!r}) & set(sys.modules)), dir(ilp_models)[0] != '')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True\n"


def test_every_public_name_can_be_loaded_and_is_documented():
    for name in ilp.__all__:
        value = getattr(ilp, name)
        assert name in dir(ilp)
        assert name == "__version__" or (value.__doc__ or "").strip(), name


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'run_backtests'"):
        _ = ilp.run_backtests


@pytest.mark.slow
def test_no_function_is_replaced_by_a_subpackage_when_every_module_is_imported():
    code = """
import importlib, inspect, pkgutil, types
import ilp_models as ilp
for module in pkgutil.walk_packages(ilp.__path__, "ilp_models."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for _ in range(2):
    for name in ilp.__all__:
        value = getattr(ilp, name)
        assert not isinstance(value, types.ModuleType), name
        if inspect.isfunction(value):
            try:
                value()
            except TypeError as error:
                assert "missing" in str(error), (name, error)
print("same")
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("same\n", 0), done.stderr


def test_no_public_name_is_that_of_a_subpackage():
    packages = {module.name for module in pkgutil.iter_modules(ilp.__path__)}
    assert set(ilp.__all__) & packages == set()


def test_public_names_keep_their_own_name():
    for name in ilp.__all__:
        value = getattr(ilp, name)
        if hasattr(value, "__qualname__"):
            assert value.__qualname__ == name
            assert getattr(importlib.import_module(value.__module__), name) is value


def test_type_checkers_see_the_same_names():
    stub = Path(ilp.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    found = dict(reversed(pair) for pair in re.findall(r"^from ilp_models\.(\S+) import (\w+) as \2$", stub, re.M))
    assert found == ilp._PUBLIC
    assert (Path(ilp.__file__).parent / "py.typed").is_file()


def test_experiments_use_public_names_where_they_exist():
    modules = {name: getattr(ilp, name).__module__ for name in ilp.__all__ if hasattr(getattr(ilp, name), "__module__")}
    found = [
        f"{path.name}: {alias.name}"
        for path in (Path(__file__).resolve().parents[2] / "experiments").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if modules.get(alias.name) == node.module
    ]
    assert found == []
