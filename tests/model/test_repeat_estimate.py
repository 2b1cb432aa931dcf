"""The estimate of repeats: known repeats are recovered, and busy seasons of places are not called repeats."""

import numpy as np
import pandas as pd
import pytest

from ilp_models.description.near_repeats import NearRepeats
from ilp_models.domain.description import DescriptionData
from ilp_models.model.point_processes.repeat_estimate import estimate_repeats
from tests.builders import city, events_at

EDGES = np.array([1.0, 2, 4, 8, 15, 29, 58])
SIDE, DAYS = 5000.0, 728
WEST, SOUTH = 630_000.0, 4_834_000.0


def records(xy, day):
    inside = ((xy > 0) & (xy < SIDE)).all(axis=1) & (day < DAYS)
    when = pd.Timestamp("2021-01-04") + pd.to_timedelta(day[inside], unit="D")
    span = {"start": "2021-01-04", "end": "2023-01-02", "types": ("Burglary",)}
    return events_at(WEST + xy[inside, 0], SOUTH + xy[inside, 1], when.floor("s"), **span), city(10, 10)


def season_of_places(rng, size=3000, places=400):
    """Return incidents at places that are busy in opposite halves of the year, without any repeats."""
    spot, weight = rng.uniform(0, SIDE, (places, 2)), rng.gamma(0.7, 1, places)
    chosen = rng.choice(places, 4 * size, p=weight / weight.sum())
    side, day = np.where(spot[chosen, 0] < SIDE / 2, 1, -1), rng.uniform(0, DAYS, 4 * size)
    taken = np.flatnonzero(rng.uniform(size=4 * size) < (1 + 0.5 * side * np.cos(2 * np.pi * day / 364)) / 2)[:size]
    return spot[chosen[taken]], day[taken]


def with_repeats(rng, offspring, size=2500):
    """Return incidents that trigger others, about 7 days later and 100 m away."""
    parents = rng.uniform(0, SIDE, (size, 2)), rng.uniform(0, DAYS, size)
    found = [parents]
    while len(parents[1]):
        again = np.repeat(np.arange(len(parents[1])), rng.poisson(offspring, len(parents[1])))
        xy = parents[0][again] + rng.normal(0, 100, (len(again), 2))
        parents = xy, parents[1][again] + 1 + rng.exponential(6, len(again))
        found.append(parents)
    return np.concatenate([xy for xy, _ in found]), np.concatenate([day for _, day in found])


@pytest.mark.slow
def test_known_repeats_are_recovered():
    events, grid = records(*with_repeats(np.random.default_rng(1), 0.3, size=2000))
    found = estimate_repeats(events, grid, EDGES, draws=1)["Burglary"]
    assert found.triggered_share == pytest.approx(0.3, abs=0.05)
    assert found.shuffled_share < 0.03
    assert found.repeats[:4].sum() / found.offspring > 0.8  # 1 - exp(-14 / 6) is 0.9
    spread = np.sqrt(found.shares @ found.scales**2)
    assert 60 < spread < 160


def test_busy_seasons_of_places_are_not_called_repeats():
    events, grid = records(*season_of_places(np.random.default_rng(0)))
    found = estimate_repeats(events, grid, EDGES, draws=1)["Burglary"]
    assert found.triggered_share < 0.04
    part = NearRepeats(draws=199, min_ratio=1.02)
    data = DescriptionData(
        events, grid, repeat_model=lambda known, edges: estimate_repeats(known, grid, edges, draws=1)
    )
    compared = part.describe(data)
    assert compared.tables["knox"]["near_repeat"].any()  # the Knox table cannot separate the two
    row = compared.tables["process"].iloc[0]
    assert row["chain_pairs"] < 0.15 * row["excess_pairs"]
    assert "busy for weeks or months" in row["reading"]


def test_too_few_incidents_have_a_reason():
    xy, day = season_of_places(np.random.default_rng(0), size=150)
    assert "fewer than 200" in estimate_repeats(*records(xy, day), EDGES)["Burglary"]
