"""Reasons in words: counts that were known first, then what changes the forecast."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from ilp_models.domain import family_reasons as families
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.family_reasons import FAMILY_KEYS, FamilyReasons
from ilp_models.domain.history import History
from ilp_models.domain.reason_words import COUNTS, REASON_TABLE, reason_table
from tests.builders import city, events_of, forecast_on

WEEKS = 60
KIND = "a"


def counts_of(first_cell=None, other=0):
    """Return counts (1, 2, weeks): those of the first cell, and a constant count in its only neighbour."""
    counts = np.full((1, 2, WEEKS), other)
    counts[0, 0] = 5 if first_cell is None else first_cell
    return counts


def history_of(counts, weeks=WEEKS, **settings):
    events = events_of(counts, city(1, 2))
    cutoff = events.start + pd.Timedelta(weeks=weeks)
    return History.from_events(cutoff, events, settings.pop("grid", city(1, 2)), Calendar(), **settings)


def words(counts, parts, *, expected=5.0, **settings):
    """Return the words for the first cell, whose parts are given; its usual level is what remains of the forecast."""
    history = history_of(counts, **settings)
    forecast = forecast_on(history.grid, types=(KIND,), expected=[expected, expected])
    cube = forecast.expected.assign_coords(period=history.calendar.next_periods(history.cutoff, 1))
    shares = {family: np.full(cube.shape, part) for family, part in parts.items()}
    if families.METHOD not in parts:
        shares[families.USUAL] = cube.values - 1 - sum(parts.values())
    reasons = FamilyReasons.from_parts(cube, np.ones((1, 1)), shares)
    table = reason_table(reasons, history)
    assert list(table.columns) == list(REASON_TABLE)
    assert table["period"][0] == history.cutoff
    return table["words"][0]


def latest(*last, before=5):
    return [before] * (WEEKS - len(last)) + list(last)


def test_the_sentence_of_the_issue():
    counts = counts_of(latest(6, 4, 7, 5), other=9)
    assert words(counts, {families.NEIGHBOURS: 0.3}, expected=5.3) == (
        "About 5 a week here over the past year; last four weeks 6, 4, 7, 5; same week last year 5. "
        "Up 6 % because neighbouring squares were busier."
    )


def test_at_most_two_changes_strongest_first_and_small_ones_are_left_out():
    parts = {families.TREND: -1.0, families.SEASON: 0.5, families.OTHER_TYPES: 0.4, families.CONTEXT: 0.05}
    assert words(counts_of(), parts).endswith(
        "Down 17 % because of the city-wide trend, up 11 % because of the time of year and holidays."
    )
    assert words(counts_of(), {families.CONTEXT: 0.05}).endswith("No other reason changes it by 2 % or more.")


@pytest.mark.parametrize(
    ("last", "part", "said"),
    [
        ((9, 9, 9, 9), 1.0, "Up 25 % because the last weeks here were busier."),
        ((1, 1, 1, 1), -1.0, "Down 17 % because the last weeks here were quieter."),
        ((1, 1, 1, 1), 1.0, "Up 25 % because of the last weeks here."),
        ((9, 9, 9, 9), 3.0, "Mostly because the last weeks here were busier."),
    ],
)
def test_busier_and_quieter_are_said_only_if_the_counts_show_it(last, part, said):
    assert words(counts_of(latest(*last)), {families.RECENT: part}).endswith(said)


def test_a_quiet_cell_has_its_whole_counts():
    assert words(counts_of(latest(0, 0, 1, 2, before=0)), {}).startswith(
        "3 here in the past year; last four weeks 0, 0, 1, 2; same week last year 0."
    )
    assert words(counts_of(latest(0, before=0), other=1), {}).startswith("None here in the past year; last four weeks")


def test_what_a_short_history_lacks_is_left_out():
    assert words(counts_of(), {}, weeks=20).startswith("Last four weeks 5, 5, 5, 5. ")
    assert words(counts_of(), {}, weeks=2).startswith("Last two weeks 5, 5. ")
    table = reason_table_of(weeks=20)
    assert table[list(COUNTS)].isna().any().tolist() == [True, False, False, False, False, True]


def reason_table_of(**settings):
    history = history_of(counts_of(), **settings)
    cube = forecast_on(history.grid, types=(KIND,), expected=[1.0, 1.0]).expected
    cube = cube.assign_coords(period=history.calendar.next_periods(history.cutoff, 1))
    return reason_table(
        FamilyReasons.from_parts(cube, np.ones((1, 1)), {families.USUAL: np.zeros(cube.shape)}), history
    )


def test_counts_after_the_cutoff_are_not_named():
    later = counts_of(latest(99, 99, 99))
    assert words(later, {}, weeks=WEEKS - 3) == words(counts_of(), {}, weeks=WEEKS - 3)


def test_counts_that_end_before_the_cutoff_are_called_recorded():
    assert "last four recorded weeks 5, 5, 5, 5" in words(counts_of(), {}, record_lag=1)


def test_cells_that_are_no_squares_are_called_areas():
    grid = city(1, 2)
    grid = replace(grid, geometry=shapely.segmentize(grid.geometry, 300.0))
    assert "neighbouring areas" in words(counts_of(other=9), {families.NEIGHBOURS: 1.0}, grid=grid)


def test_a_method_without_reasons_says_so():
    text = words(counts_of(), {families.METHOD: 4.0})
    assert text.endswith("same week last year 5. This method's estimate cannot be split into reasons.")


def test_fields_of_the_table_add_up():
    table = reason_table_of()
    total = table["reference"] + table[list(FAMILY_KEYS.values())].sum(axis=1)
    np.testing.assert_allclose(total, table["expected"])
    assert table.loc[0, list(COUNTS)].tolist() == [260, 5, 5, 5, 5, 5]
