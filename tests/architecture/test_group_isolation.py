"""Judgements about groups are joined to nothing: few modules import them, and these import no forecast or plan."""

import ast
import inspect
from pathlib import Path

import pytest

from ilp_models.pipeline.group_assessment import assess_groups, write_group_assessment
from ilp_models.pipeline.group_matrix import read_group_matrix
from ilp_models.pipeline.group_task import assess_group_file

PACKAGE = Path(__file__).resolve().parents[2] / "ilp_models"
GROUPS = "ilp_models.strategy.groups"
WIRING = {
    f"ilp_models.pipeline.{name}" for name in ("group_task", "group_matrix", "group_assessment", "group_screening")
}
TASK = "ilp_models.pipeline.assess"  # it also assesses what has nothing to do with groups
BRIEF = "ilp_models.pipeline.brief_report"  # groups are in a report only on request, for recipients who are named
BRIEF_TASK = "ilp_models.pipeline.brief"
BRIEF_PART = "ilp_models.pipeline.brief_parts.groups_part"  # reads the record of an assessment, and no matrix
PRODUCTS = {"ilp_models.report.group_page", "ilp_models.export.group_template"}
NEVER = {
    "allocation",
    "audit",
    "backtest",
    "compute",
    "description",
    "evaluation",
    "explain",
    "features",
    "grid",
    "model",
    "scoring",
    "tracking",
    "tuning",
}


def module_of(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path):
    """Return the modules of the package that a file names in its imports, at any depth of the code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("ilp_models")}


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def importers(target):
    starts = (f"{target}.", target)
    return {
        name
        for name, path in MODULES.items()
        if any(one == target or one.startswith(starts[0]) for one in imports_of(path)) and not name.startswith(GROUPS)
    }


@pytest.mark.slow
def test_only_the_wiring_of_groups_imports_them():
    assert importers(GROUPS) == WIRING | {TASK, BRIEF_PART}
    named = {one for one in imports_of(MODULES[BRIEF_PART]) if one.startswith(GROUPS)}
    assert named == {f"{GROUPS}.authorisation", f"{GROUPS}.authorisation.GroupAuthorisation"}
    assert importers(BRIEF_PART) == {BRIEF}


@pytest.mark.slow
def test_only_the_wiring_imports_what_it_makes():
    for name in PRODUCTS:
        assert importers(name) <= WIRING, name
    for name in WIRING:  # public names and the task are loaded by name
        assert importers(name) <= WIRING | {TASK, BRIEF_PART}, name
    assert importers(TASK) == set()
    assert importers(BRIEF) == {BRIEF_TASK}
    assert importers(BRIEF_TASK) == set()


def test_modules_of_groups_import_no_cells_plans_forecasts_or_stores():
    own = [name for name in MODULES if name.startswith(GROUPS) or name in WIRING | PRODUCTS]
    assert len(own) > 10
    for name in own:
        packages = {one.split(".")[1] for one in imports_of(MODULES[name]) if "." in one}
        assert packages & NEVER == set(), name


def test_no_parameter_could_record_judgements_or_join_them():
    taken = {"matrix", "scheme", "ranking", "decimal", "folder", "assessment", "path", "draws", "seed", "separation"}
    for function in (read_group_matrix, assess_groups, write_group_assessment, assess_group_file):
        assert set(inspect.signature(function).parameters) <= taken
