"""Ranks of areas: by hand, by the normal law, and ties where no evidence separates."""

import numpy as np
import pytest
from scipy.stats import norm

from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.area_ranking import COLUMNS, rank_areas
from tests.strategy.threat_inputs import counts_of, weights_of

AREAS = ("North", "South", "East", "West")
KINDS = ("Assault", "Burglary")


def ranked(assault, burglary, *weights, **settings):
    counts = {
        kind: counts_of(*(one if isinstance(one, tuple) else (one,)), threats=AREAS)
        for kind, one in zip(KINDS, (assault, burglary), strict=True)
    }
    table = rank_areas(counts, weights, RankDraws(**{"draws": 4000, **settings}))
    return table.set_index(["harm_set", "threat", "area"])


def test_clear_counts_give_clear_ranks_and_harm_decides_over_all_threats():
    one, two = (weights_of(low, name=name, threats=KINDS) for name, low in (("one", [1, 100]), ("two", [100, 1])))
    table = ranked([4000, 3000, 2000, 1000], [10, 20, 300, 4000], one, two)
    assert table.loc[("every set", "Assault"), "rank_from"].to_dict() == dict(zip(AREAS, (1, 2, 3, 4), strict=True))
    assert table.loc[("every set", "Burglary", "West"), ["rank_from", "rank_to", "tied_areas"]].tolist() == [1, 1, 0]
    assert table.loc[("one", "all threats", "West"), ["rank_from", "top_three_word"]].tolist() == [1, "almost certain"]
    assert table.loc[("two", "all threats", "North"), "rank_from"] == 1
    assert table.loc[("two", "all threats", "West"), "rank_to"] == 4


def test_equal_areas_are_tied_also_without_crimes():
    table = ranked([0, 0, 0, 0], [100, 100, 100, 100], draws=8000)
    for kind in KINDS:
        rows = table.loc[("every set", kind)]
        assert rows[["rank_from", "rank_to", "tied_areas"]].drop_duplicates().to_numpy().tolist() == [[1, 4, 3]]
        np.testing.assert_allclose(rows["top_three"], 0.75, atol=0.03)


@pytest.mark.parametrize(("separation", "tied"), [(0.75, 2), (0.77, 3)])
def test_areas_are_tied_as_the_normal_law_says(separation, tied):
    # the first is above each other one with the same probability, which is between both limits
    expected, variance = [1050, 1000, 1000, 1000], [2500.0] * 4
    assert norm.cdf(50 / np.sqrt(5000)) == pytest.approx(0.76, abs=0.001)
    table = ranked((expected, variance), [1, 1, 1, 1], draws=100_000, separation=separation)
    first = table.loc[("every set", "Assault", "North"), "tied_areas"]
    assert first == (0 if tied == 2 else 3)
    assert table.loc[("every set", "Assault", "South"), "tied_areas"] == tied


def test_wide_readings_tie_areas_whose_order_depends_on_the_reading():
    counts = ([1000, 10, 10, 10], [10, 1000, 10, 10])
    known = ranked(*counts, weights_of([10, 1], threats=KINDS))
    wide = ranked(*counts, weights_of([0.1, 1], [10, 1], threats=KINDS))
    rows = [one.loc[("days", "all threats", "North"), ["rank_from", "rank_to"]].tolist() for one in (known, wide)]
    assert rows == [[1, 1], [1, 2]]


def test_many_areas_use_fewer_draws_and_no_areas_give_no_rows():
    names = tuple(f"Area {at}" for at in range(400))
    counts = {"Assault": counts_of(np.arange(400.0) * 1000, threats=names)}
    table = rank_areas(counts, [], RankDraws(100_000))
    assert table.loc[0, "area"] == "Area 399"
    assert list(rank_areas({}, [], RankDraws()).columns) == list(COLUMNS)
