import enum
import importlib
import inspect
import pkgutil
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import validate

import ilp_models

ROOT = Path(__file__).resolve().parents[2]
CHECKS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["numpydoc_validation"]["checks"])
MODULES = [
    module.name
    for module in pkgutil.walk_packages(ilp_models.__path__, "ilp_models.")
    if not module.ispkg and not module.name.endswith("__main__")
]
SHAPES = ["design.FeatureFamily", "tracking.Tracker", "tracking.TrackedRun", "compute.Compute", "intake.EventSource"]


def shapes():
    for shape in SHAPES:
        module, name = shape.split(".")
        yield getattr(importlib.import_module(f"ilp_models.domain.{module}"), name)


def told_above(kind):
    """Return the methods whose parameters are told once, in a class above or in the protocol that this one fits."""
    above = {key for base in kind.__mro__[1:] for key in vars(base)}
    for shape in shapes():
        members = {key for key in vars(shape) if not key.startswith("_")}
        if kind is not shape and all(hasattr(kind, key) for key in members):
            above |= members
    return above


def public_names(module):
    """Yield every public name, and the checks that it must pass."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield f"{module.__name__}.{name}", CHECKS
        if inspect.isclass(thing):
            inherited = any(thing.__init__ is base.__init__ for base in thing.__mro__[1:-1])
            built = not (issubclass(thing, enum.Enum) or getattr(thing, "_is_protocol", False) or inherited)
            yield f"{module.__name__}.{name}", CHECKS if built else CHECKS - {"PR01"}
            above = told_above(thing)
            for key, part in vars(thing).items():
                method = inspect.isfunction(part) or isinstance(part, property | classmethod | staticmethod)
                if method and not key.startswith("_"):
                    yield f"{module.__name__}.{name}.{key}", {"GL08"} if key in above else CHECKS


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_documented(name):
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip()
    errors = {
        f"{public}: {code} {said}"
        for public, checks in public_names(module)
        for code, said in validate(public)["errors"]
        if code in checks
    }
    assert errors == set()
