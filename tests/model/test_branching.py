import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from ilp_models.domain.calendar import Calendar
from ilp_models.model.point_processes.branching import (
    ForecastBins,
    all_generations,
    expected_repeats,
    next_generation,
    step_repeats,
)
from ilp_models.model.point_processes.grid_hawkes import GridProcess
from ilp_models.model.point_processes.self_exciting_em import Triggering

WEEKS = ForecastBins.from_periods(
    pd.Timestamp("2021-01-04"), pd.period_range("2021-01-04", periods=3, freq="W-SUN"), Calendar()
)
KERNELS = [
    Triggering(np.array([0.0, 1.0, 4.0, 9.0]), np.array([0.1, 0.3, 0.2]), np.array([50.0]), np.ones(1)),
    GridProcess(np.zeros(1), 0.4, 0.3, 0.5),
]


def test_steps_are_cut_by_the_calendar():
    assert (WEEKS.steps, WEEKS.days) == (84, 0.25)
    assert WEEKS.first.tolist() == [0, 28, 56]
    days = pd.period_range("2021-01-05", periods=2, freq="D")
    after_a_gap = ForecastBins.from_periods(pd.Timestamp("2021-01-04"), days, Calendar("day"))
    assert (after_a_gap.first.tolist(), after_a_gap.last.tolist()) == ([24, 48], [48, 72])
    months = pd.period_range("2021-01", periods=2, freq="M")
    assert ForecastBins.from_periods(pd.Timestamp("2021-01-01"), months, Calendar("month")).last.tolist() == [31, 59]


def test_steps_are_summed_by_period():
    counts = np.arange(84.0)[None]
    assert WEEKS.by_period(counts).tolist() == [[sum(range(28)), sum(range(28, 56)), sum(range(56, 84))]]


@pytest.mark.parametrize("kernel", KERNELS, ids=["histogram", "exponential"])
def test_the_area_is_the_integral_of_the_expected_repeats(kernel):
    for days in (0.2, 0.7, 3.0, 8.5, 20.0):
        truth = integrate.quad(lambda t: float(kernel.cumulative(np.array(t))), 0, days, limit=200)[0]
        assert kernel.area(np.array([days]))[0] == pytest.approx(truth, rel=1e-6, abs=1e-9)
    assert (kernel.area(np.array([-1.0, 0.0])) == 0).all()


def test_repeats_of_a_known_incident_follow_its_kernel_from_its_age_on():
    kernel = KERNELS[0]
    counts = expected_repeats(kernel, np.array([0.0, 5.0, 9.0]), WEEKS)
    np.testing.assert_allclose(counts.sum(axis=1), [0.6, 0.2 * 4 / 5, 0.0], atol=1e-12)
    assert counts[0, :4].sum() == pytest.approx(0.1)


@pytest.mark.parametrize("kernel", KERNELS, ids=["histogram", "exponential"])
def test_repeats_of_a_step_equal_the_mean_over_its_moments(kernel):
    step = step_repeats(kernel, WEEKS)
    moments = (np.arange(4000) + 0.5) / 4000 * WEEKS.days
    lines = WEEKS.days * np.arange(WEEKS.steps + 1)
    truth = np.diff(kernel.cumulative(lines[None] - moments[:, None]), axis=1).mean(axis=0)
    np.testing.assert_allclose(step, truth, atol=1e-6)


def test_all_generations_are_the_sum_of_each():
    step = step_repeats(KERNELS[0], WEEKS)
    first = np.random.default_rng(0).random((3, WEEKS.steps))
    total, generation = first.copy(), first
    for _ in range(60):
        generation = next_generation(generation, step)
        total += generation
    np.testing.assert_allclose(all_generations(first, step), total, rtol=1e-9)


def test_expected_incidents_follow_the_known_law_of_the_exponential_kernel():
    """With intensity b + z, the mean of z solves z' = -w z + n w (b + z)."""
    kernel, background, start = GridProcess(np.array([2.0]), 0.6, 0.4, 0.0), 2.0, 3.0
    first = WEEKS.days * background + start / 0.4 * -np.diff(np.exp(-0.4 * WEEKS.days * np.arange(WEEKS.steps + 1)))
    found = WEEKS.by_period(all_generations(first[None], step_repeats(kernel, WEEKS)))[0]
    rest, speed = 0.6 * background / 0.4, 0.4 * (1 - 0.6)
    ends = 7.0 * np.arange(4)
    truth = np.diff((background + rest) * ends + (start - rest) * -np.expm1(-speed * ends) / speed)
    np.testing.assert_allclose(found, truth, rtol=2e-4)
