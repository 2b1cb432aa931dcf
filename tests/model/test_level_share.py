import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.stats.filters import exponential_means
from tests.builders import city, history_of, poisson_counts

SHARES = np.random.default_rng(4).dirichlet(np.full(30, 0.7), size=2)
GRID = city(5, 6)


def jumping(before, after, weeks=160, since=100, seed=1):
    level = np.where(np.arange(weeks) < since, before, after)
    return np.random.default_rng(seed).poisson(SHARES[:, :, None] * level)


@settings(max_examples=15)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(2, 200), st.integers(0, 10**5))
def test_cells_sum_to_the_level(mix, smoothing, half_life, seed):
    counts = poisson_counts((2, 30, 40), 0.6, seed)
    history = history_of(counts, GRID)
    forecaster = LevelShare(half_life, mix, smoothing, level_half_lives=(4,)).fit(history)
    forecast = forecaster.predict(history.calendar.next_periods(history.cutoff, 2)).expected.values
    level = exponential_means(counts.sum(axis=1).T.astype(float), 4.0, np.array([40]))[0]
    assert (forecaster.calendar_ == 0).all()  # under two years there is no season to learn
    np.testing.assert_allclose(forecast.sum(axis=1), np.stack([level, level], axis=1), rtol=1e-6)


def test_shares_mix_own_and_all_types_by_hand():
    counts = np.zeros((2, 2, 10), dtype=int)
    counts[0, 0], counts[0, 1], counts[1, 1] = 3, 1, 4
    history = history_of(counts)
    forecaster = LevelShare(mix=0.2, smoothing=0.0, level_half_lives=(4,)).fit(history)
    forecast = forecaster.predict(history.calendar.next_periods(history.cutoff, 1)).expected.values[..., 0]
    of_a = 0.8 * np.array([0.75, 0.25]) + 0.2 * np.array([3 / 8, 5 / 8])
    of_b = 0.8 * np.array([0.0, 1.0]) + 0.2 * np.array([3 / 8, 5 / 8])
    np.testing.assert_allclose(forecast, 4 * np.stack([of_a, of_b]), rtol=1e-6)


def test_smoothing_acts_on_the_mixed_shares():
    counts = np.zeros((2, 3, 10), dtype=int)
    counts[0, 0], counts[1, 1], counts[1, 2] = 6, 1, 1
    history = history_of(counts)
    forecaster = LevelShare(mix=0.5, smoothing=1.0, level_half_lives=(4,)).fit(history)
    forecast = forecaster.predict(history.calendar.next_periods(history.cutoff, 1)).expected.values[..., 0]
    own, both = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]), np.array([0.75, 0.125, 0.125])
    smoothed = history.grid.smoothed(0.5 * own + 0.5 * both, 1.0)
    shares = smoothed / smoothed.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(forecast, np.array([[6.0], [2.0]]) * shares, rtol=1e-6)


def test_a_jump_of_the_city_is_followed_sooner_than_by_cell_means():
    counts = jumping(60, 30)
    errors = {}
    for name, one in {"level_share": LevelShare(half_life=52), "ewma": EWMA()}.items():
        fitted = one.fit(history_of(counts, GRID))
        early = history_of(counts[..., :108], GRID)
        sums = fitted.hindcast(early, early.calendar.next_periods(early.cutoff, 1), 1).sum(axis=(0, 2))
        errors[name] = np.abs(sums / 30 - 1).max()
    assert errors["level_share"] < 0.35
    assert errors["level_share"] < 0.6 * errors["ewma"]


def test_the_level_s_half_life_is_short_after_a_jump_and_long_without():
    weeks = 200
    steady = np.full(weeks, 80.0)
    wild = 80 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.25, weeks)))
    wild *= 80 / wild.mean()
    counts = np.random.default_rng(0).poisson(SHARES[:, :, None] * np.stack([steady, wild])[:, None])
    forecaster = LevelShare(level_half_lives=(1, 208)).fit(history_of(counts, GRID))
    assert forecaster.level_half_lives_.tolist() == [208, 1]


def test_a_season_is_learned_and_forecast():
    weeks = 4 * 52 + 20
    history = history_of(np.zeros((1, 30, weeks), dtype=int), GRID)
    terms = CalendarTerms(country=None)
    wave = terms.values(history.panel.periods, history.calendar)[:, terms.names(history.calendar).index("sine_1")]
    counts = np.random.default_rng(0).poisson(SHARES[:1, :, None] * 200 * np.exp(0.4 * wave))
    history = history_of(counts, GRID)
    forecaster = LevelShare(level_half_lives=(26,)).fit(history)
    found = forecaster.calendar_[terms.names(history.calendar).index("sine_1"), 0]
    assert found == pytest.approx(0.4, abs=0.08)
    ahead = history.calendar.next_periods(history.cutoff, 1) + 26  # half a year on
    truth = 200 * np.exp(0.4 * terms.values(ahead, history.calendar)[0][-2])
    assert forecaster.predict(ahead).expected.values.sum() == pytest.approx(truth, rel=0.12)


def test_a_holiday_is_learned():
    terms = CalendarTerms("CA", "ON")
    history = history_of(np.zeros((1, 30, 260), dtype=int), GRID)
    column = terms.names(history.calendar).index("holidays")
    off = terms.values(history.panel.periods, history.calendar)[:, column]
    counts = np.random.default_rng(0).poisson(SHARES[:1, :, None] * 400 * np.exp(0.3 * off))
    forecaster = LevelShare(calendar=terms).fit(history_of(counts, GRID))
    assert forecaster.calendar_[column, 0] == pytest.approx(0.3, abs=0.05)


def test_days_learn_weekdays_in_less_than_a_year():
    terms = CalendarTerms(country=None)
    names = terms.names(Calendar(period_unit="day"))
    saturday = names.index("weekday_5")
    busy = np.arange(300) % 7 == 5  # from a Monday
    counts = np.random.default_rng(0).poisson(SHARES[:1, :, None] * 300 * np.exp(0.5 * busy))
    history = history_of(counts, GRID, unit="day")
    forecaster = LevelShare(level_half_lives=(60,), calendar=terms).fit(history)
    assert forecaster.calendar_[saturday, 0] == pytest.approx(0.5, abs=0.05)
    season = [name.startswith(("sine", "cosine", "year_end")) for name in names]
    assert (forecaster.calendar_[season] == 0).all()
    week = history.calendar.next_periods(history.cutoff, 7)
    expected = forecaster.predict(week).expected.values.sum(axis=(0, 1))
    np.testing.assert_allclose(expected, 300 * np.exp(0.5 * (week.day_of_week == 5)), rtol=0.07)


def test_a_type_without_events_is_forecast_at_zero():
    counts = np.zeros((1, 30, 20), dtype=int)
    history = history_of(counts, GRID)
    forecast = LevelShare().fit(history).predict(history.calendar.next_periods(history.cutoff, 1))
    assert (forecast.expected.values == 0).all()


def wavering(memory, weeks=200, level=400, seed=3):
    """Return counts of two types whose city level deviates, with a memory from week to week, and the deviations."""
    generator = np.random.default_rng(seed)
    deviation = np.zeros((2, weeks))
    for week in range(1, weeks):
        deviation[:, week] = memory * deviation[:, week - 1] + generator.normal(0, 0.15, 2)
    return generator.poisson(SHARES[:, :, None] * level * np.exp(deviation)[:, None]), deviation


def test_the_memory_of_the_level_is_recovered():
    counts, _ = wavering(0.6)
    forecaster = LevelShare(level_half_lives=(208,), level_memory=True).fit(history_of(counts, GRID))
    np.testing.assert_allclose(forecaster.level_memory_, 0.6, atol=0.2)


def test_a_level_without_memory_gets_none():
    counts = np.random.default_rng(5).poisson(SHARES[:, :, None] * 400, (2, 30, 160))
    history = history_of(counts, GRID)
    plain, memory = (LevelShare(level_half_lives=(208,), level_memory=flag).fit(history) for flag in (False, True))
    assert (memory.level_memory_ < 0.4).all()
    if not memory.level_memory_.any():
        week = history.calendar.next_periods(history.cutoff, 1)
        assert memory.predict(week).expected.equals(plain.predict(week).expected)


def test_the_latest_deviation_fades_by_the_memory_with_each_period_ahead():
    counts, _ = wavering(0.7)
    history = history_of(counts, GRID)
    plain, memory = (LevelShare(level_half_lives=(208,), level_memory=flag).fit(history) for flag in (False, True))
    weeks = history.calendar.next_periods(history.cutoff, 3)
    ratio = np.log(memory.predict(weeks).expected.sum("cell") / plain.predict(weeks).expected.sum("cell")).values
    known = plain.hindcast(history, history.panel.periods[-1:], 1).sum(axis=2)[0]
    latest = np.log((counts[:, :, -1].sum(axis=1) + 0.5) / (known + 0.5))
    for ahead in range(3):
        np.testing.assert_allclose(ratio[:, ahead], memory.level_memory_ ** (ahead + 1) * latest, rtol=1e-5)


def test_a_hindcast_with_memory_uses_earlier_counts_only():
    counts, _ = wavering(0.6)
    history = history_of(counts, GRID)
    forecaster = LevelShare(level_memory=True).fit(history)
    periods = history.panel.periods[100:110]
    changed = counts.copy()
    changed[:, :, 110:] += 50
    later = history_of(changed, GRID)
    for step in (1, 3):
        np.testing.assert_array_equal(
            forecaster.hindcast(history, periods, step), forecaster.hindcast(later, periods, step)
        )
