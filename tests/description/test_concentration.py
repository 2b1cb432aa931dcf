"""Concentration: counts by hand, and what chance alone gives."""

import numpy as np
import pandas as pd
import pytest

from ilp_models.description.concentration import Concentration
from ilp_models.domain.description import DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.grid.square import SquareGrid

CORNER = (630_000.0, 4_834_000.0)
SIDE = 100.0
START, END = pd.Timestamp("2021-01-04"), pd.Timestamp("2023-01-02")  # two years of 364 days


def city(counts, years=None):
    """Return events with a number in each of a row of squares, and the squares."""
    cell = np.repeat(np.arange(len(counts)), counts)
    when = pd.Series(pd.DatetimeIndex(np.full(len(cell), START + pd.Timedelta(days=5)))).astype("datetime64[us]")
    if years is not None:
        when += pd.to_timedelta(364 * np.asarray(years), unit="D")
    table = pd.DataFrame(
        {
            "occurred_at": when,
            "reported_at": when,
            "crime_type": pd.Categorical(["Theft"] * len(cell)),
            "x": CORNER[0] + SIDE * (cell + 0.5),
            "y": CORNER[1] + SIDE / 2,
        }
    )
    events = Events(table, "EPSG:32617", "America/Toronto", START, END)
    return DescriptionData(events, SquareGrid(SIDE, active="closing").build(events))


def tables(data, **settings):
    return Concentration(**settings).describe(data).tables


def test_shares_and_half_by_hand():
    found = tables(city([50, 20, 10, 5, 5, 4, 3, 1, 1, 1]), cell_shares=(0.1, 0.2, 0.5))
    row = found["concentration"].iloc[0]
    assert (row["events"], row["cells"], row["cells_with_half"]) == (100, 10, 1)
    assert found["cell_shares"]["crime_share"].tolist() == pytest.approx([0.5, 0.7, 0.9])
    assert found["repeat_places"].loc[0, "cells_with_repeats"] == 7
    assert found["repeat_places"].loc[0, "share_of_events"] == pytest.approx(0.97)
    assert found["repeat_places"].loc[0, "most_events_in_a_cell"] == 50
    assert found["repeat_cells"]["events"].tolist() == [50, 20, 10, 5, 5, 4, 3]
    assert found["repeat_cells"]["events_last_year"].sum() == 0  # all crimes are of the first of the two years


def test_crimes_by_chance_look_concentrated_and_are_as_chance_gives():
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(20):
        counts = rng.multinomial(300, np.full(100, 0.01))
        counts[[0, -1]] = np.maximum(counts[[0, -1]], 1)  # so that the row keeps its ends
        found = tables(city(counts), draws=99)
        row = found["cell_shares"].set_index("cell_share").loc[0.2]
        inside.append(row["chance_low"] <= row["crime_share"] <= row["chance_high"])
        assert row["crime_share"] > 0.3  # of a fifth of the cells, by chance alone
        gini = found["concentration"].iloc[0]
        assert abs(gini["gini"] - gini["chance_gini"]) < 0.1
    assert sum(inside) >= 16


def test_stability_of_two_years():
    counts = [40, 40, *[2] * 38]
    same = np.tile([0, 1], sum(counts) // 2)  # half of each cell in each year
    years = tables(city(counts, same))["years"].iloc[0]
    assert years["top_cells_kept"] == 1
    assert years["chance_kept"] == pytest.approx(2 / 40)
    repeats = tables(city(counts, same))["repeat_cells"]
    assert repeats["cell"].is_unique
    assert repeats["events_last_year"].tolist() == [20, 20, *[1] * 38]
    moved = np.concatenate([np.zeros(40), np.ones(40), same[80:]]).astype(int)
    assert tables(city(counts, moved))["years"].iloc[0]["top_cells_kept"] == pytest.approx(0.5)


def test_one_event_gives_numbers_or_nothing_but_no_error():
    found = tables(city([1]))
    assert found["concentration"].loc[0, "cells_with_half"] != found["concentration"].loc[0, "cells_with_half"]
    assert found["cell_shares"]["crime_share"].tolist() == [1.0] * 5
    assert len(found["years"]) == 1


@pytest.mark.parametrize(
    "settings",
    [
        *({"cell_shares": shares} for shares in ((1.5,), (), 0.2, "ab", ("a",))),
        *({"draws": draws} for draws in (5, 19.5, 10**9)),
        {"seed": -1},
    ],
    ids=str,
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        Concentration(**settings)
