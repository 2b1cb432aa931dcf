import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.errors import InputError
from ilp_models.features.calendar import CalendarColumns, SameSeason, SameWeekday, TypeIndicators
from tests.builders import city, history_of, poisson_counts

GRID = city(2, 3)
COUNTS = poisson_counts((2, 6, 130), rate=0.8)
HISTORY = history_of(COUNTS, GRID)
DAYS = history_of(COUNTS, GRID, unit="day")
YEAR = 52


def written(family, periods, step, history=HISTORY):
    out = np.full((len(periods), *COUNTS.shape[:2], len(family.columns(history))), np.nan, np.float32)
    family.write(history, periods, step, out)
    return out


def same_season(counts, target, step, year, width):
    """Return the mean of the usable weeks around the same week of an earlier year."""
    middle = target - year * YEAR
    usable = [w for w in range(middle - width, middle + width + 1) if 0 <= w <= target - step]
    return counts[..., usable].mean(axis=-1) if usable else np.zeros(counts.shape[:2])


@settings(max_examples=25)
@given(st.integers(0, 4), st.integers(1, 60), st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True))
def test_the_same_season_is_a_mean_around_the_week_a_year_ago(width, step, years):
    shown = written(SameSeason(years, width), HISTORY.panel.periods, step)
    for column, year in enumerate(years):
        oracle = np.stack([same_season(COUNTS, target, step, year, width) for target in range(COUNTS.shape[2])])
        np.testing.assert_allclose(shown[..., column], oracle, rtol=1e-5, atol=1e-6)


@settings(max_examples=10)
@given(st.integers(1, 60), st.integers(0, 4))
def test_the_same_season_uses_no_later_counts(step, width):
    changed = COUNTS.copy()
    changed[..., 100 - step + 1 :] += 7
    periods = HISTORY.panel.periods[:101]
    other = history_of(changed, GRID)
    family = SameSeason((1,), width)
    np.testing.assert_array_equal(written(family, periods, step)[-1], written(family, periods, step, other)[-1])


def test_the_same_season_around_a_cell_is_its_smoothed_mean():
    periods = HISTORY.panel.periods[-5:]
    own, around = (written(SameSeason((1,), reach_cells=reach), periods, 1)[..., 0] for reach in (0.0, 1.0))
    np.testing.assert_allclose(around, GRID.smoothed(own, 1.0), rtol=1e-6)
    names = [SameSeason((1, 2), reach_cells=reach).columns(HISTORY)[1].name for reach in (0.0, 1.0)]
    assert names == ["season_2", "around_1_season_2"]


def same_weekday(counts, target, step, half_life):
    """Return the weighted mean of the usable days one, two, ... weeks before a target, straight from its definition."""
    weeks = np.array([w for w in range(1, target // 7 + 1) if 7 * w >= step])
    weights = 0.5 ** (weeks / half_life)
    return counts[..., target - 7 * weeks] @ weights / weights.sum() if len(weeks) else np.zeros(counts.shape[:2])


@settings(max_examples=25)
@given(st.lists(st.floats(0.5, 60.0), min_size=1, max_size=2, unique=True), st.integers(1, 20), st.booleans())
def test_the_same_weekday_is_a_direct_weighted_sum_over_weeks(half_lives, step, all_types):
    shown = written(SameWeekday(half_lives, all_types=all_types), DAYS.panel.periods, step, DAYS)
    counts = COUNTS.sum(axis=0, keepdims=True).repeat(2, axis=0) if all_types else COUNTS
    for column, half_life in enumerate(half_lives):
        oracle = np.stack([same_weekday(counts, target, step, half_life) for target in range(COUNTS.shape[2])])
        np.testing.assert_allclose(shown[..., column], oracle, rtol=2e-5, atol=1e-6)


def test_the_same_weekday_with_equal_weights_equals_sql():
    kinds, cells, days = COUNTS.shape
    rows = [(k, c, d, d % 7, int(COUNTS[k, c, d])) for k in range(kinds) for c in range(cells) for d in range(days)]
    with sqlite3.connect(":memory:") as base:
        base.execute("create table counts (kind, cell, day, weekday, n)")
        base.executemany("insert into counts values (?, ?, ?, ?, ?)", rows)
        window = "over (partition by kind, cell, weekday order by day rows between unbounded preceding and 1 preceding)"
        query = f"select coalesce(avg(n) {window}, 0) from counts order by day, kind, cell"  # noqa: S608
        oracle = np.array(base.execute(query).fetchall()).reshape(days, kinds, cells)
    base.close()
    shown = written(SameWeekday((1e6,)), DAYS.panel.periods, 1, DAYS)[..., 0]
    np.testing.assert_allclose(shown, oracle, rtol=1e-4)


@settings(max_examples=15)
@given(st.integers(1, 20), st.integers(20, 129))
def test_the_same_weekday_uses_no_later_counts(step, target):
    changed = COUNTS.copy()
    changed[..., target - step + 1 :] += 7
    shorter = history_of(COUNTS[..., : target - step + 1], GRID, unit="day")
    other = history_of(changed, GRID, unit="day")
    family, periods = SameWeekday((8,), reach_cells=1.0), DAYS.panel.periods[[target]]
    seen = [written(family, periods, step, one) for one in (DAYS, other, shorter)]
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_allclose(seen[0], seen[2], rtol=1e-6)


def test_the_same_weekday_around_a_cell_is_its_smoothed_mean():
    own, around = (written(SameWeekday((8,), reach), DAYS.panel.periods, 1, DAYS)[..., 0] for reach in (0.0, 1.0))
    np.testing.assert_allclose(around, GRID.smoothed(own, 1.0), rtol=1e-6)
    columns = [*SameWeekday((8, 26), 1.0).columns(DAYS), *SameWeekday((4,), all_types=True).columns(DAYS)]
    names = ["around_1_weekday_mean_8", "around_1_weekday_mean_26", "all_types_weekday_mean_4"]
    assert [column.name for column in columns] == names
    assert [column.rate for column in columns] == ["own", "own", "all"]
    assert (
        columns[2].words.format(value=1) == "1.00 events of all types here on this weekday lately (half-life 4 weeks)"
    )


def test_weeks_have_no_weekday():
    with pytest.raises(InputError, match=r"SameWeekday needs days, not weeks: set calendar\.period_unit=day"):
        SameWeekday().columns(HISTORY)


def test_calendar_columns_do_not_depend_on_the_step():
    terms = CalendarTerms("CA", "ON", harmonics=2)
    periods = HISTORY.panel.periods[[-1]] + 3
    family = CalendarColumns(terms)
    assert [column.name for column in family.columns(HISTORY)] == [
        f"calendar_{name}" for name in terms.names(HISTORY.calendar)
    ]
    for step in (3, 9):
        shown = written(family, periods, step)
        expected = np.broadcast_to(terms.values(periods, HISTORY.calendar)[0], shown.shape)
        np.testing.assert_allclose(shown, expected, rtol=1e-6)


@pytest.mark.parametrize("step", [1, 4])
def test_indicators_mark_the_crime_type(step):
    family = TypeIndicators()
    shown = written(family, HISTORY.panel.periods[-3:], step)
    assert [column.name for column in family.columns(HISTORY)] == ["type_a", "type_b"]
    for kind in range(2):
        assert (shown[:, kind] == np.eye(2)[kind]).all()
