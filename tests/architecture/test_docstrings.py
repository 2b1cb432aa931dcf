"""Docstrings: one to three lines everywhere, numpydoc for the public API."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ilp_models"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")


def public_definitions(node, prefix=""):
    """Yield the dotted name and node of every public class, function and method."""
    for part in getattr(node, "body", ()):
        if isinstance(part, ast.ClassDef | ast.FunctionDef) and not part.name.startswith("_"):
            yield f"{prefix}{part.name}", part
            if isinstance(part, ast.ClassDef):
                yield from public_definitions(part, f"{part.name}.")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_module_and_public_name_has_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = [name for name, node in public_definitions(tree) if not ast.get_docstring(node)]
    assert ast.get_docstring(tree)
    assert bare == []
