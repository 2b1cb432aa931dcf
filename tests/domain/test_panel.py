from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import Panel
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.square import SquareGrid
from tests.builders import TYPES, events_at

HOURS = tuple(pd.date_range("2021-01-04", "2021-01-31 23:00", freq="h"))
EVENT = st.tuples(
    st.floats(500_000, 502_000), st.floats(4_800_000, 4_802_000), st.sampled_from(HOURS), st.sampled_from(TYPES)
)


@settings(max_examples=40)
@given(
    st.lists(EVENT, min_size=2, max_size=40),
    st.sampled_from([SquareGrid, HexGrid]),
    st.sampled_from([Calendar(), Calendar("day"), Calendar(week_start="friday")]),
    st.data(),
)
def test_counts_equal_a_direct_count(rows, spec, calendar, data):
    x, y, when, kind = zip(*rows, strict=True)
    events = events_at(x, y, list(when), crime_type=list(kind))
    grid = spec(400).build(events)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(grid), max_size=len(grid)).filter(any)))
    grid = grid.subset(mask)
    panel = Panel.count(events, grid, calendar)
    expected, outside = np.zeros(panel.counts.shape, dtype=int), 0
    for place, time, crime_type in zip(grid.locate(events), when, kind, strict=True):
        inside = [n for n, period in enumerate(panel.periods) if period.start_time <= time <= period.end_time]
        if inside and place >= 0:
            expected[TYPES.index(crime_type), place, inside[0]] += 1
        elif inside:
            outside += 1
    assert (panel.values == expected).all()
    assert panel.outside == outside


def test_events_outside_the_cells_are_counted_separately():
    x, when = [500_100, 500_600, 500_600, 500_600], ["2021-01-12", "2021-01-13", "2021-01-14", "2021-01-08"]
    events = events_at(x, [4_800_100] * 4, when, start="2021-01-06", end="2021-01-20")
    grid = SquareGrid(500).build(events).subset(np.array([True, False]))
    panel = Panel.count(events, grid, Calendar())
    assert panel.periods.start_time.tolist() == [pd.Timestamp("2021-01-11")]
    assert (panel.values.sum(), panel.outside) == (1, 2)


def test_a_type_without_events_has_a_row_of_zeros():
    events = events_at([500_100], [4_800_100], types=("Assault", "Robbery", "Auto Theft"))
    panel = Panel.count(events, SquareGrid(500).build(events), Calendar())
    assert panel.counts.indexes["crime_type"].tolist() == ["Assault", "Robbery", "Auto Theft"]
    assert panel.counts.sum(["cell", "period"]).values.tolist() == [1, 0, 0]
    assert panel.counts.dtype == np.int16


@pytest.mark.parametrize(("busiest", "width"), [(32_767, np.int16), (32_768, np.int32)])
def test_counts_that_do_not_fit_in_16_bits_have_32(busiest, width):
    size = busiest + 3
    when, kind = ["2021-01-12"] * (size - 1) + ["2021-01-05"], ["Assault"] * 2 + ["Robbery"] * (size - 2)
    events = events_at([500_100] * size, [4_800_100] * size, when, crime_type=kind, types=("Assault", "Robbery"))
    panel = Panel.count(events, SquareGrid(500).build(events), Calendar())
    assert panel.counts.dtype == width
    assert panel.values[:, 0].sum(axis=1).tolist() == [2, size - 2]
    assert panel.values.max() == busiest


def test_one_week_of_data_is_a_panel_of_one_period():
    events = events_at([500_100], [4_800_100], end="2021-01-11")
    panel = Panel.count(events, SquareGrid(500).build(events), Calendar())
    assert panel.counts.shape == (2, 1, 1)
    assert panel.values.sum() == 1


def test_less_than_one_week_is_refused():
    events = events_at([500_100], [4_800_100], end="2021-01-10 23:59:59")
    with pytest.raises(InputError, match=r"no whole period; give more data or a shorter calendar\.period_unit"):
        Panel.count(events, SquareGrid(500).build(events), Calendar())


def test_no_events_at_all_are_zeros():
    events = events_at([500_100], [4_800_100])
    grid = SquareGrid(500).build(events)
    panel = Panel.count(replace(events, table=events.table.iloc[:0]), grid, Calendar())
    assert panel.counts.shape == (2, 1, 4)
    assert (panel.values.sum(), panel.outside) == (0, 0)


def test_periods_can_be_given():
    events = events_at([500_100] * 2, [4_800_100] * 2, ["2021-01-05", "2021-01-19"])
    weeks = Calendar().whole_periods(pd.Timestamp("2021-01-11"), pd.Timestamp("2021-02-15"))
    panel = Panel.count(events, SquareGrid(500).build(events), Calendar(), weeks)
    assert panel.values.sum(axis=(0, 1)).tolist() == [0, 1, 0, 0, 0]


def test_an_incomplete_cube_is_refused():
    events = events_at([500_100], [4_800_100])
    counts = Panel.count(events, SquareGrid(500).build(events), Calendar()).counts
    with pytest.raises(InputError, match="leave a gap"):
        Panel(counts.isel(period=[0, 2]))
    with pytest.raises(InputError, match="has the dimensions"):
        Panel(counts.transpose("period", "cell", "crime_type"))


def test_spans_over_two_days_are_shared_between_them_in_expectation():
    """Spans from Friday 12:00 to Saturday 18:00: 12 of 30 hours are on Friday."""
    size = 2000
    places = 500_000.0 + np.arange(size) % 450, 4_800_000.0 + np.arange(size) // 45.0
    events = events_at(*places, "2021-01-08 12:00", reported_at="2021-01-10", types=("Burglary",))
    spans = replace(events, table=events.table.assign(occurred_until=pd.Timestamp("2021-01-09 18:00")))
    counts = Panel.count(spans, SquareGrid(500).build(spans), Calendar("day")).values.sum(axis=(0, 1))
    assert counts.sum() == size
    assert counts[4] == pytest.approx(0.4 * size, abs=4 * np.sqrt(size * 0.24))  # four standard deviations
    assert counts[4] + counts[5] == size
