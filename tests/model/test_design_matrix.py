from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from ilp_models.domain.history import History
from ilp_models.features.means import Lags
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.design_matrix import interleave_leads, row_order
from tests.model.small_regressions import GRID, TREES, next_weeks, poisson_history, regression


@pytest.fixture(scope="module")
def history():
    return poisson_history()


def test_periods_take_the_leads_in_turn(history):
    forecaster = regression(TREES, [Lags((1,))], offset=MovingAverage(26), leads=3, lead_strategy="shared").fit(history)
    targets = history.panel.periods[-70:]
    pooled = interleave_leads(lambda step: forecaster._design(history, targets, step), (1, 2, 3))
    steps = pooled.values.reshape(70, -1, 4)[..., 1].astype(int)  # columns: lag, lead, two of the offset
    assert (steps == steps[:, :1]).all()
    assert steps[:9, 0].tolist() == [1, 2, 3, 2, 3, 1, 3, 1, 2]
    for index, step in enumerate(steps[:, 0]):
        alone = forecaster._design(history, targets[[index]], int(step))
        np.testing.assert_array_equal(pooled.values.reshape(70, 40, -1)[index], alone.values)
        np.testing.assert_array_equal(pooled.log_offset.reshape(70, -1)[index], alone.log_offset)
        np.testing.assert_array_equal(pooled.level[index], alone.level[0])


def test_row_sampling_does_not_depend_on_the_order_of_cells(history):
    order = np.random.default_rng(4).permutation(20)
    turned = replace(
        GRID,
        cells=GRID.cells[order],
        geometry=GRID.geometry[order],
        locator_cells=GRID.locator_cells[order],
        neighbours=GRID.neighbours[order][:, order].tocsr(),
        parents=GRID.parents.iloc[order],
    )
    forest = RandomForestRegressor(n_estimators=4, max_samples=0.2, min_samples_leaf=20, random_state=0)
    other = History.from_events(history.cutoff, history.events, turned, history.calendar)
    known, mixed = (next_weeks(regression(forest).fit(one), one) for one in (history, other))
    np.testing.assert_allclose(mixed, known[:, order], rtol=1e-6)
    assert row_order(SquareGrid(500).build(history.events), 1000) is None
