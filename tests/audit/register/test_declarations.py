from datetime import UTC, datetime

import pandas as pd
import pytest

from ilp_models.audit.register.declarations import (
    Declaration,
    begin_of,
    deadline,
    declarations_for,
    declare,
    periods_between,
)
from ilp_models.audit.register.register import Register

MORNING = datetime(2026, 1, 2, 8, tzinfo=UTC)
HERE, THERE = [0.0, 0.0, 1.0, 1.0], [5.0, 5.0, 6.0, 6.0]
WEEK = pd.Period("2026-01-05", freq="W-SUN")


def test_a_declaration_comes_back_for_its_area_before_the_period(tmp_path):
    register = Register(tmp_path / "register.jsonl")
    content = {"extent": HERE, "changed": ["audit.land_share=0.1 (default 0.05)"], "group_table": "abc"}
    seal, _ = declare(register, content, "o.wner", MORNING)
    lines = register.verify().lines
    (found,) = declarations_for(lines, {"extent": HERE}, "2026-01-05T00:00:00+00:00")
    assert (found.seal, found.changed, found.group_table) == (seal, tuple(content["changed"]), "abc")
    assert declarations_for(lines, {"extent": THERE}, "2026-01-05T00:00:00+00:00") == ()
    assert declarations_for(lines, {"extent": HERE}, "2026-01-02T08:00:00+00:00") == ()
    assert declarations_for(lines, {"extent": HERE}, "") == ()
    assert declarations_for(lines, {}, "2026-01-05T00:00:00+00:00") == ()


def test_differences_go_in_both_directions():
    known = Declaration("s", "m", ("a=1", "b=2"), "abc")
    assert known.differences(("b=2", "a=1"), "abc") == []
    found = known.differences(("a=1", "c=3"), "other")
    assert found[:2] == ["not declared: c=3", "declared and not used: b=2"]
    assert len(found) == 3


def test_counts_of_excluded_records_may_differ():
    known = Declaration("s", "m", ("120 records excluded in a.geojson (1.20%): camp",), "")
    assert known.differences(("1,340 records excluded in a.geojson (2.00%): camp",), "") == []
    assert known.differences(("120 records excluded in b.geojson (1.20%): camp",), "") != []


@pytest.mark.parametrize(("zone", "hour"), [("Europe/London", 0), ("America/Toronto", 5)])
def test_a_period_begins_at_midnight_of_the_records(zone, hour):
    assert begin_of(WEEK, zone) == datetime(2026, 1, 5, hour, tzinfo=UTC)
    assert deadline(WEEK, zone, MORNING, simulated=False) == begin_of(WEEK, zone)


def test_simulated_records_have_no_calendar():
    assert deadline(WEEK, "UTC", MORNING, simulated=True) > MORNING


def test_whole_periods_between_two_moments_are_counted():
    weeks = pd.period_range("2025-12-29", periods=4, freq="W-SUN")
    assert periods_between(weeks, datetime(2025, 12, 29, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC), "UTC") == 2
    assert periods_between(weeks, datetime(2025, 12, 30, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC), "UTC") == 0
