import numpy as np
import pytest

from ilp_models.model.point_processes.incidents import Incidents
from ilp_models.model.point_processes.self_exciting_em import (
    PAIR_REACH,
    BackgroundPoints,
    Triggering,
    earlier_neighbours,
)

EDGES, SCALES = np.array([1 / 24, 1.0, 3.0, 10.0]), np.array([50.0, 120.0])


def incidents(count, seed=0, side=800.0, days=40.0, grain=60.0):
    rng = np.random.default_rng(seed)
    day = np.floor(rng.random(count) * days * 24) / 24
    return Incidents.from_arrays(day, *(np.floor(rng.random((2, count)) * side / grain) * grain))


def test_a_kernel_has_its_number_delay_and_distance():
    one = Triggering(np.array([0.0, 2.0, 6.0]), np.array([0.1, 0.3]), np.array([30.0, 40.0]), np.array([0.25, 0.75]))
    assert one.offspring == pytest.approx(0.4)
    assert one.mean_delay == pytest.approx((0.1 * 1 + 0.3 * 4) / 0.4)
    assert one.spread == pytest.approx(np.sqrt(0.25 * 900 + 0.75 * 1600))
    assert one.cumulative(np.array([-1.0, 1.0, 4.0, 9.0])).tolist() == pytest.approx([0.0, 0.05, 0.25, 0.4])
    shares, scales = one.second_generation()
    assert dict(zip(scales.round(6).tolist(), shares.tolist(), strict=True)) == pytest.approx(
        {round(30 * 2**0.5, 6): 0.0625, 50.0: 0.375, round(40 * 2**0.5, 6): 0.5625}
    )
    assert np.isnan(Triggering(one.edges, np.zeros(2), one.scales, one.shares).mean_delay)


@pytest.mark.parametrize("count", [1, 300])
def test_sums_over_neighbours_equal_sums_over_all_pairs(count):
    known = incidents(count)
    truth = np.zeros((len(known), 3, 2))
    for now in range(len(known)):
        for before in range(len(known)):
            delay = round((known.day[now] - known.day[before]) * 24)
            square = (known.x[now] - known.x[before]) ** 2 + (known.y[now] - known.y[before]) ** 2
            span = sum(delay >= edge for edge in (1, 24, 72)) - 1
            if 1 <= delay < 240 and square <= (PAIR_REACH * 120.0) ** 2:
                truth[now, span] += np.exp(-square / (2 * SCALES**2)) / (2 * np.pi * SCALES**2) / np.diff(EDGES)[span]
    found = earlier_neighbours(known, EDGES, SCALES)
    np.testing.assert_allclose(found, truth.reshape(len(known), -1), rtol=1e-5)
    assert (found.sum() > 0) == (count > 1)


@pytest.mark.parametrize("half_life", [None, 60.0])
def test_the_background_is_the_sum_of_kernels_of_all_other_incidents(half_life):
    known, days = incidents(120, days=200.0), 200.0
    value = np.random.default_rng(1).random(len(known))
    places = BackgroundPoints.from_incidents(known, days, half_life, (0, 2), 70.0)
    around, city = places.density(value)
    spots = np.unique(np.column_stack([known.x, known.y]), axis=0)
    season = (np.floor(known.day) >= 18).astype(int) + (np.floor(known.day) >= 109)  # 18, 91 and 91 days
    middle = np.array([9.0, 63.5, 154.5])
    weight = 0.5 ** (np.abs(np.subtract.outer(middle, middle)) / (half_life or np.inf))
    weight /= (weight @ [18.0, 91.0, 91.0])[:, None]
    for kernel, rank in enumerate((0, 2)):
        for one in range(len(known)):
            total = 0.0
            for other in set(range(len(known))) - {one}:
                spot = np.array([known.x[other], known.y[other]])
                width = max(np.sort(np.hypot(*(spots - spot).T))[rank], 70.0)
                square = (known.x[one] - spot[0]) ** 2 + (known.y[one] - spot[1]) ** 2
                share = value[other] * weight[season[one], season[other]] * (square <= (4 * width) ** 2)
                total += share * np.exp(-square / (2 * width**2)) / (2 * np.pi * width**2)
            assert around[kernel, one] == pytest.approx(total, rel=1e-4, abs=1e-12)
    np.testing.assert_allclose(city, weight @ np.bincount(season, value))
