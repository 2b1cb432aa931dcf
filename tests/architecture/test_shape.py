import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ilp_models"
MODULES = sorted(PACKAGE.rglob("*.py"))
EMPTY_WORDS = {"utils", "common", "helpers", "base", "manager", "misc", "util", "helper", "core"}
# An address of a package index, or the place of a checkout on somebody's machine.
PRIVATE = re.compile(r"https?://\S+/simple\b|pypi\.(?:org|python)|pythonhosted|/(?:work|root|home|Users)/\w+/")
TEXT = {".py", ".md", ".yaml", ".toml", ".txt", ".in", ".cfg", ".html", ".json", ".csv", ".ipynb", ".sh", ""}


def code_lines(path):
    """Count the lines that hold code: no blank lines, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    kept = {number for number, line in enumerate(text.splitlines(), 1) if line.strip() and line.strip()[0] != "#"}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            kept -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(kept)


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


def test_every_name_says_what_is_inside():
    words = {word for path in MODULES for part in path.relative_to(PACKAGE).parts for word in re.split(r"[._]", part)}
    assert words & EMPTY_WORDS == set()


def test_tests_mirror_the_package():
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    beside = {"architecture", "docs", "bad_input", "benchmarks", "conformance", "installed"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.glob("test_*.py"))}
    assert folders - beside <= packages


def test_no_committed_file_names_a_package_index_or_a_machine():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: there is no list of committed files")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name and Path(name).suffix in TEXT]
    others = [path for path in paths if path.is_file() and path != Path(__file__).resolve()]
    assert len(others) > 50
    found = {str(path): hit[0] for path in others if (hit := PRIVATE.search(path.read_text(encoding="utf-8")))}
    assert found == {}
