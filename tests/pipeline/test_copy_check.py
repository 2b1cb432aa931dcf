"""Copies of recorded counts: how often an honest forecast is flagged, and how small a share of copies is found."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ilp_models.pipeline.copy_check import ERROR, copy_warnings
from tests.builders import replay_of


def warnings_of(expected, observed, others=()):
    one = like(expected.shape)
    values = {
        name: getattr(one, name).copy(data=cube[None])
        for name, cube in (("expected", expected), ("observed", observed))
    }
    return copy_warnings([replace(one, **values), *others])


@cache
def like(shape):
    zeros = np.zeros((1, *shape))
    return replace(replay_of(zeros, zeros, "rival"), handed_in=True)


def test_eleven_copies_are_flagged_and_ten_are_not():
    expected, observed = np.full((40, 5), 0.3), np.ones((40, 5), dtype=int)
    for copies, found in ((10, 0), (11, 1)):  # 2 ** -11 < 0.001 / 2 distances < 2 ** -10
        expected.flat[:copies] = 1
        assert len(warnings_of(expected, observed)) == found
    (text,) = warnings_of(expected, observed)
    assert "11 of its expected counts at lead 1 are within 1e-09" in text
    assert "and 11 of these are the recorded count (by chance at most half; p = 0.0005)" in text
    other = replace(replay_of(np.full((1, 40, 5), 0.3), observed[None], "other"), handed_in=True)
    assert warnings_of(expected, observed, [other]) == ()  # two forecasters share the error
    own = replay_of(observed[None], observed[None], "own")
    assert copy_warnings([own]) == ()  # made by this run, from what was known


@pytest.mark.parametrize("most", [1.0, 0.5])
def test_honest_forecasts_are_flagged_as_rarely_as_stated(most):
    """With the count that is most likely as the expected one, where that has the largest chance that it can have."""
    generator, cities = np.random.default_rng(5), 200
    flagged = 0
    for _ in range(cities):
        draws = generator.poisson(1.0, (60, 10)) if most == 1 else generator.binomial(1, most, (60, 10))
        flagged += len(warnings_of(np.ones((60, 10)), draws))
    assert flagged <= ERROR * cities + 3 * np.sqrt(ERROR * cities)


@pytest.mark.parametrize(("rate", "share", "noise"), [(0.1, 0.02, 0.0), (0.5, 0.01, 0.0), (0.5, 0.15, 0.02)])
def test_a_small_share_of_copies_is_found(rate, share, noise):
    """The shares that docs/comparison.md states, in cities whose counts vary more than by chance."""
    generator = np.random.default_rng(6)
    for _ in range(10):
        means = np.repeat(generator.gamma(0.5, rate / 0.5, (300, 1)), 52, axis=1)
        counts = generator.poisson(means * generator.gamma(3, 1 / 3, means.shape))
        copies = counts * (1 + noise * generator.standard_normal(counts.shape))
        copied = generator.random(counts.shape) < share
        assert len(warnings_of(np.where(copied, copies, means), counts)) == 1
        assert warnings_of(means, counts) == ()
