import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.model.point_processes.branching import ForecastBins
from ilp_models.model.point_processes.incidents import Incidents
from ilp_models.model.point_processes.self_exciting import CellProcess, SelfExciting
from ilp_models.model.point_processes.self_exciting_em import Declustering, Triggering, decluster
from tests.builders import square_grid
from tests.model.simulated_points import CORNER, exponential, history_of_points, repeats, simulate_process

SIDE = 15_000.0


def found_in(points, days, side=SIDE, steps=150, **settings):
    usual = {
        "edges": np.array([0.0, 0.25, 0.5, 1, 2, 4, 7, 14, 28, 56]),
        "scales": np.array([50.0, 100, 200, 350]),
        "neighbours": (0, 15),
        "least_bandwidth": 50.0,
        "half_life": None,
        "trend": None,
        "steps": steps,
        "tolerance": 1e-7,
    }
    return decluster(Incidents.from_arrays(*points.T), days, side**2, Declustering(**usual | settings))


def assert_recovered(found, rate):
    triggering = found.triggering
    assert found.background.sum() == pytest.approx(rate, rel=0.1)
    assert triggering.offspring == pytest.approx(0.3, rel=0.1)
    assert triggering.mean_delay == pytest.approx(5.0, rel=0.1)
    assert triggering.spread == pytest.approx(100.0, rel=0.1)


@pytest.mark.slow
def test_a_known_process_is_recovered():
    points = simulate_process(np.random.default_rng(0), 20_000, 1400.0, SIDE)
    assert_recovered(found_in(points, 1400.0, steps=100), rate=10.0)


@pytest.mark.slow
def test_a_known_process_is_recovered_from_a_hundred_thousand_incidents():
    side = SIDE * np.sqrt(5)  # as dense as the small one
    points = simulate_process(np.random.default_rng(1), 100_000, 1400.0, side)
    assert_recovered(found_in(points, 1400.0, side), rate=50.0)


def test_independent_incidents_have_few_repeats():
    points = simulate_process(np.random.default_rng(2), 5_000, 1400.0, SIDE, offspring=0.0)
    found = found_in(points, 1400.0, steps=60)
    assert found.triggering.offspring < 0.05
    assert found.shares[-1] > 0.5  # the background lies evenly over the city


@pytest.mark.slow
def test_a_known_density_of_places_is_recovered():
    rng = np.random.default_rng(3)
    middles = np.array([[4_000.0, 4_000.0], [10_000.0, 9_000.0]])
    where = middles[rng.integers(0, 2, 4_000)] + rng.normal(0, 600, (4_000, 2))
    found = found_in(np.column_stack([rng.random(4_000) * 1400, where]), 1400.0, steps=300)
    assert found.triggering.offspring < 0.06  # a density known from 4,000 points alone leaves some of it to repeats
    assert found.shares[1] > 0.99


@pytest.mark.slow
def test_repeated_records_do_not_count_as_triggering():
    """One record in eight is repeated at the same place: half of them at the same time, half within hours."""
    rng = np.random.default_rng(4)
    points = simulate_process(rng, 6_000, 1400.0, SIDE)
    again = points[rng.random(len(points)) < 0.125]
    hours = np.where(rng.random(len(again)) < 0.5, 0.0, rng.random(len(again)) * 3.0)
    late = again + np.outer(hours / 24, [1.0, 0.0, 0.0])
    planted = np.concatenate([points, late[late[:, 0] < 1400]])
    known = Incidents.from_arrays(*planted.T)
    assert known.repeated_records == len(planted) - len(known) > 200
    clean = found_in(points, 1400.0, steps=60).triggering
    without_delay = found_in(planted, 1400.0, steps=60).triggering
    with_delay = found_in(planted, 1400.0, steps=60, edges=np.array([1.0, 2, 4, 7, 14, 28, 56])).triggering
    assert without_delay.mean_delay < 0.85 * clean.mean_delay
    assert without_delay.offspring > clean.offspring + 0.015
    assert with_delay.mean_delay > clean.mean_delay > without_delay.mean_delay


def test_expected_counts_equal_the_mean_of_simulated_continuations():
    """Two weeks ahead from known incidents, with repeats of repeats and of new background incidents."""
    rng = np.random.default_rng(5)
    grid = square_grid(4, 4)
    kernel = Triggering(np.array([0.0, 2.0, 12.0]), np.array([0.3, 0.3]), np.array([60.0, 250.0]), np.array([0.6, 0.4]))
    place = np.array([[700.0, 900.0], [990.0, 1010.0], [990.0, 1010.0], [1300.0, 800.0]])
    day = np.array([4.0, 8.5, 9.7, 9.9])
    background = np.full(16, 0.02)
    known = Incidents.from_arrays(day, *(CORNER[:, None] + place.T), np.array([5, 9, 9, 6]))
    ahead = ForecastBins.from_periods(
        pd.Timestamp("2021-01-11"), pd.period_range("2021-01-11", periods=2, freq="W-SUN"), Calendar()
    )
    process_ = CellProcess(background, background, kernel)
    expected = process_.expected(known, 10.0, ahead, grid)

    def delays(rng, size):
        short = rng.random(size) < 0.5
        return np.where(short, rng.random(size) * 2.0, 2.0 + rng.random(size) * 10.0)

    draws = 20_000
    first = np.column_stack([day, place])[np.tile(np.arange(4), draws)]
    own = rng.poisson(background.sum() * 14.0 * draws)
    fresh = np.column_stack([10 + rng.random(own) * 14.0, rng.random((own, 2)) * 2_000.0])

    def children(parents):
        metres = np.where(rng.random(2 * len(parents)) < 0.6, 60.0, 250.0)[: len(parents)]
        born = np.repeat(np.column_stack([parents, metres]), rng.poisson(0.6, len(parents)), axis=0)
        born[:, 3] = np.where(rng.random(len(born)) < 0.6, 60.0, 250.0)
        born[:, 1:3] += rng.normal(0, 1, (len(born), 2)) * born[:, 3:]
        born[:, 0] += delays(rng, len(born))
        return born[(born[:, 0] >= 10.0) & (born[:, 0] < 24.0), :3]

    generation, every = np.concatenate([children(first), fresh]), []
    while len(generation):
        every.append(generation)
        generation = children(generation)
    every = np.concatenate(every)
    cell, week = np.floor(every[:, 1:] / 500.0).astype(int), ((every[:, 0] - 10.0) // 7).astype(int)
    inside = ((cell >= 0) & (cell < 4)).all(axis=1)
    counts = (
        np.bincount((cell[inside, 1] * 4 + cell[inside, 0]) * 2 + week[inside], minlength=32).reshape(16, 2) / draws
    )
    totals = np.bincount(week, minlength=2) / draws
    # What falls off the cells comes back to the cells around, so that city totals are those of the whole plane.
    np.testing.assert_allclose(expected.sum(axis=0), totals, rtol=0.02)
    middle = [5, 6, 9, 10]
    np.testing.assert_allclose(expected[middle], counts[middle], rtol=0.04, atol=4 * np.sqrt(0.05 / draws))


@pytest.fixture(scope="module")
def history():
    points = simulate_process(np.random.default_rng(6), 1_500, 280.0, 2_000.0)
    points = np.concatenate([points, points[:100], [[279.0, 90_000.0, 0.0]]])
    return history_of_points(points, 4, 4, 40)


def test_forecasts_are_of_records_and_fits_of_incidents(history):
    model = SelfExciting(steps=5, holdout=2, level_half_life=None, trend=None, half_life=None).fit(history)
    assert model.repeated_records_ == {"a": 100}
    facts = model.parameters_.loc["a"]
    assert facts["records_per_incident"] == pytest.approx(1 + 100 / (len(history.events) - 101))
    weekly = model.predict(history.calendar.next_periods(history.cutoff, 1)).expected.values.sum()
    mean = history.panel.values.sum() / 40
    assert weekly == pytest.approx(mean, rel=0.15)


def test_the_level_is_the_mean_of_the_citys_latest_counts(history):
    model = SelfExciting(steps=3, holdout=2, level_half_life=2.0).fit(history)
    totals = history.panel.values.sum(axis=(0, 1))[::-1]
    weight = 0.5 ** (np.arange(len(totals)) / 2.0)
    forecast = model.predict(history.calendar.next_periods(history.cutoff, 3)).expected.values
    np.testing.assert_allclose(forecast.sum(axis=(0, 1)), totals @ weight / weight.sum(), rtol=1e-6)


def test_a_new_incident_raises_the_risk_around_it_after_an_update(history):
    before = history.cutoff - pd.Timedelta(weeks=1)
    model = SelfExciting(steps=10, holdout=2).fit(
        History.from_events(before, history.events, history.grid, history.calendar)
    )
    learned = model.parameters_
    quiet = history.events.table["occurred_at"] < before
    wave = history.events.table[quiet].tail(1).assign(occurred_at=before + pd.Timedelta(days=5), x=CORNER[0] + 750.0)
    wave = wave.assign(reported_at=wave["occurred_at"], y=CORNER[1] + 1250.0)
    events = history.events
    later = [
        History.from_events(
            history.cutoff, type(events)(**{**vars(events), "table": table}), history.grid, history.calendar
        )
        for table in (events.table[quiet], pd.concat([events.table[quiet], wave], ignore_index=True))
    ]
    periods = history.calendar.next_periods(history.cutoff, 1)
    without, fresh = (model.update(one).predict(periods).expected.values[0, :, 0] for one in later)
    assert model.parameters_ is learned
    change = fresh / fresh.sum() - without / without.sum()
    assert change.argmax() == 2 * 4 + 1
    assert change[9] > 0


def test_dispersions_are_fitted_out_of_sample(history, monkeypatch):
    spans = []
    learn = SelfExciting._learn
    monkeypatch.setattr(
        SelfExciting, "_learn", lambda self, h, some, days: (spans.append(days), learn(self, h, some, days))
    )
    SelfExciting(steps=2, holdout=5).fit(history)
    assert spans == [35 * 7.0, 40 * 7.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"delays": [0.5, 2]}, "delays must increase"),
        ({"delays": []}, "delays must increase"),
        ({"scales": [0, 50]}, "scales must be above 0"),
        ({"least_bandwidth": 0}, "least_bandwidth must be above 0"),
        ({"neighbours": [-1]}, "must be ranks of neighbours"),
        ({"least_delay": "soon"}, "is not a duration"),
        ({"least_delay": "-1 day"}, "must not be negative"),
        ({"half_life": 0}, "half_life must be above 0"),
        ({"level_half_life": -1}, "level_half_life=-1 must be above 0"),
        ({"holdout": 0}, "holdout=0 must be above 0"),
    ],
)
def test_unusable_settings_are_refused_in_one_line(history, settings, message):
    with pytest.raises(InputError, match=message) as error:
        SelfExciting(**settings).fit(history)
    assert "\n" not in str(error.value)


def test_too_short_a_past_is_not_run():
    points = simulate_process(np.random.default_rng(8), 60, 14.0, 2_000.0)
    with pytest.raises(NotRunError, match=r"2 whole week\(s\) are known"):
        SelfExciting().fit(history_of_points(points, 4, 4, 2))


def test_simulated_repeats_have_the_given_parameters():
    parents = np.zeros((50_000, 3))
    born = repeats(np.random.default_rng(7), parents, 0.3, exponential(5.0), 100.0)
    assert len(born) / 50_000 == pytest.approx(0.3, rel=0.03)
    assert born[:, 0].mean() == pytest.approx(5.0, rel=0.03)
    assert born[:, 1:].std() == pytest.approx(100.0, rel=0.03)
