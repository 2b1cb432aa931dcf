"""Aoristic weights against worked cases, a published table and properties."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from ilp_models.stats.aoristic import draw_times, week_weights, weighted_sum_interval
from ilp_models.stats.funnel import exact_rate_interval

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data")) / "aoristic_cases"
shared = pytest.mark.skipif(not DATA.exists(), reason="the cases are not in this checkout")
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONDAY = np.datetime64("2024-01-01T00:00", "m")


def weights(*spans):
    start, until = zip(*spans, strict=True)
    return week_weights(np.array(start, dtype="datetime64[m]"), np.array(until, dtype="datetime64[m]")).toarray()


def by_hour(start, until):
    row = weights((start, until))[0]
    return {int(hour): float(row[hour]) for hour in np.flatnonzero(row)}


@pytest.mark.parametrize(
    ("start", "until", "expected"),
    [
        ("2024-01-01T01:00", "2024-01-01T02:30", {1: 2 / 3, 2: 1 / 3}),
        ("2024-01-01T10:55", "2024-01-01T11:55", {10: 1 / 12, 11: 11 / 12}),
        ("2024-01-01T23:30", "2024-01-02T01:15", {23: 2 / 7, 24: 4 / 7, 25: 1 / 7}),
        ("2024-01-07T22:00", "2024-01-08T02:00", {166: 0.25, 167: 0.25, 0: 0.25, 1: 0.25}),
        ("2024-01-01T01:00", "NaT", {1: 1.0}),
        ("2024-01-01T01:40", "2024-01-01T01:40", {1: 1.0}),
        ("2024-01-01T14:30", "2024-01-01T12:15", {14: 1.0}),  # an end before the start
    ],
)
def test_worked_cases(start, until, expected):
    assert by_hour(start, until) == pytest.approx(expected)


def test_a_week_or_more_is_the_same_in_each_hour():
    assert weights(("2024-01-03T10:20", "2024-01-10T10:20"), ("2024-01-03T10:20", "2031-01-01T00:00")) == pytest.approx(
        np.full((2, 168), 1 / 168)
    )


@shared
def test_the_cases_of_another_program():
    cases = pd.read_csv(DATA / "cases.csv", parse_dates=["begin", "end"]).dropna(subset="begin")
    expected = pd.read_csv(DATA / "cases_expected.csv")
    own = weights(*zip(cases["begin"].to_numpy(), cases["end"].to_numpy(), strict=True))
    for name, row in zip(cases["case"], own, strict=True):
        wanted = np.zeros(168)
        rows = expected[expected["case"] == name]
        wanted[[24 * DAYS.index(day) + hour for day, hour in zip(rows["weekday"], rows["hour"], strict=True)]] = rows[
            "start_rule"
        ]
        assert row == pytest.approx(wanted, abs=1e-8), name
    assert len(cases) >= 14


@shared
def test_the_published_table_of_burglaries_in_washington():
    spans = pd.read_csv(DATA / "dc_burglaries_2016h1.csv", parse_dates=["start", "end"])
    own = weights(*zip(spans["start"].to_numpy(), spans["end"].to_numpy(), strict=True)).sum(axis=0)
    published = pd.read_csv(DATA / "dc_expected_week.csv", index_col="hour")[DAYS].to_numpy().T.ravel()
    assert own == pytest.approx(published, abs=0.00051)
    assert own.sum() == pytest.approx(1025)


@given(
    st.lists(
        st.tuples(st.integers(0, 60 * 24 * 400), st.one_of(st.none(), st.integers(-100, 60 * 24 * 20))),
        min_size=1,
        max_size=20,
    )
)
def test_the_weights_of_an_event_sum_to_1_and_lie_in_its_span(rows):
    start = MONDAY + np.array([one for one, _ in rows])
    minutes = [0 if span is None else span for _, span in rows]
    until = np.where([span is None for _, span in rows], np.datetime64("NaT"), start + np.array(minutes))
    found = week_weights(start, until.astype("datetime64[m]")).toarray()
    assert found.sum(axis=1) == pytest.approx(1)
    for row, (first, _), span in zip(found, rows, minutes, strict=True):
        inside = np.zeros(168)
        inside[[(minute // 60) % 168 for minute in range(first, first + max(1, span))]] = 1
        assert (row > 0).tolist() == (inside > 0).tolist()


def test_the_interval_of_whole_counts_is_exact():
    counts = np.array([0.0, 1.0, 7.0, 120.0])
    own = weighted_sum_interval(counts, counts, 1.0, 0.9)
    assert np.array(own) == pytest.approx(np.array(exact_rate_interval(counts, np.ones(4), 0.9)))


def test_the_interval_of_weights_covers_their_mean():
    rng = np.random.default_rng(2)
    share = rng.choice([0.1, 0.3, 1.0], (4000, 40))
    happened = rng.random((4000, 40)) < 0.15  # events come by chance, each with a weight
    mean = 40 * 0.15 * (0.1 + 0.3 + 1.0) / 3
    used = share * happened
    low, high = weighted_sum_interval(used.sum(axis=1), (used**2).sum(axis=1), 1.0, 0.95)
    assert 0.95 <= np.mean((low <= mean) & (mean <= high)) <= 0.995


def test_a_drawn_time_lies_in_its_span_and_does_not_depend_on_other_events():
    rng = np.random.default_rng(1)
    start = MONDAY + rng.integers(0, 60 * 24 * 300, 500)
    until = start + rng.integers(-20, 5000, 500)
    until[::7] = np.datetime64("NaT")
    place = rng.uniform(0, 1e6, (500, 2))
    drawn = draw_times(start, until, place)
    alone = np.isnat(until) | (until <= start)
    assert (drawn[alone] == start[alone]).all()
    assert ((start[~alone] <= drawn[~alone]) & (drawn[~alone] < until[~alone])).all()
    order = rng.permutation(500)[:200]
    assert (draw_times(start[order], until[order], place[order]) == drawn[order]).all()


def test_drawn_times_have_the_expectation_of_the_weights():
    rng = np.random.default_rng(2)
    size = 20_000
    start = np.full(size, np.datetime64("2024-01-05T16:20", "m"))  # Friday, found on Monday at 9:00
    until = np.full(size, np.datetime64("2024-01-08T09:00", "m"))
    drawn = draw_times(start, until, rng.uniform(0, 1e6, (size, 2)))
    shares = week_weights(start[:1], until[:1]).toarray()[0]
    hour = (drawn - MONDAY).astype(int) // 60 % 168
    found = np.bincount(hour, minlength=168)
    assert chisquare(found[shares > 0], size * shares[shares > 0]).pvalue > 0.01
    assert found[shares == 0].sum() == 0
