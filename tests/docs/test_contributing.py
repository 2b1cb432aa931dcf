"""The map of the code in CONTRIBUTING.md agrees with the packages, paths and import contracts."""

import re
import tomllib

import pytest
from pages import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGES = {path.parent.name for path in (ROOT / "ilp_models").glob("*/__init__.py")}
LAYERS = re.search(r"<!-- layers -->\n```text\n(.*?)```", TEXT, re.DOTALL)[1]
WISHES = re.findall(r"^\| ((?:add|change) [^|]+) \| (.*) \|$", TEXT, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`((?:ilp_models|configs|tests|docs|notebooks|experiments|lock|\.ci)/[^`\s]*)`", TEXT)))


def test_the_figure_shows_the_import_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    expected = [set(re.split(r" [|:] ", layer)) for layer in layers if layer != "__main__"]
    assert [set(re.findall(r"\w+", line)) for line in LAYERS.splitlines()] == expected


def test_the_table_describes_every_package_once():
    described = re.findall(r"^\| `(\w+)` \| [A-Z].*\. \|$", TEXT, re.MULTILINE)
    assert sorted(described) == sorted(PACKAGES)


def test_ten_wishes_name_a_place():
    assert len(WISHES) >= 10
    assert [
        wish for wish, place in WISHES if not any(f"`{name}`" in place for name in NAMED) and "`run`" not in place
    ] == []


@pytest.mark.parametrize("name", NAMED)
def test_every_path_exists(name):
    path = ROOT / re.sub(r"<.*", "", name).rpartition("/")[0] if "<" in name else ROOT / name
    assert path.exists()
    assert path.is_dir() == (name.endswith("/") or "<" in name)
