from dataclasses import replace

import numpy as np
import pandas as pd

from ilp_models.domain.region import Region
from ilp_models.report.formatting import percent
from ilp_models.report.region_skill import group_rows, shared_skill_rows, skill_rows
from tests.domain.test_region import FAILED, NORTH
from tests.domain.test_region_sums import SHARDS, facts, groups

REGION = Region(
    "county",
    "weekly",
    (*(facts(name, counts, group_sums=(groups(1),)) for name, counts in SHARDS.items()), FAILED),
    parts={"P": ["north", "south"]},
)


def test_the_region_comes_first_and_missing_jurisdictions_are_named():
    rows = shared_skill_rows(REGION, REGION.skill())
    assert [(one["name"], one["forecaster"], one["missing"]) for one in rows] == [
        ("county", "ewma", "gone"),
        ("P", "ewma", "none"),
    ]
    assert {one["span"] for one in rows} == {"26 from 2021-01-04"}
    assert all(one["skill"].endswith("%") and " to " in one["interval"] for one in rows)


def test_a_group_of_the_region_has_its_sums():
    (row,) = group_rows(REGION.groups())
    people = 3 * groups(1).values[0]
    assert (row["group"], row["residents"], row["missing"]) == ("income: low", f"{people:,.0f}", "gone")


def test_skill_of_a_jurisdiction_is_that_of_all_types_without_bounds():
    table = pd.DataFrame({"forecaster": ["ewma", "oracle", "ewma"], "crime_type": ["all", "all", "a"], "lead": 1})
    one = replace(NORTH, skill=table.assign(skill=0.1, low=np.nan, high=np.nan, verdict="tie"))
    (row,) = skill_rows(one)
    assert (row["forecaster"], row["skill"], row["verdict"]) == ("ewma", percent(0.1), "tie")
