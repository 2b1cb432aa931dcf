from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.domain.region import JurisdictionFacts, JurisdictionResult, Region, RunState, sum_by_area
from ilp_models.stats.funnel import exact_rate_interval


def facts(name, expected, recorded=(10, 20), kind="a", weeks=52):
    """Return a jurisdiction with two areas of one cell, and a year of recorded counts, all in the first two weeks."""
    cells = pd.DataFrame({"area": ["east", "west"], "crime_type": kind, "period": "2022-01-03", "expected": expected})
    cells = cells.assign(
        last_day="2022-01-09", recorded_last=[1, 2], recorded_four=[4, 5], recorded_year_ago=[None, None]
    )
    counts = pd.DataFrame({"period": map(str, range(weeks)), "recorded": [*recorded, *[0] * (weeks - 2)]})
    counts = counts.assign(crime_type=kind, freq="W-SUN")
    return JurisdictionFacts(JurisdictionResult(name, RunState.DONE, name), areas=sum_by_area(cells), recorded=counts)


NORTH, SOUTH = facts("north", [0.1, 0.2]), facts("south", [0.3, 0.4], (5, 5))
FAILED = JurisdictionFacts(JurisdictionResult("gone", RunState.FAILED, ""))


def test_totals_of_every_level_by_hand():
    region = Region("county", "weekly", (NORTH, SOUTH, FAILED), parts={"P": ["south"]})
    totals = region.totals().set_index(["level", "name"])
    assert totals.loc[("region", "county"), "expected"].item() == 1.0
    assert totals.loc[("jurisdiction", "north"), "expected"].item() == 0.3
    assert totals.loc[("part", "P"), "recorded_four"].item() == 9
    assert len(totals.loc["area"]) == 4
    assert totals.loc[("region", "county"), "missing"] == "gone"
    assert totals.loc[("region", "county"), "recorded_year_ago"] is pd.NA
    assert region.missing == ("gone",)
    assert repr(region) == "<Region county: weekly of 2 of 3 jurisdictions>"


def test_a_recorded_sum_is_unknown_if_a_part_of_it_is():
    known = replace(SOUTH, areas=SOUTH.areas.assign(recorded_year_ago=[7.0, 8.0]))
    totals = Region("county", "weekly", (NORTH, known)).totals().set_index(["level", "name"])
    assert totals.loc[("jurisdiction", "south"), "recorded_year_ago"] == 15
    assert totals.loc[("region", "county"), "recorded_year_ago"] is pd.NA  # a year ago 15 would look like a rise
    assert totals.loc[("region", "county"), "recorded_last"] == 6


def test_more_crimes_than_whole_millionths_can_count_are_refused():
    for expected in ([1e12, 0.0], [np.inf, 0.0], [np.nan, 2e9]):
        with pytest.raises(StorageError, match="more than 1,000,000,000 crimes"):
            facts("north", expected)


def test_a_part_of_which_no_jurisdiction_is_there_is_named_without_a_sum():
    region = Region("county", "weekly", (NORTH, FAILED), parts={"P": ["gone"], "Q": ["north", "gone"]})
    part = region.totals().set_index(["level", "name"]).loc[("part", "P")]
    assert (part["missing"], part["crime_type"], part["period"]) == ("gone", "a", "2022-01-03")
    assert pd.isna(part["expected"])
    assert part["recorded_last"] is pd.NA
    assert region.totals().set_index(["level", "name"]).loc[("part", "Q"), "expected"] == 0.3


def test_a_region_without_finished_runs_has_an_empty_table():
    assert Region("county", "weekly", (FAILED,)).totals().empty
    assert Region("county", "weekly", (FAILED,)).rates().empty


def test_rates_are_recorded_crimes_per_thousand_residents():
    region = Region("county", "weekly", (NORTH, SOUTH), population={"north": 1000.0, "south": 5000.0})
    rates = region.rates().set_index(["crime_type", "jurisdiction"])
    assert rates.loc[("a", "north"), "rate"] == 30.0
    assert rates.loc[("a", "south"), "rate"] == 2.0
    assert rates.loc[("all", "north"), "recorded"] == 30
    low, high = exact_rate_interval(np.array([30.0]), np.array([1000.0]), 0.95)
    assert rates.loc[("a", "north"), ["low", "high"]].tolist() == pytest.approx([1000 * low[0], 1000 * high[0]])
    assert rates.loc[("a", "north"), "reading"].startswith("higher than chance explains; too few jurisdictions")


def test_a_day_and_a_week_that_start_together_are_not_added_up():
    daily = replace(SOUTH, areas=SOUTH.areas.assign(last_day="2022-01-03"))
    whole = Region("county", "weekly", (NORTH, daily)).totals().query("level == 'region'").set_index("last_day")
    assert whole["expected"].to_dict() == {"2022-01-09": 0.3, "2022-01-03": 0.7}
    assert whole["missing"].to_dict() == {"2022-01-09": "south", "2022-01-03": "north"}


def test_rates_name_who_is_not_compared():
    short, empty = facts("short", [1, 1], weeks=51), facts("empty", [1, 1])
    people = {"north": 1000.0, "south": 5000.0, "short": 1000.0, "gone": 1000.0}
    region = Region("county", "weekly", (NORTH, SOUTH, FAILED, short, empty), population=people)
    rates = region.rates()
    assert set(rates["jurisdiction"]) == {"north", "south"}
    assert set(rates["missing"]) == {"gone, short, empty"}


def test_only_types_of_all_jurisdictions_with_residents_are_shared():
    region = Region("county", "weekly", (NORTH, facts("south", [1, 1], kind="b")), population={"north": 1000.0})
    assert region.shared_types == ("a",)
    both = Region("county", "weekly", region.jurisdictions, population={"north": 1000.0, "south": 1000.0})
    assert both.shared_types == ()
    assert set(both.rates()["reading"]) == {"no other jurisdiction to compare with"}
