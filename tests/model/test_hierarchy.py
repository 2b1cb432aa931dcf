"""Counts of a city and its areas add up, forecasts too, and areas that appear or merge are refused."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.aggregate import NO_AREA, WHOLE_CITY
from ilp_models.domain.errors import InputError
from ilp_models.model.long_horizons.hierarchy import Hierarchy, find_areas, make_coherent
from tests.model.long_city import city_events

ROOT = Path(__file__).resolve().parents[2]
AGENCIES = (
    Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data")) / "agency_totals" / "agency_year.csv"
)
MONTHS = pd.period_range("2015-01", periods=60, freq="M")
TWO = Hierarchy(("district 1", "district 2"), ("A", "B"))


def test_counts_are_those_of_the_table_and_add_up():
    events = city_events()
    counts = TWO.with_sums(TWO.count(events, MONTHS, {}))
    labels = TWO.labels.apply(tuple, axis=1).tolist()
    assert labels[0] == ("city", WHOLE_CITY, "all")
    month = events.table["occurred_at"].dt.to_period("M")
    for (_, area, kind), row in zip(labels, counts, strict=True):
        own = events.table[
            ((events.table["area"] == area) | (area == WHOLE_CITY))
            & ((events.table["crime_type"] == kind) | (kind == "all"))
        ]
        expected = month[own.index].value_counts().reindex(MONTHS, fill_value=0)
        np.testing.assert_array_equal(row, expected)


@given(
    means=st.lists(st.floats(0, 500), min_size=9, max_size=9),
    variances=st.lists(st.floats(0.05, 1e4), min_size=9, max_size=9),
)
@settings(max_examples=40)
def test_forecasts_add_up_whatever_the_methods_say(means, variances):
    found = make_coherent(TWO, np.array(means)[:, None], np.array(variances)[:, None])
    lowest = found[-4:]
    assert (lowest >= 0).all()
    np.testing.assert_allclose(found[:-4], TWO.sums @ lowest, atol=1e-6)


def test_coherent_forecasts_are_not_moved_and_uncertain_series_move_more():
    lowest = np.array([20.0, 10.0, 8.0, 4.0])[:, None]
    same = TWO.with_sums(lowest)
    np.testing.assert_allclose(make_coherent(TWO, same, np.ones((9, 1))), same, atol=1e-9)
    moved = same.copy()
    moved[0] += 9
    variances = np.ones((9, 1))
    variances[0], variances[-4:] = 1e-6, [[1.0], [1.0], [1.0], [100.0]]
    variances[1:-4] = 1e6  # the sums between know nothing
    found = make_coherent(TWO, moved, variances)
    assert found[0, 0] == pytest.approx(51, abs=0.01)
    assert found[-1, 0] - 4 > 8  # nearly all of the 9 goes to the uncertain series


def test_one_crime_type_and_no_areas_are_one_series():
    one = Hierarchy((WHOLE_CITY,), ("A",))
    assert len(one.labels) == 1
    means = np.array([[3.0, 4.0]])
    np.testing.assert_array_equal(make_coherent(one, means, np.ones((1, 2))), means)


def rates_with(area, months):
    rates = np.full((2, 2, 60), 5.0)
    rates[area][:, months] = 0
    return rates


def test_an_area_that_appears_or_ends_is_refused_and_merging_helps():
    late = city_events(rates=rates_with(1, slice(0, 20)))
    with pytest.raises(InputError, match="'district 2' appears in 2016-09"):
        find_areas(late, MONTHS, {})
    early = city_events(rates=rates_with(1, slice(40, 60)))
    with pytest.raises(InputError, match="'district 2' has no record after 2018-04"):
        find_areas(early, MONTHS, {})
    merge = {"both": ["district 1", "district 2"]}
    assert find_areas(early, MONTHS, merge) == ("both",)
    with pytest.raises(InputError, match="'district 9' is not an area"):
        find_areas(early, MONTHS, {"both": ["district 9"]})
    with pytest.raises(InputError, match="need an area in each record"):
        find_areas(city_events(areas=False), MONTHS, {})


def test_a_rare_area_may_be_empty_for_a_year():
    rates = np.full((2, 2, 60), 5.0)
    rates[1] = 0.02
    assert find_areas(city_events(rates=rates), MONTHS, {}) == ("district 1", "district 2")


def test_events_without_an_area_count_in_one_of_their_own():
    events = city_events()
    table = events.table.copy()
    table.loc[table.index[:50], "area"] = np.nan
    events = replace(events, table=table)
    areas = find_areas(events, MONTHS, {})
    assert areas == ("district 1", "district 2", NO_AREA)
    hierarchy = Hierarchy(areas, events.crime_types)
    counts = hierarchy.with_sums(hierarchy.count(events, MONTHS, {}))
    assert counts[0].sum() == len(events)


@pytest.mark.skipif(not AGENCIES.exists(), reason="the totals of agencies are not in this checkout")
def test_counts_of_agencies_add_up_to_the_published_totals():
    """The Real-Time Crime Index publishes the sums of 445 agencies and of seven types, in five periods."""
    rows, periods = pd.read_csv(AGENCIES), ["n_2024", "n_2025", "ytd_2024", "ytd_2025", "ytd_2026"]
    rows["agency"] = rows["agency_name"] + ", " + rows["state_name"]
    nation = rows[rows["level"] == "nation"].set_index("crime_type")[periods]
    sample = rows[rows["in_sample"] == 1].set_index(["agency", "crime_type"])[periods].sort_index()
    kinds = tuple(sorted(set(nation.index) - {"violent_crime", "property_crime"}))
    agencies = tuple(sample.index.unique("agency"))
    assert len(agencies) == 445
    hierarchy = Hierarchy(agencies, kinds)
    keys = pd.MultiIndex.from_product([agencies, kinds])
    labels = pd.MultiIndex.from_frame(hierarchy.labels)
    found = pd.DataFrame(hierarchy.with_sums(sample.loc[keys].to_numpy(dtype=float)), index=labels, columns=periods)
    for kind in kinds:
        assert (found.loc[("city", WHOLE_CITY, kind)] == nation.loc[kind]).all()
    both = ["violent_crime", "property_crime"]
    assert (found.loc[("city", WHOLE_CITY, "all")] == nation.loc[both].sum()).all()
    totals = sample[sample.index.get_level_values("crime_type").isin(both)].groupby("agency").sum()
    np.testing.assert_array_equal(found.xs("all", level="crime_type").loc["area"].loc[list(agencies)], totals)
