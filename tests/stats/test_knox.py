import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.stats.knox import (
    count_close_pairs,
    count_near,
    count_near_days,
    find_close_pairs,
    knox_table,
    local_knox,
    pairs_by_lag,
)

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data"))
PUBLISHED = pytest.mark.skipif(not (SHARED / "knox_burkitt").exists(), reason="the published data are not here")


def dates(column):
    return ((pd.to_datetime(column) - pd.Timestamp("2015-01-01")).dt.days).to_numpy(dtype=np.int64)


def table_of(xy, days, edges, day_edges, metric="manhattan", draws=1):
    edges, day_edges = np.array(edges, dtype=float), np.array(day_edges, dtype=np.int64)
    pairs = find_close_pairs(xy, days, edges, int(day_edges[-1]), metric)
    return knox_table(pairs, days, day_edges, draws=draws, rng=np.random.default_rng(0))


def count_in_loops(xy, days, edges, day_edges, metric="manhattan"):
    out = np.zeros((len(edges) + 1, len(day_edges) + 1), dtype=int)
    for i, j in combinations(range(len(days)), 2):
        x, y = np.abs(xy[i] - xy[j])
        distance = x + y if metric == "manhattan" else np.sqrt(x * x + y * y)
        row = sum(distance >= edge for edge in edges)
        out[row, sum(abs(days[i] - days[j]) >= edge for edge in day_edges)] += 1
    return out


places = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 9))


@given(st.lists(places, min_size=2, max_size=30), st.sampled_from(["manhattan", "euclidean"]))
@settings(max_examples=60)
def test_every_pair_counts_once_also_at_the_edges_of_bands(points, metric):
    events = np.array(points)
    xy, days = events[:, :2].astype(float), events[:, 2].astype(np.int64)
    edges, day_edges = (0.5, 2.0, 5.0), (1, 3, 4)
    table = table_of(xy, days, edges, day_edges, metric)
    expected = count_in_loops(xy, days, edges, day_edges, metric)
    assert table.observed.tolist() == expected.tolist()
    margins = np.outer(expected.sum(axis=1), expected.sum(axis=0)) / expected.sum()
    np.testing.assert_allclose(table.expected, margins)


def test_p_values_are_those_of_all_permutations():
    xy = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    days = np.array([0, 0, 5, 5])
    table = table_of(xy, days, [3.0], [1], draws=3999)
    # three places are close; of three ways to pair four dates, each leaves one same-day pair among these
    assert table.observed.tolist() == [[1, 2], [1, 2]]
    assert table.p[0, 0] == 1.0
    days = np.array([0, 0, 0, 5])  # the pairs on one day are those of three events, of four choices of the odd one
    table = table_of(xy, days, [3.0], [1], draws=3999)
    assert table.observed[0, 0] == 3
    assert table.p[0, 0] == pytest.approx(1 / 4, abs=0.03)


def test_blocks_and_batches_count_as_one_loop(monkeypatch):
    rng = np.random.default_rng(1)
    xy, days = rng.integers(0, 40, (150, 2)).astype(float), rng.integers(0, 9, 150)
    whole = table_of(xy, days, [1.0, 30.0], [1, 4], draws=150)
    assert whole.observed.tolist() == count_in_loops(xy, days, (1.0, 30.0), (1, 4)).tolist()
    assert whole.observed[:-1].sum() > 2048
    monkeypatch.setattr("ilp_models.stats.knox._PAIRS_A_PART", 700)
    parts = table_of(xy, days, [1.0, 30.0], [1, 4], draws=150)
    assert parts.observed.tolist() == whole.observed.tolist()


def test_dates_at_random_give_uniform_p_values():
    rng = np.random.default_rng(5)
    xy = rng.normal(0, 100, (60, 2))
    p = [table_of(xy, rng.integers(0, 20, 60), [80.0], [2], draws=99).p[0, 0] for _ in range(200)]
    assert np.mean(p) == pytest.approx(0.5, abs=0.08)
    assert np.mean(np.array(p) <= 0.1) < 0.17


def test_one_place_or_one_day_gives_no_clustering():
    rng = np.random.default_rng(2)
    one_place = table_of(np.zeros((40, 2)), rng.integers(0, 9, 40), [0.5, 9.0], [1, 4], draws=19)
    assert one_place.p.tolist() == np.ones((3, 3)).tolist()
    np.testing.assert_allclose(one_place.observed, one_place.expected)
    one_day = table_of(rng.normal(0, 9, (40, 2)), np.zeros(40, dtype=np.int64), [0.5, 9.0], [1, 4], draws=19)
    np.testing.assert_allclose(one_day.observed, one_day.expected)
    assert one_day.p.min() == 1.0


def test_lags_longer_than_the_records_hold_no_pair():
    assert pairs_by_lag(np.array([3, 3, 4]), 5).tolist() == [1, 2, 0, 0, 0, 0]


def test_the_number_of_close_pairs_is_known_without_a_list():
    xy = np.array([[0.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    assert count_close_pairs(xy, 2.0, "manhattan") == 1
    assert count_close_pairs(xy[:1], 2.0, "manhattan") == 0


@PUBLISHED
def test_published_arson_table_is_met_within_one_pair():
    events = pd.read_csv(SHARED / "near_repeat_arson" / "chicago_arson_2016.csv")
    golden = pd.read_csv(SHARED / "near_repeat_arson" / "expected_arson.csv")
    xy, days = events[["x_m", "y_m"]].to_numpy(), dates(events["date"])
    table = table_of(xy, days, [0.5, 200, 400, 600], [1, 2, 3], draws=999)
    observed = table.observed.ravel()
    assert np.abs(observed - golden["observed"]).max() <= 1
    assert observed.tolist() == golden["observed_float64"].tolist()
    assert observed.sum() == 135_981
    rounded = table_of(xy.astype(np.float32).astype(float), days, [0.5, 200, 400, 600], [1, 2, 3])
    assert rounded.observed.ravel().tolist() == golden["observed"].tolist()
    many = golden["observed"] > 100
    np.testing.assert_allclose(table.expected.ravel()[many], golden["expected_closed_form"][many], rtol=0.01)
    assert table.observed[1, 0] / table.expected[1, 0] == pytest.approx(53.04, abs=0.01)
    np.testing.assert_allclose(table.p.ravel(), golden["printed_p"], atol=0.15)  # 99 draws were printed
    assert (table.p.ravel() <= 0.01).tolist()[:9] == (golden["printed_p"] <= 0.01).tolist()[:9]


@PUBLISHED
@pytest.mark.parametrize("number", range(3))
def test_published_burglary_tables_are_met_exactly(number):
    events = pd.read_csv(SHARED / "near_repeat_arson" / "chicago_burglary_2016-01.csv")
    golden = pd.read_csv(SHARED / "near_repeat_arson" / "expected_burglary.csv")
    golden = golden[golden["table"] == golden["table"].unique()[number]]
    edges, day_edges = golden["below_m"].dropna().unique(), golden["days_to"].dropna().unique() + 1
    table = table_of(events[["x_m", "y_m"]].to_numpy(), dates(events["date"]), edges, day_edges)
    shown = slice(None, golden["days_from"].nunique())  # one table leaves the open band of days out
    assert table.observed[: golden["from_m"].nunique(), shown].ravel().tolist() == golden["observed"].tolist()
    expected = table.expected[: golden["from_m"].nunique(), shown].ravel()
    np.testing.assert_allclose(expected, golden["expected_closed_form"], atol=1e-6)


@PUBLISHED
def test_burkitt_knox_and_local_knox_are_those_printed():
    events = pd.read_csv(SHARED / "knox_burkitt" / "burkitt.csv")
    golden = pd.read_csv(SHARED / "knox_burkitt" / "expected_local_knox.csv").set_index("event")
    xy, days = events[["x", "y"]].to_numpy(dtype=float), events["t_days"].to_numpy(dtype=np.int64)
    edge = np.array([np.nextafter(20, np.inf)])  # the printed table counts pairs at 20 as close
    pairs = find_close_pairs(xy, days, edge, 6, "euclidean")
    table = knox_table(pairs, days, np.array([6]), draws=999, rng=np.random.default_rng(0))
    assert table.observed.tolist() == [[13, 3416], [39, 14110]]
    assert table.expected[0, 0] == pytest.approx(10.143816133803618, abs=1e-9)
    assert table.p[0, 0] == pytest.approx(0.198, abs=0.05)
    near_space, near_both = count_near(pairs, days, 1, 5)
    p = local_knox(near_space, near_both, count_near_days(days, 5))
    near = np.flatnonzero(near_both)
    assert near.tolist() == golden.index.tolist()
    assert near_space[near].tolist() == golden["n_space"].tolist()
    assert near_both[near].tolist() == golden["n_space_time"].tolist()
    np.testing.assert_allclose(p[near], golden["p_printed"], atol=1e-7)
    assert np.flatnonzero(p <= 0.05).tolist() == [41, 42, 118]
