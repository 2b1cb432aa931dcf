from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from ilp_models.stats.getis_ord import binomial_p, correct, gi_star, normal_p, permutation_p, with_self
from tests.description.memphis import PUBLISHED, SHARED, counts_in, grid_of, neighbours_of, robberies


def queen(columns, rows):
    return with_self(neighbours_of(columns, rows))


def memphis(cell_m):
    """Return columns, rows and counts of January on the published grid."""
    events = robberies().query("in_january_set == 1")
    columns, rows, west, south = grid_of(events, cell_m)
    return columns, rows, counts_in(events, columns, rows, (west, south, cell_m))


@PUBLISHED
@pytest.mark.parametrize(("cell_m", "cells", "hot"), [(500, 2715, 211), (200, 16133, 1536)])
def test_printed_rows_of_memphis_are_met(cell_m, cells, hot):
    columns, rows, counts = memphis(cell_m)
    z, _ = gi_star(counts, queen(columns, rows))
    golden = pd.read_csv(SHARED / "january_printed_rows.csv").query("cell_m == @cell_m")
    assert len(z) == cells
    at = golden["row"].to_numpy() - 1
    assert counts[at, 0].tolist() == golden["n"].tolist()
    np.testing.assert_allclose(z[at, 0], golden["gistar_printed"], atol=0.005)  # some are printed with two decimals
    np.testing.assert_allclose(normal_p(z)[at, 0], golden["p_printed"], atol=0.001)
    assert ((z > 0) & (normal_p(z) < 0.05)).sum() == hot


@PUBLISHED
def test_every_cell_of_memphis_is_met():
    columns, rows, counts = memphis(500)
    golden = pd.read_csv(SHARED / "january_500m_gistar.csv")
    weights = queen(columns, rows)
    z, _ = gi_star(counts, weights)
    assert [columns.tolist(), rows.tolist()] == [golden["ix"].tolist(), golden["iy"].tolist()]
    assert counts[:, 0].tolist() == golden["n"].tolist()
    assert np.asarray(weights.sum(axis=1)).ravel().tolist() == golden["cells_in_neighbourhood"].tolist()
    np.testing.assert_allclose(z[:, 0], golden["gistar"], atol=6e-7)  # six decimals are stored
    np.testing.assert_allclose(normal_p(z)[:, 0], golden["p"], atol=6e-7)


@PUBLISHED
def test_one_robbery_alone_is_no_hot_spot_unless_the_p_value_is_normal():
    columns, rows, counts = memphis(200)
    weights = queen(columns, rows)
    z, local = gi_star(counts, weights)
    size = np.asarray(weights.sum(axis=1)).ravel()
    alone = (local == 1) & (size[:, None] == 9)
    assert normal_p(z)[alone].max() < 0.03
    assert permutation_p(counts, local, size)[alone].min() > 0.1
    assert binomial_p(counts, local, size)[alone].min() > 0.1


counts_of_cells = st.lists(st.integers(0, 4), min_size=4, max_size=8)


@given(counts_of_cells, st.integers(1, 4), st.integers(0, 12))
@settings(max_examples=80)
def test_permutation_p_is_that_of_all_choices_of_cells(values, size, local):
    counts = np.array(values)[:, None]
    sums = np.array([sum(chosen) for chosen in combinations(values, size)])
    local = min(local, int(sums.max()))
    found = permutation_p(counts, np.full(counts.shape, local), np.full(len(counts), size))
    expected = (sums >= local).mean() if counts.any() else 1.0
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(counts_of_cells.filter(lambda values: len(set(values)) > 1), st.integers(1, 3))
@settings(max_examples=40)
def test_gi_star_has_the_moments_of_cells_drawn_at_random(values, size):
    cells = len(values)
    ring = np.zeros((cells, cells))
    for step in range(size):
        ring[np.arange(cells), (np.arange(cells) + step) % cells] = 1
    z, local = gi_star(np.array(values)[:, None], csr_matrix(ring.astype(int)))
    sums = np.array([sum(chosen) for chosen in combinations(values, size)])
    np.testing.assert_allclose(z[:, 0], (local[:, 0] - sums.mean()) / sums.std(), atol=1e-9)


def test_gi_star_is_not_defined_for_equal_counts():
    weights = queen(np.array([0, 1, 2]), np.array([0, 0, 0]))
    z, local = gi_star(np.array([[2, 0], [2, 0], [2, 0]]), weights)
    assert np.isnan(z).all()
    assert local[:, 0].tolist() == [4, 6, 4]
    assert normal_p(z).tolist() == np.ones((3, 2)).tolist()
    assert permutation_p(np.full((3, 1), 2), local[:, :1], np.array([2, 3, 2])).tolist() == [[1.0]] * 3


def test_binomial_p_by_hand():
    # two events, each in the pair of cells with a chance of 2 in 4: both 1/4, at least one 3/4
    counts = np.array([[2], [0], [0], [0]])
    assert binomial_p(counts, np.array([[2], [1], [0], [0]]), np.full(4, 2))[:3, 0] == pytest.approx([0.25, 0.75, 1])


def test_tables_that_are_too_large_are_not_computed(monkeypatch):
    monkeypatch.setattr("ilp_models.stats.getis_ord._LARGEST_TABLE", 10)
    p = permutation_p(np.array([[9, 0], [1, 0], [0, 0]]), np.array([[9, 0], [1, 0], [0, 0]]), np.array([2, 2, 2]))
    assert np.isnan(p[:, 0]).all()
    assert p[:, 1].tolist() == [1.0, 1.0, 1.0]


def test_corrections_by_hand():
    p = np.array([[0.01], [0.04], [0.03], [0.5]])
    assert correct(p, "none") is p
    assert correct(p, "holm")[:, 0] == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert correct(p, "fdr_bh")[:, 0] == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
