from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.borders import merge_neighbours, why_incomplete, widen_grid, widen_history
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.history import History
from ilp_models.grid.square import SquareGrid
from tests.builders import events_at

HERE = events_at([630_100.0, 630_900.0], [4_834_100.0, 4_834_100.0])


def test_conversion_moves_places_and_clocks():
    abroad = HERE.converted(crs="EPSG:32618", time_zone="Europe/London")
    assert (abroad.table["occurred_at"] - HERE.table["occurred_at"] == pd.Timedelta(hours=5)).all()
    assert abroad.start - HERE.start == pd.Timedelta(hours=5)
    back = abroad.converted(crs=HERE.crs, time_zone=HERE.time_zone)
    np.testing.assert_allclose(back.table[["x", "y"]], HERE.table[["x", "y"]], atol=1e-6)
    pd.testing.assert_series_equal(back.table["occurred_at"], HERE.table["occurred_at"], check_dtype=False)


def test_the_hour_that_a_clock_skips_or_repeats_is_read_by_rule():
    spring = events_at([630_100.0], [4_834_100.0], occurred_at="2021-03-14 02:30", start="2021-03-01", end="2021-04-05")
    autumn = events_at([630_100.0], [4_834_100.0], occurred_at="2021-11-07 01:30", start="2021-11-01", end="2021-12-06")
    read = [one.converted(crs=one.crs, time_zone="UTC").table["occurred_at"].iloc[0] for one in (spring, autumn)]
    assert read == [pd.Timestamp("2021-03-14 07:00"), pd.Timestamp("2021-11-07 05:30")]


def test_a_report_never_precedes_its_incident_on_another_clock():
    # an hour apart in UTC, on both sides of the end of summer time in London: the same hour twice
    one = events_at(
        [630_100.0],
        [4_834_100.0],
        occurred_at="2021-10-31 00:40",
        time_zone="UTC",
        start="2021-10-25",
        end="2021-11-29",
    )
    late = replace(one, table=one.table.assign(reported_at=pd.Timestamp("2021-10-31 01:10")))
    table = late.converted(crs=one.crs, time_zone="Europe/London").table
    assert (table["reported_at"] >= table["occurred_at"]).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"end": pd.Timestamp("2021-01-25")}, "to 2021-01-24 in whole periods, and 2021-01-04 to 2021-01-31 is needed"),
        ({"start": pd.Timestamp("2021-01-12")}, "is needed"),
        ({"settles_after": pd.Timedelta(days=8)}, "is needed"),
    ],
)
def test_records_that_do_not_cover_the_study_area_say_so(changes, words):
    assert words in why_incomplete(HERE, replace(HERE, **changes), Calendar())
    assert why_incomplete(HERE, HERE, Calendar()) == ""


def test_records_without_a_shared_type_say_so():
    other = replace(HERE, table=HERE.table.assign(crime_type=pd.Categorical(["Fraud", "Fraud"])))
    assert "share no crime type" in why_incomplete(HERE, other, Calendar())


def test_only_shared_types_within_the_margin_are_merged():
    kinds = list(HERE.crime_types)
    other = events_at([632_000.0, 690_000.0, 632_000.0], [4_834_100.0] * 3)
    types = pd.Categorical([kinds[0], kinds[0], "Fraud"], categories=[*kinds, "Fraud"])
    other = replace(other, table=other.table.assign(crime_type=types))
    merged = merge_neighbours(HERE, [other], 5000.0)
    assert merged.table["x"].tolist() == [632_000.0]
    assert merged.crime_types == HERE.crime_types
    assert "area" not in merged.table
    assert len(merge_neighbours(HERE, [])) == 0


@pytest.mark.parametrize("spans", [(True, True), (True, False), (False, True)])
def test_spans_count_on_both_sides_of_a_border_as_in_one_study_area(spans):
    """Each side has an incident from Friday to Tuesday; without spans it counts at its start."""
    sides = []
    for has_spans, x in zip(spans, (630_100.0, 630_900.0), strict=True):
        one = events_at([x], [4_834_100.0], occurred_at="2021-01-08", reported_at="2021-01-12")
        table = one.table.assign(occurred_until=pd.Timestamp("2021-01-12"))
        sides.append(replace(one, table=table) if has_spans else one)
    own, other = sides
    history = History.from_events(own.end, own, SquareGrid(500).build(own), Calendar())
    beyond = merge_neighbours(own, [other])
    grid = widen_grid(history.grid, history.events, beyond, 2000)
    past = widen_history(history, beyond, grid).panel.past
    for usable, shares in ((1, (0, 1)), (2, (1, 1))):
        (sums,) = past.window_sums(np.array([usable]), [(usable, usable)])
        expected = [0.75 * shares[0] if has_spans else shares[1] for has_spans in spans]  # three of four days
        np.testing.assert_allclose(sums[0, 0], expected)
