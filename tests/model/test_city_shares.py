from dataclasses import replace

import numpy as np
import pytest

from ilp_models.model.kernels.city_shares import ShareLikelihood, normalise_maps, uniform_shares
from tests.builders import square_grid


def test_the_likelihood_is_that_of_places_given_the_number_of_events():
    observed = np.array([[[2, 0, 1]], [[0, 0, 4]]])
    shares = ShareLikelihood(observed, np.array([1, 2]), np.full(3, 1 / 3), (0.3, 0.6))
    maps = np.array([[4.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
    tried = [
        2 * np.log(0.5 + b * (1 / 3 - 0.5)) + np.log(0.5 + b * (1 / 3 - 0.5)) + 4 * np.log(1 / 3) for b in (0.3, 0.6)
    ]
    likelihood, background = shares.best_background(maps, 0)
    assert likelihood == pytest.approx(max(tried))
    assert background == 0.3


def test_the_uniform_map_is_by_area():
    grid = replace(square_grid(1, 3), area_m2=np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(uniform_shares(grid), [0.25, 0.25, 0.5])
    maps = np.array([[0.0, 0.0, 0.0], [1.0, 3.0, 0.0]])
    np.testing.assert_allclose(normalise_maps(maps, uniform_shares(grid)), [[0.25, 0.25, 0.5], [0.25, 0.75, 0]])
