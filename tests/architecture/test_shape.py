import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ilp_models"
MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
OTHER_TESTS = {"api", "architecture", "attacks", "bad_input", "benchmarks", "conformance", "docs", "installed"}
THEMES = {  # tests of one subject that concerns several modules of a package
    "allocation": {"published_price"},
    "audit": {"published_exposure", "real_cities", "urns", "withheld_models"},
    "cli": {"quote_sentences", "region_compute", "region_faults", "region_tasks"},
    "data": {"publishers", "spreadsheets"},
    "evaluation": {"estimators"},
    "explain": {"forecasters"},
    "model": {"strategic_horizons"},
    "pipeline": {
        "approve_standing",
        "bias",
        "export_research",
        "full_tour",
        "jurisdiction",
        "layers",
        "monthly",
        "repeat",
    },
    "report": {"accessibility"},
    "strategy": {"published_index"},
}
EMPTY_WORDS = {"utils", "common", "helpers", "base", "manager", "misc", "util", "helper", "core"}
# The URL of a package index, or the path of a checkout on one machine.
PRIVATE = re.compile(r"https?://\S+/simple\b|pypi\.(?:org|python)|pythonhosted|/(?:work|root|home|Users)/\w+/")
TEXT = {".py", ".md", ".yaml", ".toml", ".txt", ".in", ".cfg", ".html", ".json", ".csv", ".ipynb", ".sh", ""}


def code_lines(path):
    """Count the lines that hold code: no blank lines, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    numbers = {number for number, line in enumerate(text.splitlines(), 1) if line.strip() and line.strip()[0] != "#"}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            numbers -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(numbers)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_file_holds_at_most_300_lines_of_code(path):
    assert code_lines(path) <= 300


def test_no_two_classes_share_a_name():
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert {name: count for name, count in names.items() if count > 1} == {}


def test_no_module_has_an_empty_name():
    words = {word for path in MODULES for part in path.relative_to(PACKAGE).parts for word in re.split(r"[._]", part)}
    assert words & EMPTY_WORDS == set()


def test_every_package_has_tests():
    tested = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert PACKAGES - tested == set()
    assert {name for name in tested if (ROOT / "tests" / name).is_dir()} - PACKAGES == OTHER_TESTS


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_test_module_is_named_after_a_module(package):
    paths = [path.relative_to(PACKAGE / package).with_suffix("") for path in (PACKAGE / package).rglob("*.py")]
    names = {part for path in paths for part in (*path.parts, "_".join(path.parts))}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / package).rglob("test_*.py")}
    assert tests - names == THEMES.get(package, set())


def is_constant(node):
    """Say whether a statement is a docstring or an ellipsis."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def has_behaviour(path):
    """Say whether a function of a module does more than raise an error or declare a signature."""
    bodies = [
        node.body for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    ]
    return any(not isinstance(part, ast.Pass | ast.Raise) and not is_constant(part) for body in bodies for part in body)


def has_own_test(path):
    """Say whether a test module has the name of a module, or that of its folder and itself.

    If several modules of a package share a name, the bare name counts only in the folder of the module.
    """
    package, *folders, name = path.relative_to(PACKAGE).with_suffix("").parts
    tests = ROOT / "tests" / package
    shared = sum(other.name == path.name for other in (PACKAGE / package).rglob("*.py")) > 1
    own = tests.joinpath(*folders).glob(f"test_{name}.py") if shared else tests.rglob(f"test_{name}.py")
    longer = ["_".join([*folders[start:], name]) for start in range(len(folders))]
    return any(own) or any(any(tests.rglob(f"test_{long}.py")) for long in longer)


def test_a_module_with_behaviour_has_a_test_module_of_its_name():
    inner = [path for path in MODULES if path.parent != PACKAGE and path.name not in {"__init__.py", "__main__.py"}]
    missing = {path for path in inner if has_behaviour(path) and not has_own_test(path)}
    assert {path.relative_to(PACKAGE).as_posix() for path in missing} == set()


def test_no_committed_file_names_a_package_index_or_a_machine():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: there is no list of committed files")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name and Path(name).suffix in TEXT]
    others = [path for path in paths if path.is_file() and path != Path(__file__).resolve()]
    assert len(others) > 50
    found = {str(path): hit[0] for path in others if (hit := PRIVATE.search(path.read_text(encoding="utf-8")))}
    assert found == {}
