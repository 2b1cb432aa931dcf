from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ilp_models.grid.hexagon import HexGrid
from ilp_models.model.kernels.event_points import EventPoints
from ilp_models.model.kernels.kernel_integrals import KERNELS, CellLattice
from tests.builders import NullLocator, events_at, square_grid

DENSITIES = {
    "gaussian": lambda x, y: np.exp(-(x**2 + y**2) / 2) / (2 * np.pi),
    "quartic": lambda x, y: 3 / np.pi * np.maximum(1 - x**2 - y**2, 0) ** 2,
}
CORNER = (630_000.0, 4_834_000.0)


def points_at(x, y, cell=None):
    """Return places with one event each."""
    xy = np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]).astype(float)
    own = np.zeros(len(xy), dtype=np.int64) if cell is None else np.asarray(cell)
    return EventPoints(xy, own, np.ones((len(xy), 1)))


def sampled(density, left, right, bottom, top, across=400):
    """Return the integral over a rectangle by the midpoint rule."""
    x = left + (np.arange(across) + 0.5) / across * (right - left)
    y = bottom + (np.arange(across) + 0.5) / across * (top - bottom)
    return density(*np.meshgrid(x, y)).mean() * (right - left) * (top - bottom)


def spread_of(grid, points, bandwidth, kernel="gaussian"):
    widths = np.full(len(points.xy), float(bandwidth))
    return (
        CellLattice.from_grid(grid, bandwidth * KERNELS[kernel].deviation)
        .spread(points, widths, KERNELS[kernel])
        .toarray()
    )


@pytest.mark.parametrize("name", KERNELS)
def test_masses_equal_fine_sampling(name):
    rng = np.random.default_rng(3)
    for low, high in ((-1.1, 1.1), (-0.3, 0.4), (-0.9, -0.1), (0.2, 1.4)):
        x, y = np.sort(rng.uniform(low, high, 4)), np.sort(rng.uniform(low, high, 3))
        masses = KERNELS[name].masses(x[None], y[None])[0]
        want = [[sampled(DENSITIES[name], *x[i : i + 2], *y[j : j + 2]) for j in range(2)] for i in range(3)]
        np.testing.assert_allclose(masses, want, atol=2e-7)


@given(
    st.sampled_from(sorted(KERNELS)),
    st.lists(st.floats(-1.5, 1.5), min_size=2, max_size=5),
    st.lists(st.floats(-1.5, 1.5), min_size=2, max_size=5),
)
@settings(max_examples=60)
def test_the_whole_mass_is_one_and_mirrors_itself(name, x, y):
    far = KERNELS[name].reach * 2
    x, y = np.array([-far, *sorted(x), far])[None], np.array([-far, *sorted(y), far])[None]
    masses = KERNELS[name].masses(x, y)
    assert (masses >= 0).all()
    assert masses.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(KERNELS[name].masses(-x[:, ::-1], y)[:, ::-1], masses, atol=1e-12)
    np.testing.assert_allclose(KERNELS[name].masses(y, x).transpose(0, 2, 1), masses, atol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_the_standard_deviation_equals_that_of_the_masses(name):
    edges = np.linspace(-6, 6, 1201)[None]
    masses = KERNELS[name].masses(edges, np.array([[-6.0, 6.0]]))[0, :, 0]
    middle = (edges[0, 1:] + edges[0, :-1]) / 2
    assert np.sqrt(masses @ middle**2) == pytest.approx(KERNELS[name].deviation, rel=1e-3)


def test_squares_get_the_integrals_of_a_gaussian_density():
    grid = square_grid(20, 20, size=300.0)
    middle = np.array(CORNER) + 3000.0
    offsets = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)]) * 410.0
    points = points_at(*(middle + offsets).T)
    ours = spread_of(grid, points, 350.0).mean(axis=0)
    scale = 350.0 / np.sqrt(4 / 3) / 410.0  # of the points' own covariance, which is a multiple of the identity
    oracle = stats.gaussian_kde(points.xy.T - middle[:, None], bw_method=scale)
    for cell in (189, 190, 210, 228, 150, 95):
        left, bottom, right, top = shapely.bounds(grid.geometry[cell])
        want = oracle.integrate_box([left, bottom] - middle, [right, top] - middle)
        assert ours[cell] == pytest.approx(want, abs=2e-5)
    assert ours[0] == 0  # beyond four bandwidths


@pytest.mark.parametrize(
    ("kernel", "bandwidth", "error"),
    [("gaussian", 100.0, 0.012), ("gaussian", 300.0, 0.005), ("quartic", 850.0, 0.005)],
)
def test_hexagons_get_the_integrals_of_fine_sampling(kernel, bandwidth, error):
    rng = np.random.default_rng(1)
    events = events_at(CORNER[0] + rng.uniform(0, 4000, 400), CORNER[1] + rng.uniform(0, 4000, 400))
    grid = HexGrid(size=500).build(events)
    place = np.array([2010.0, 1930.0]) + CORNER
    ours = spread_of(grid, points_at(*place), bandwidth, kernel)[0]
    steps = (np.arange(400) + 0.5) / 400 * 2 - 1  # over 1.5 km to each side
    x, y = (part.ravel() * 1500 for part in np.meshgrid(steps, steps))
    weight = DENSITIES[kernel](x / bandwidth, y / bandwidth)
    tree = shapely.STRtree(grid.geometry)
    sample, cell = tree.query(shapely.points(x + place[0], y + place[1]), predicate="within")
    want = np.bincount(cell, weights=weight[sample], minlength=len(grid))
    np.testing.assert_allclose(ours, want / want.sum(), atol=error)
    assert want.max() / want.sum() > 0.15


def test_rotated_squares_get_the_same_masses_as_squares():
    grid = square_grid(6, 6)
    middle = np.array(CORNER) + 1500.0
    turned = replace(
        grid, geometry=np.array([_turn(one, middle) for one in grid.geometry], dtype=object), locator=NullLocator()
    )
    x, y = middle + np.array([[130.0, -420.0], [610.0, 240.0]])
    cos, sin = np.cos(0.5), np.sin(0.5)
    dx, dy = x - middle[0], y - middle[1]
    points = points_at(middle[0] + cos * dx - sin * dy, middle[1] + sin * dx + cos * dy)
    straight = spread_of(grid, points_at(x, y), 300.0)
    np.testing.assert_allclose(spread_of(turned, points, 300.0), straight, atol=5e-3)
    assert straight.max() > 0.3


def _turn(shape, middle):
    around = shapely.get_coordinates(shape) - middle
    cos, sin = np.cos(0.5), np.sin(0.5)
    return shapely.Polygon(around @ np.array([[cos, sin], [-sin, cos]]) + middle)


def test_mass_outside_the_cells_is_returned_in_proportion():
    grid = square_grid(1, 2)
    ours = spread_of(grid, points_at(CORNER[0] + 250, CORNER[1] + 250), 500.0)
    own = stats.norm.cdf(0.5) - stats.norm.cdf(-0.5)
    next_door = stats.norm.cdf(1.5) - stats.norm.cdf(0.5)
    np.testing.assert_allclose(ours, [[own / (own + next_door), next_door / (own + next_door)]], rtol=1e-12)


def test_a_point_that_reaches_no_cell_stays_in_its_own_cell():
    ours = spread_of(square_grid(1, 3), points_at([0.0, CORNER[0] + 50], [0.0, CORNER[1] + 50], [2, 0]), 50.0)
    np.testing.assert_array_equal(ours[0], [0, 0, 1])
    assert ours[1, 0] > 0.99


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_every_event_counts_as_one_for_any_bandwidth(seed):
    rng = np.random.default_rng(seed)
    grid = square_grid(4, 5).subset(rng.random(20) < 0.7) if seed % 2 else square_grid(4, 5)
    x, y = CORNER[0] + rng.uniform(-50, 2550, 30), CORNER[1] + rng.uniform(-50, 2050, 30)
    points = points_at(x, y, rng.integers(0, len(grid), 30))
    widths = rng.uniform(20, 3000, 30)
    together = CellLattice.from_grid(grid, 500.0).spread(points, widths, KERNELS["quartic"]).toarray()
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-12)
    for place in range(0, 30, 7):
        alone = spread_of(grid, points_at(x[place], y[place], [points.cell[place]]), widths[place], "quartic")
        np.testing.assert_allclose(together[[place]], alone, atol=1e-12)
