import sqlite3

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import all_columns
from ilp_models.features.means import CityLevel, ExponentialMeans, Lags, RollingMeans
from tests.builders import city, history_of, poisson_counts

ROWS, COLUMNS = 3, 4
GRID = city(ROWS, COLUMNS)
COUNTS = poisson_counts((2, ROWS * COLUMNS, 40), rate=0.8)
HISTORY = history_of(COUNTS, GRID)
STEPS = st.integers(1, 5)
FAMILIES = [
    Lags((1, 3)),
    RollingMeans((1, 5)),
    ExponentialMeans((1, 9)),
    ExponentialMeans((2,), reach_cells=1.0),
    ExponentialMeans((2,), reach_cells=1.0, all_types=True),
    CityLevel((2, 6), against=12),
]


def written(family, history=HISTORY, periods=None, step=1):
    """Return the family's columns, shape (periods, types, cells, columns), written over garbage."""
    periods = history.panel.periods if periods is None else periods
    out = np.full((len(periods), *history.panel.values.shape[:2], len(family.columns(history))), np.nan, np.float32)
    family.write(history, periods, step, out)
    return out


def ahead(step, history=HISTORY):
    return history.panel.periods[[-1]] + step


def known(values, target, step, half_life):
    """Return the weighted mean of the weeks up to ``step`` before a target, straight from its definition."""
    past = values[..., : max(target - step + 1, 0)].astype(float)
    weights = 0.5 ** (np.arange(past.shape[-1])[::-1] / half_life)
    return past @ weights / weights.sum() if past.shape[-1] else np.zeros(values.shape[:-1])


def distances():
    """Return the steps between squares that share sides, counted as blocks are walked."""
    row, column = np.divmod(np.arange(ROWS * COLUMNS), COLUMNS)
    return np.abs(np.subtract.outer(row, row)) + np.abs(np.subtract.outer(column, column))


def surroundings(values, reach):
    """Return Gaussian means over cells (last axis) with weights cut off beyond three times the reach."""
    steps = distances()
    weights = np.where(steps <= 3 * reach, np.exp(-(steps**2) / (2 * reach**2)), 0)
    return values @ (weights / weights.sum(axis=1, keepdims=True)).T


def test_lags_equal_sql_windows():
    kinds, cells, weeks = COUNTS.shape
    rows = [(k, c, w, int(COUNTS[k, c, w])) for k in range(kinds) for c in range(cells) for w in range(weeks)]
    with sqlite3.connect(":memory:") as base:
        base.execute("create table counts (kind, cell, week, n)")
        base.executemany("insert into counts values (?, ?, ?, ?)", rows)
        window = "over (partition by kind, cell order by week)"
        query = f"select lag(n, 1, 0) {window}, lag(n, 4, 0) {window} from counts order by week, kind, cell"  # noqa: S608
        oracle = np.array(base.execute(query).fetchall()).reshape(weeks, kinds, cells, 2)
    base.close()
    np.testing.assert_array_equal(written(Lags((1, 4))), oracle)


@pytest.mark.parametrize("step", [1, 4])
def test_rolling_means_equal_sql_windows(step):
    kinds, cells, weeks = COUNTS.shape
    rows = [(k, c, w, int(COUNTS[k, c, w])) for k in range(kinds) for c in range(cells) for w in range(weeks)]
    with sqlite3.connect(":memory:") as base:
        base.execute("create table counts (kind, cell, week, n)")
        base.executemany("insert into counts values (?, ?, ?, ?)", rows)
        spans = [f"rows between {step + count - 1} preceding and {step} preceding" for count in (1, 6)]
        window = "coalesce(avg(n) over (partition by kind, cell order by week {}), 0)"
        query = f"select {', '.join(window.format(span) for span in spans)} from counts order by week, kind, cell"  # noqa: S608
        oracle = np.array(base.execute(query).fetchall()).reshape(weeks, kinds, cells, 2)
    base.close()
    np.testing.assert_allclose(written(RollingMeans((1, 6)), step=step), oracle, rtol=1e-6)


@pytest.mark.parametrize("step", [1, 2, 4])
def test_lags_start_at_the_last_usable_week(step):
    shown = written(Lags((1, 2)), periods=ahead(step), step=step)[0]
    np.testing.assert_array_equal(shown[..., 0], COUNTS[..., -1])
    np.testing.assert_array_equal(shown[..., 1], COUNTS[..., -2])


@settings(max_examples=25)
@given(st.lists(st.floats(0.5, 200.0), min_size=1, max_size=3, unique=True), STEPS)
def test_own_means_are_direct_weighted_sums(half_lives, step):
    shown = written(ExponentialMeans(half_lives), step=step)
    for column, half_life in enumerate(half_lives):
        oracle = np.stack([known(COUNTS, target, step, half_life) for target in range(COUNTS.shape[2])])
        np.testing.assert_allclose(shown[..., column], oracle, rtol=2e-5, atol=1e-6)


@settings(max_examples=15)
@given(st.floats(0.3, 4.0), STEPS, st.booleans())
def test_smoothed_means_equal_direct_sums(reach, step, all_types):
    shown = written(ExponentialMeans((6,), reach, all_types), periods=ahead(step), step=step)[0, ..., 0]
    counts = COUNTS.sum(axis=0, keepdims=True) if all_types else COUNTS
    oracle = surroundings(known(counts, COUNTS.shape[2] + step - 1, step, 6), reach)
    np.testing.assert_allclose(shown, np.broadcast_to(oracle, shown.shape), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("step", [1, 3])
def test_the_city_level_compares_recent_with_longer_means_of_the_city(step):
    shown = written(CityLevel((2, 6), against=12), step=step)
    totals = COUNTS.sum(axis=1)
    assert (shown[:step] == 1).all()  # no past to compare with
    for target in range(step, COUNTS.shape[2]):
        for column, half_life in enumerate((2, 6)):
            oracle = known(totals, target, step, half_life) / known(totals, target, step, 12)
            np.testing.assert_allclose(shown[target, :, :, column], oracle[:, None].repeat(12, 1), rtol=2e-5)


def test_a_type_without_events_has_ratio_one():
    empty = COUNTS.copy()
    empty[1] = 0
    assert (written(CityLevel(), history_of(empty, GRID))[:, 1] == 1).all()


@settings(max_examples=20)
@given(st.sampled_from(FAMILIES), STEPS, st.integers(0, COUNTS.shape[2] - 1), st.integers(0, 10**6))
def test_later_counts_change_nothing(family, step, target, seed):
    changed = COUNTS.copy()
    newer = changed[..., max(target - step + 1, 0) :]
    newer[...] = np.random.default_rng(seed).poisson(5, newer.shape)
    other = history_of(changed, GRID)
    periods = other.panel.periods[: target + 1]
    np.testing.assert_array_equal(
        written(family, other, periods, step)[-1], written(family, HISTORY, periods, step)[-1]
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_past_and_future_targets_have_equal_columns(family):
    for step in (1, 3):
        shorter = history_of(COUNTS[..., :30], GRID)
        target = ahead(step, shorter)
        of_the_past = written(family, HISTORY, target, step)
        np.testing.assert_allclose(written(family, shorter, target, step), of_the_past, rtol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_unknown_counts_are_refused(family):
    with pytest.raises(InputError, match="with step 0 needs counts that are not known"):
        written(family, step=0)
    with pytest.raises(InputError, match="with step 1 needs counts that are not known"):
        written(family, periods=ahead(2), step=1)


def test_columns_have_unique_names_and_labels_with_values():
    columns = all_columns(FAMILIES, HISTORY)
    assert [column.name for column in columns] == [
        "lag_1",
        "lag_3",
        "rolling_mean_1",
        "rolling_mean_5",
        "mean_1",
        "mean_9",
        "around_1_mean_2",
        "all_types_around_1_mean_2",
        "city_level_2",
        "city_level_6",
    ]
    assert [column.rate for column in columns] == ["", "", "own", "own", "own", "own", "own", "all", "", ""]
    assert columns[0].words.format(value=3) == "3 events 1 week(s) before"
    assert columns[3].words.format(value=0.5) == "0.50 events a week here over the last 5 week(s)"
    assert columns[4].words.format(value=0.5) == "0.50 events a week here lately (half-life 1 week)"
    assert (
        columns[7].words.format(value=0.5) == "0.50 events of all types a week around here lately (half-life 2 weeks)"
    )
    assert columns[8].words.format(value=1.1) == "the city at 1.10 times its longer past (half-life 2 weeks)"


def test_repeated_columns_are_refused():
    with pytest.raises(ValueError, match="Two feature families give the column 'lag_1'"):
        all_columns([Lags((1,)), Lags((2, 1))], HISTORY)


def test_long_half_lives_give_plain_means():
    plain = pd.DataFrame(COUNTS[0].T).expanding().mean().shift(1).fillna(0).to_numpy()
    np.testing.assert_allclose(written(ExponentialMeans((1e6,)))[:, 0, :, 0], plain, rtol=1e-4)
