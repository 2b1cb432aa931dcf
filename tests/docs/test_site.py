"""The documentation site builds without warnings, and its pages load nothing from the network."""

import os
import re
import subprocess
import sys

import pytest
from pages import ROOT

REMOTE = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]*\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site and return its folder; Sphinx treats warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, str(ROOT / "docs" / "build.py")]
    command += ["--source", str(folder / "source"), "--site", str(folder / "site")]
    variables = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.mark.slow
def test_pages_are_complete_and_load_nothing_from_the_network(site):
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {"index.html", "search.html", "README.html", "docs/tutorial.html", "docs/reference/index.html"} <= pages
    assert {f"docs/adr/{path.stem}.html" for path in (ROOT / "docs" / "adr").glob("*.md")} <= pages
    remote = {name: REMOTE.findall((site / name).read_text(encoding="utf-8")) for name in pages}
    assert {name: found for name, found in remote.items() if found} == {}


@pytest.mark.slow
def test_search_index_knows_the_methods(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert '"docs/methods/kernel"' in index
