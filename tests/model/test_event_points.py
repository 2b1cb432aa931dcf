import numpy as np

from ilp_models.model.kernels.event_points import event_points
from ilp_models.model.kernels.kernel_integrals import KERNELS, CellLattice
from tests.builders import city, history_of, poisson_counts


def test_distinct_points_hold_the_counts_of_the_panel():
    counts = poisson_counts((2, 12, 30), 0.7)
    grid = city(3, 4)
    history = history_of(counts, grid, outside=25)
    for kind, points in enumerate(event_points(history, 4, 30)):
        assert len(points.xy) == len(np.unique(points.xy, axis=0)) == 12
        by_cell = np.zeros((12, 26))
        np.add.at(by_cell, points.cell, points.counts.toarray())
        np.testing.assert_array_equal(by_cell, counts[kind, :, 4:])


def test_both_orders_of_summing_agree():
    history = history_of(poisson_counts((1, 12, 30), 0.7), city(3, 4))
    (points,) = event_points(history, 0, 30)
    spread = CellLattice.from_grid(history.grid, 400.0).spread(points, np.full(12, 400.0), KERNELS["gaussian"])
    weights = np.random.default_rng(0).random((30, 200))
    many, few = points.weighted(spread, weights), points.weighted(spread, weights[:, :1])
    np.testing.assert_allclose(many, points.by_cell(spread) @ weights, rtol=1e-12)
    np.testing.assert_allclose(few, many[:, :1], rtol=1e-12)
