import hashlib
import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.pipeline.previous_plan import previous_plan

WEEK = pd.Period("2022-01-03", "W-SUN")


@pytest.fixture
def register(tmp_path):
    """Return a register with the plan of the week before, whose files are in the folder `plan`."""
    folder = tmp_path / "plan"
    folder.mkdir()
    pd.DataFrame({"area": ["West", "West", ""], "effort": [1.0, 2.0, 0.5]}).to_parquet(folder / "allocation.parquet")
    digest = hashlib.sha256((folder / "allocation.parquet").read_bytes()).hexdigest()
    facts = {"files": {"allocation.parquet": digest}, "budget": {"unit": "hours"}, "by_hand": {"share": 0.1}}
    (folder / "allocation.json").write_text(json.dumps(facts))
    book = Register(tmp_path / "register.jsonl")
    content = {"periods": [str(WEEK - 1)], "folder": str(folder)}
    book.append(RegisterEntry("allocated", "planner", "a" * 64, datetime.now(UTC), content))
    return book


def test_the_plan_of_the_week_before_is_found(register):
    found = previous_plan(register, WEEK, {"West", "East", ""})
    assert found.effort.to_dict() == {"": 0.5, "West": 3.0}
    assert (found.unit, found.by_hand) == ("hours", 0.1)


def test_a_plan_of_another_week_or_other_areas_is_not_taken(register):
    assert previous_plan(register, WEEK + 1, {"West", ""}) is None
    assert previous_plan(register, WEEK, {"Elsewhere"}) is None


@pytest.mark.parametrize("name", ["allocation.parquet", "allocation.json"])
def test_a_plan_with_changed_or_missing_files_is_not_taken(register, name):
    path = register.path.parent / "plan" / name
    path.write_bytes(b"{}")
    assert previous_plan(register, WEEK, {"West", ""}) is None
    path.unlink()
    assert previous_plan(register, WEEK, {"West", ""}) is None


def test_an_unreadable_register_knows_no_plan(register):
    register.path.write_text("damaged")
    assert previous_plan(register, WEEK, {"West", ""}) is None
