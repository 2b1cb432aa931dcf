import numpy as np
import pytest
from scipy import optimize

from ilp_models.domain.errors import InputError
from ilp_models.model.point_processes.grid_hawkes import GridEm, GridHawkes, Occurrences, _earlier
from tests.model.simulated_points import exponential, history_of_points, with_all_repeats

DAYS = 1500.0


def in_rows(rng, rates, offspring=0.3, mean_delay=5.0, least=0.0, days=DAYS):
    """Return incidents of rows with known rates of background incidents a day."""
    own = rng.poisson(rates * days)
    first = np.column_stack([rng.random(own.sum()) * days, np.repeat(np.arange(len(rates)), own), np.zeros(own.sum())])
    every = with_all_repeats(rng, first, offspring, exponential(mean_delay, least), 0.0)
    every = every[every[:, 0] < days]
    return Occurrences.from_days(every[:, 0], every[:, 1].astype(int), len(rates))


@pytest.mark.parametrize("least", [0.0, 1.0])
def test_a_known_process_is_recovered(least):
    rng = np.random.default_rng(0)
    rates = rng.gamma(2.0, 0.02, 250)
    known = in_rows(rng, rates, least=least)
    assert 15_000 < len(known.day) < 30_000
    found = GridEm(least, 7.0, 300, 1e-7).fit(known, DAYS, 1)
    assert found.offspring == pytest.approx(0.3, rel=0.1)
    assert 1 / found.decay == pytest.approx(5.0, rel=0.1)
    assert found.background.sum() == pytest.approx(rates.sum(), rel=0.1)
    assert np.corrcoef(found.background, rates)[0, 1] > 0.95


def test_the_fit_is_the_largest_likelihood_in_one_busy_row():
    known = in_rows(np.random.default_rng(1), np.array([3.0]))
    found = GridEm(0.0, 1e-9, 1000, 1e-9).fit(known, DAYS, 1)

    def loss(logs):
        rate, offspring, decay = np.exp(logs)
        excited, total, last = 0.0, 0.0, 0.0
        for day in known.day:
            excited *= np.exp(-decay * (day - last))
            total += np.log(rate + excited)
            excited, last = excited + offspring * decay, day
        return rate * DAYS + offspring * (1 - np.exp(-decay * (DAYS - known.day))).sum() - total

    best = optimize.minimize(
        loss, np.log([3.0, 0.3, 0.2]), method="Nelder-Mead", options={"xatol": 3e-3, "fatol": 1e-3}
    )
    truth = np.exp(best.x)
    np.testing.assert_allclose([found.background[0], found.offspring, found.decay], truth, rtol=0.03)


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_running_sums_equal_sums_over_all_pairs(least):
    rng = np.random.default_rng(2)
    day = np.round(rng.random(200) * 30 * 4) / 4  # many at one moment
    known = Occurrences.from_days(day, rng.integers(0, 6, 200), 7)
    sums, delays = np.zeros(200), np.zeros(200)
    for now in range(200):
        for before in range(200):
            apart = known.day[now] - known.day[before]
            if known.row[now] == known.row[before] and (apart >= least if least else apart > 0):
                sums[now] += np.exp(-0.7 * (apart - least))
                delays[now] += (apart - least) * np.exp(-0.7 * (apart - least))
    found = _earlier(known, known.latest_before(least), 0.7, least)
    np.testing.assert_allclose(found[0], sums, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found[1], delays, rtol=1e-7, atol=1e-12)


def test_repeated_records_shorten_the_delay_unless_below_the_least_delay():
    rng = np.random.default_rng(3)
    known = in_rows(rng, rng.gamma(2.0, 0.02, 100))
    again = rng.random(len(known.day)) < 0.1
    planted = Occurrences.from_days(
        np.append(known.day, known.day[again] + 0.5 / 24), np.append(known.row, known.row[again]), 100
    )
    clean, without_delay = (GridEm(0.0, 7.0, 200, 1e-6).fit(one, DAYS + 1, 1) for one in (known, planted))
    with_delay = GridEm(1 / 24, 7.0, 200, 1e-6).fit(planted, DAYS + 1, 1)
    assert 1 / without_delay.decay < 0.7 / clean.decay
    assert 1 / with_delay.decay > 0.9 / clean.decay


def points(count=1_200, seed=4):
    rng = np.random.default_rng(seed)
    where = rng.choice([250.0, 750.0, 1250.0], (count, 2))
    return np.column_stack([rng.random(count) * 280, where])


def test_pooled_types_share_parameters():
    history = history_of_points(points(), 3, 3, 40, kinds=np.arange(1_200) % 2)
    pooled = GridHawkes(steps=10, holdout=2).fit(history).parameters_
    alone = GridHawkes(steps=10, holdout=2, pooled=False).fit(history).parameters_
    assert pooled["offspring"].nunique() == 1
    assert alone["offspring"].nunique() == 2


def test_without_a_level_the_forecast_equals_the_process():
    history = history_of_points(points(), 3, 3, 40)
    model = GridHawkes(steps=10, holdout=2, level_half_life=None).fit(history)
    forecast = model.predict(history.calendar.next_periods(history.cutoff, 4)).expected.values[0].sum(axis=0)
    facts = model.parameters_.loc["a"]
    settled = 7 * facts["background_per_day"] / (1 - facts["offspring"])
    np.testing.assert_allclose(forecast, settled, rtol=0.05)
    assert settled == pytest.approx(1_200 / 40, rel=0.05)


def test_a_cell_without_incidents_is_shrunk_to_the_mean_cell():
    history = history_of_points(points(), 4, 3, 40)
    model = GridHawkes(steps=10, holdout=2, prior_periods=10.0).fit(history)
    background = model.processes_[0].background
    mean = background.sum() / 12
    assert background[9:] == pytest.approx(mean * 10 / 50, rel=0.01)


def test_unusable_settings_are_refused():
    history = history_of_points(points(), 3, 3, 40)
    with pytest.raises(InputError, match=r"grid_hawkes\.prior_periods=0 must be above 0"):
        GridHawkes(prior_periods=0).fit(history)
