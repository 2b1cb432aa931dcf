import json

import pytest

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.pipeline.allocation_files import (
    allocation_content,
    check_audience,
    marking_of,
    register_entry,
    summary_lines,
    write_allocation_files,
)
from ilp_models.pipeline.overrides import OverrideEffect
from tests.pipeline.small_plan import small_plan


def test_only_known_audiences_are_served():
    check_audience("all")
    with pytest.raises(InputError, match="audience=press is unknown"):
        check_audience("press")


def test_the_content_is_that_of_the_plan(tmp_path):
    plan = small_plan(weeks=1, by_hand=OverrideEffect(0.25, 0.2, ("The limit is not met.",)))
    (tmp_path / "a.csv").write_bytes(b"")
    content = allocation_content(plan, marking_of(plan), [tmp_path / "a.csv"])
    assert json.loads(json.dumps(content))["budget"] == {"amount": 2.0, "unit": "cells"}
    assert content["decision"] == plan.decision.seal
    assert content["spent"] == [1.5]
    assert content["coverage"] == 0.55
    assert content["chosen"] == {"who": "A. Planner", "why": "enough", "exposure_cap": None}
    assert content["by_hand"] == {"share": 0.25, "limit": 0.2, "warnings": ["The limit is not met."]}
    assert content["files"] == {"a.csv": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}


def test_the_line_of_the_register_names_cells_areas_and_who_chose(tmp_path):
    plan = small_plan()
    entry = register_entry(plan, "shift", tmp_path)
    assert (entry.act, entry.decision) == ("allocated", plan.decision.seal)
    assert entry.content["cells"] == 2
    assert entry.content["areas"] == ["East", "West"]
    assert entry.content["budget"] == "2 cells"
    assert (entry.content["chosen_by"], entry.content["chosen_why"]) == ("A. Planner", "enough")
    assert entry.content["folder"] == str(tmp_path)


def test_the_summary_says_what_is_covered_and_what_was_not_measured():
    lines = summary_lines(small_plan())
    assert lines[1] == "  1.5 of 2 cells in a period, 2 of 4 cells, 7.5 of 14 expected events covered (53.6%)"
    assert lines[2] == "  chosen by A. Planner: enough"
    assert lines[-1].startswith("  No group was audited")


def test_nothing_is_written_where_nothing_can_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="The allocation cannot be written"):
        write_allocation_files(small_plan(weeks=1), "shift", None, None, tmp_path / "file" / "plan")
    with pytest.raises(InputError, match="decimal"):
        write_allocation_files(small_plan(weeks=1), "shift", None, None, tmp_path / "plan", decimal="dot")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
