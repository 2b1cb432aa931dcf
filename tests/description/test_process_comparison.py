"""The comparison of a Knox table with a process: masses of the bands by hand and by simulation."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.description.near_repeats import NearRepeats
from ilp_models.description.process_comparison import delay_edges
from ilp_models.domain.repeat_process import RepeatProcess
from tests.description.test_near_repeats import city, data_of

EDGES = np.array([1.0, 2, 4, 8, 15, 29, 58])


def process(offspring=0.3, shuffled=0.0):
    repeats = offspring * np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.1])
    scales, shares = np.array([50.0, 200.0]), np.array([0.25, 0.75])
    return RepeatProcess(1000, offspring, shuffled, EDGES, repeats, scales, shares)


def compared(model, *, repeats=60, **settings):
    data = data_of(city(repeats))
    part = NearRepeats(draws=499, **settings)
    return part.describe(replace(data, repeat_model=lambda *_: {"burglary": model}))


@pytest.mark.parametrize("metric", ["manhattan", "euclidean"])
def test_direct_repeats_of_a_band_are_those_of_simulated_distances(metric):
    table = compared(process(), metric=metric).tables["process_bands"]
    rng, size = np.random.default_rng(0), 400_000
    xy = np.abs(rng.normal(size=(size, 2)) * np.where(rng.uniform(size=size) < 0.25, 50, 200)[:, None])
    away = xy.sum(axis=1) if metric == "manhattan" else np.hypot(*xy.T)
    late = {"1 to 7 days": 0.6, "8 to 14 days": 0.2, "15 to 28 days": 0.1}
    for row in table.to_dict("records"):
        low, high = {"under 200 m": (0, 200), "200 to under 400 m": (200, 400)}.get(row["distance"], (400, 600))
        share = ((away >= low) & (away < high)).mean() * late[row["days"]]
        assert row["direct_share"] == pytest.approx(share, abs=0.003)
        assert row["direct_repeats"] == pytest.approx(300 * share, abs=1)
    assert table["excess_share"].sum() == pytest.approx(1)


def test_pairs_of_the_bands_are_those_of_the_knox_table():
    part = compared(process())
    knox = part.tables["knox"].query("q.notna() and days_to > 0")
    table = part.tables["process_bands"]
    assert table["observed"].sum() == knox["observed"].sum()
    near = knox[knox["below_m"] <= 200].groupby("days", sort=False)["observed"].sum()
    assert table.loc[table["distance"] == "under 200 m", "observed"].tolist() == near.tolist()


def test_pairs_of_chains_are_those_of_simulated_clusters():
    row = compared(process()).tables["process"].iloc[0]
    rng, pairs = np.random.default_rng(0), 0
    for _ in range(3000):
        size = fresh = 1
        while fresh:
            fresh = rng.poisson(0.3 * fresh)
            size += fresh
        pairs += size * (size - 1) / 2
    assert row["chain_pairs"] / row["incidents"] == pytest.approx(0.7 * pairs / 3000, rel=0.1)
    assert row["process_half_days"] == 5  # of 0.9 until day 28, 0.3 are before day 4 and 0.6 before day 8
    assert row["process_half_distance_m"] == pytest.approx(213, abs=1)  # by bisection of erf(r / 2 s) squared


@pytest.mark.parametrize(
    ("model", "repeats", "words"),
    [
        (process(0.3), 60, "Both find repeats"),
        (process(0.015), 60, "Chains of repeats explain at most"),
        (process(0.005), 60, "Only the Knox table"),
        (process(0.04, 0.04), 60, "The process cannot tell"),
        (process(0.3), 0, "Only the process"),
        (process(0.005), 0, "Neither finds"),
    ],
)
def test_the_reading_says_who_finds_repeats(model, repeats, words):
    assert compared(model, repeats=repeats).tables["process"]["reading"].iloc[0].startswith(words)


def test_without_a_process_the_rest_is_described():
    part = compared("It has 9 incidents, fewer than 200.")
    assert part.tables["process"].empty
    assert len(part.tables["knox"])
    assert "burglary: near repeats are not compared with a process. It has 9 incidents, fewer than 200." in part.notes
    off = compared(process(), process=False)
    assert off.tables["process_bands"].empty


def test_edges_of_delay_are_those_of_the_day_bands():
    assert delay_edges(NearRepeats().bands).tolist() == EDGES.tolist()
    assert delay_edges(NearRepeats(day_bands=(1,)).bands).tolist() == [1, 2]
    assert delay_edges(NearRepeats(day_bands=(7,)).bands).tolist() == [1, 2, 4, 7, 14]
    assert isinstance(compared(process(), day_bands=(1,)).tables["process_bands"], pd.DataFrame)
