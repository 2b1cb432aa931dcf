"""Docstrings of the Python API: numpydoc sections that match the signature, and an example that runs."""

import doctest
import inspect
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import validate

import ilp_models as ilp

SETTINGS = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
CHECKS = set(SETTINGS["tool"]["numpydoc_validation"]["checks"])
NAMES = [name for name in ilp.__all__ if hasattr(getattr(ilp, name), "__module__")]
INHERITS_PARAMETERS = {"SimulatedCity": "CityPlan", "PatrolledCity": "CityPlan"}


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_follows_numpydoc(name):
    thing = getattr(ilp, name)
    if name in INHERITS_PARAMETERS:
        thing = next(one for one in thing.__mro__ if one.__name__ == INHERITS_PARAMETERS[name])
    errors = validate(f"{thing.__module__}.{thing.__qualname__}")["errors"]
    assert [error for error in errors if error[0] in CHECKS] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_has_an_example(name):
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(getattr(ilp, name)) or "")
    assert examples
    assert not any(doctest.SKIP in example.options for example in examples)


@pytest.mark.parametrize("name", [name for name in NAMES if inspect.isclass(getattr(ilp, name))])
def test_public_methods_of_classes_document_their_parameters_if_any_section_exists(name):
    thing = getattr(ilp, name)
    methods = [part for part, value in vars(thing).items() if inspect.isfunction(value) and not part.startswith("_")]
    found = {part: validate(f"{thing.__module__}.{thing.__qualname__}.{part}") for part in methods}
    documented = {part: one["errors"] for part, one in found.items() if "Parameters\n" in one["docstring"]}
    assert {part: bad for part, errors in documented.items() if (bad := [e for e in errors if e[0] in CHECKS])} == {}
