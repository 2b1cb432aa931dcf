from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.model.kernels.prospective_hot_spot import ProspectiveHotSpot
from tests.builders import SquareLocator, city, events_of, history_of, poisson_counts, square_grid

SMALL = 200.0


def small_city(columns=5):
    """Return a row of cells 200 m wide, so that a step of distance is 100 m."""
    return replace(square_grid(1, columns, size=SMALL), locator=SquareLocator(1, columns, SMALL))


def row_of(history, **settings):
    """Return the forecast of the first type without the uniform background, scaled to its first cell."""
    method = ProspectiveHotSpot(background=(1e-9,), **settings).fit(history)
    values = method.predict(history.calendar.next_periods(history.cutoff, 1)).expected.values[0, :, 0]
    return values / values[0]


def counted(events, weeks=12, cells=5):
    """Return counts of one type; ``events`` are pairs of cell and weeks before the last."""
    counts = np.zeros((1, cells, weeks), dtype=int)
    for cell, ago in events:
        counts[0, cell, weeks - 1 - ago] += 1
    return counts


def test_one_event_by_hand():
    # Centres lie 0, 200, 400, 600 and 800 m away: 0, 2 and 4 steps of half a cell, then beyond reach.
    row = row_of(history_of(counted([(0, 0)]), small_city()))
    np.testing.assert_allclose(row, [1, 1 / 3, 1 / 5, 0, 0], atol=1e-6)


def test_whole_steps_and_weeks_add_up_by_hand():
    row = row_of(history_of(counted([(0, 0), (1, 1), (1, 7), (4, 8)]), small_city()))
    at_0 = 1 + (1 / 2 + 1 / 8) / 3  # the event of eight weeks before the last is over
    at_1 = 1 / 3 + 1 / 2 + 1 / 8
    at_2 = 1 / 5 + (1 / 2 + 1 / 8) / 3
    at_3 = (1 / 2 + 1 / 8) / 5
    np.testing.assert_allclose(row, np.array([at_0, at_1, at_2, at_3, 0]) / at_0, atol=1e-6)


def test_the_declared_bandwidths_and_the_step_can_be_changed():
    history = history_of(counted([(0, 0), (3, 2)]), small_city())
    row = row_of(history, reach_m=250.0, weeks=2, distance_step=200.0)
    np.testing.assert_allclose(row, [1, 1 / 2, 0, 0, 0], atol=1e-6)


def test_distances_are_rounded_down_to_whole_steps():
    grid = small_city()
    events = events_of(counted([(0, 0)]), grid)
    moved = replace(events, table=events.table.assign(x=events.table["x"] + 60.0))  # 60, 140, 340 m from the centres
    history = History.from_events(events.end, moved, grid, Calendar())
    np.testing.assert_allclose(row_of(history), [1, 1 / 2, 1 / 4, 0, 0], atol=1e-6)


def test_days_are_counted_in_whole_weeks():
    grid = small_city()
    table = events_of(counted([(0, 0)]), grid).table
    events = events_of(counted([(0, 0)]), grid)
    at = [events.end - pd.Timedelta(days=days, hours=-1) for days in (1, 7, 8)]  # 0, 6 and 7 whole days before the last
    rows = pd.concat(
        [table.assign(occurred_at=when, reported_at=when, x=table["x"] + 800 * (i == 2)) for i, when in enumerate(at)]
    )
    history = History.from_events(events.end, replace(events, table=rows), grid, Calendar("day"))
    row = row_of(history)
    assert row[4] == pytest.approx((1 / 2) / 2)


def test_the_uniform_background_keeps_the_order_and_the_level():
    history = history_of(poisson_counts((1, 12, 60), np.linspace(0.1, 3.0, 12)[None, :, None]), city(3, 4))
    periods = history.calendar.next_periods(history.cutoff, 2)
    bare, even, mixed = (
        ProspectiveHotSpot(background=(b,)).fit(history).predict(periods).expected.values[0] for b in (1e-9, 1.0, 0.25)
    )
    np.testing.assert_allclose(mixed, 0.75 * bare + 0.25 * even, rtol=1e-6)
    np.testing.assert_allclose(even, np.broadcast_to(bare.sum(axis=0) / 12, even.shape), rtol=1e-6)
    np.testing.assert_array_equal(np.argsort(mixed, axis=0, kind="stable"), np.argsort(bare, axis=0, kind="stable"))


def test_the_background_is_larger_if_places_do_not_repeat():
    rng = np.random.default_rng(2)
    alike = np.full((12, 1), 0.4)
    apart = np.zeros((12, 1))
    apart[[2, 7]] = 4.0
    history = history_of(rng.poisson(np.stack([alike, apart]) * np.ones(110)), city(3, 4))
    found = ProspectiveHotSpot().fit(history).background_
    assert found[0] >= 0.75
    assert found[1] == 0.05


def test_cells_wider_than_reach_m_are_not_run():
    history = history_of(poisson_counts((1, 12, 30)), city(3, 4))
    with pytest.raises(NotRunError, match="reach_m=300 is smaller than the largest cell radius \\(354 m\\)"):
        ProspectiveHotSpot(reach_m=300.0).fit(history)


@pytest.mark.parametrize("setting", [{"reach_m": 0.0}, {"weeks": 0}, {"distance_step": -1.0}])
def test_settings_must_be_above_0(setting):
    with pytest.raises(InputError, match="must be above 0; the paper uses 400 m and 8 weeks"):
        ProspectiveHotSpot(**setting).fit(history_of(poisson_counts((1, 3, 30))))
