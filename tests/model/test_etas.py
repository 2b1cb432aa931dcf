import numpy as np
import pandas as pd
import pytest

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.grid.square import SquareGrid
from ilp_models.model.point_processes.etas import ETAS, expected_counts, known_excitation
from ilp_models.model.point_processes.etas_raster import EtasRaster
from ilp_models.model.point_processes.incidents import Incidents
from tests.builders import city, events_at, history_of, poisson_counts, square_grid

WEST, SOUTH = 630_000.0, 4_834_000.0
TRUTH = {"offspring": 0.3, "mean_days": 7.0, "metres": 150.0}


def hawkes(seed, yearly, weeks=104, **changes):
    kind = SimulatedType(yearly=yearly, season=0.2, **TRUTH)
    plain = {"reporting_rate": 1.0, "crime_types": {"a": kind}, "districts": 4, "size_km": 8.0}
    return SimulatedCity(seed=seed, weeks=weeks, **(plain | changes)).read()


def known(events, grid=None):
    return History.from_events(events.end, events, SquareGrid(500).build(events) if grid is None else grid, Calendar())


def triggering(model):
    table = model.parameters_.set_index("name").loc[list(TRUTH)]
    return table["value"].to_numpy(), table["standard_error"].to_numpy()


def incidents_of(day, x, y):
    return Incidents.from_arrays(*(np.asarray(one, dtype=float) for one in (day, x, y)))


def test_expected_counts_follow_the_equation_of_the_mean():
    """If nothing leaves the study area, the total obeys a scalar equation with a closed-form solution."""
    raster = EtasRaster.from_grid(city(8, 8), 250.0, 400.0)
    share, rate, metres = 0.4, 0.3, 30.0
    middle = np.zeros(raster.inside.shape)
    middle[raster.inside.shape[0] // 2, raster.inside.shape[1] // 2] = 1.0
    daily = expected_counts(raster, 2.0 * middle, np.ones(20), 5.0 * middle, (share, rate, metres))
    steady, pace = share * 2.0 / (1 - share), rate * (1 - share)
    edges = np.arange(21)
    integral = steady * edges + (5.0 - steady) * (1 - np.exp(-pace * edges)) / pace
    np.testing.assert_allclose(daily.sum(axis=(1, 2)), 2.0 + np.diff(integral), rtol=1e-6)


def test_expected_counts_are_the_mean_of_simulated_continuations():
    """The mean of many simulated continuations, without offspring that leave the area."""
    raster = EtasRaster.from_grid(square_grid(2, 2), 100.0, 600.0)
    share, rate, metres = trigger = (0.5, 0.4, 140.0)
    one = incidents_of([-3.0, -1.0, -0.5], [WEST + 80, WEST + 450, WEST + 460], [SOUTH + 500, SOUTH + 480, SOUTH + 20])
    background = np.where(raster.inside > 0, 0.002, 0.0)
    excitation = known_excitation(raster, one, trigger, 0.0, 60.0)
    expected = expected_counts(raster, background, np.ones(14), excitation, trigger)[7:].sum(axis=0).ravel()
    cells = raster.shares @ expected
    rng, runs, found = np.random.default_rng(1), 6000, np.zeros(4)
    square = []
    for _ in range(runs):
        count = rng.poisson(14 * 0.2)
        fresh = np.column_stack(
            [rng.uniform(0, 14, count), WEST + rng.uniform(0, 1000, count), SOUTH + rng.uniform(0, 1000, count)]
        )
        parents, counted = np.vstack([np.column_stack([one.day, one.x, one.y]), fresh]), [fresh]
        while len(parents):
            young = np.repeat(parents, rng.poisson(share, len(parents)), axis=0)
            young = young + np.column_stack(
                [rng.exponential(1 / rate, len(young)), rng.normal(0, metres, (len(young), 2))]
            )
            known_before = young[:, 0] < 0  # the records of the past are complete: nothing more happened there
            inside = (np.abs(young[:, 1] - WEST - 500) < 500) & (np.abs(young[:, 2] - SOUTH - 500) < 500)
            parents = young[inside & ~known_before & (young[:, 0] < 14)]
            counted.append(parents)
        late = np.vstack(counted)
        late = late[late[:, 0] >= 7]
        cell = 2 * ((late[:, 2] - SOUTH) // 500) + (late[:, 1] - WEST) // 500
        square.append(np.bincount(cell.astype(int), minlength=4))
    found, spread = np.mean(square, axis=0), np.std(square, axis=0) / np.sqrt(runs)
    assert (np.abs(found - cells) < 3.5 * spread + 0.002).all()


@pytest.fixture(scope="module")
def records():
    events = hawkes(5, 3000)
    history = known(events)
    return history, ETAS(least_delay=0.0, holdout=4).fit(history)


def test_parameters_lie_within_their_errors_of_the_truth(records):
    _, model = records
    value, error = triggering(model)
    assert (np.abs(value - list(TRUTH.values())) < 3 * error).all()
    assert (error < 0.2 * value).all()
    table = model.parameters_.set_index("name")
    assert list(table.columns) == ["crime_type", "value", "standard_error"]
    weekend = table.loc[["weekday_5", "weekday_6"]]
    assert (np.abs(weekend["value"] - np.log(1.15)) < 3 * weekend["standard_error"]).all()


def test_a_constant_background_gives_few_near_repeats():
    kind = SimulatedType(yearly=3000, season=0.0, offspring=0.0)
    model = ETAS(least_delay=0.0, holdout=4).fit(known(hawkes(2, 3000, crime_types={"a": kind})))
    assert triggering(model)[0][0] < 0.06


def test_repeated_records_do_not_count_as_near_repeats(records):
    history, model = records
    table = history.events.table
    doubled = pd.concat([table, table.sample(300, random_state=0)], ignore_index=True)
    events = type(history.events)(
        doubled, **{k: getattr(history.events, k) for k in ("crs", "time_zone", "start", "end")}
    )
    again = ETAS(least_delay=0.0, holdout=4).fit(known(events, history.grid))
    assert model.repeated_records_ == {"a": 0}
    assert again.repeated_records_ == {"a": 300}
    np.testing.assert_allclose(triggering(again)[0], triggering(model)[0])
    ahead = history.calendar.next_periods(history.cutoff, 1)
    ratio = again.predict(ahead).expected.values / model.predict(ahead).expected.values
    np.testing.assert_allclose(ratio, 1 + 300 / len(table))  # counts of records hold them all the same


@pytest.mark.slow
def test_records_of_one_incident_minutes_apart_need_the_least_delay(records):
    history, model = records
    table = history.events.table
    later = table.sample(400, random_state=1)
    later = later.assign(**{name: later[name] + pd.Timedelta(minutes=20) for name in ("occurred_at", "reported_at")})
    both = pd.concat([table, later[later["occurred_at"] < history.events.end]], ignore_index=True)
    events = type(history.events)(both, **{k: getattr(history.events, k) for k in ("crs", "time_zone", "start", "end")})
    without_delay = ETAS(least_delay=0.0, holdout=4).fit(known(events, history.grid))
    with_delay = ETAS(least_delay=0.1, holdout=4).fit(known(events, history.grid))
    assert triggering(without_delay)[0][1] < 0.7 * triggering(model)[0][1]
    assert triggering(with_delay)[0][1] > 0.85 * triggering(model)[0][1]


@pytest.mark.slow
def test_offspring_lost_outside_the_study_area_do_not_lower_the_share():
    """On strips of one cell in width a third of the offspring leave; incidents outside may also be parents."""
    events = hawkes(8, 12_000, roughness=0.0, centres=0)
    grid = SquareGrid(500).build(events)
    middle = np.array([cell.centroid.x for cell in grid.geometry])
    strips = grid.subset((middle - middle.min()) // 500 % 4 == 1)
    history = known(events, strips)
    value, error = triggering(ETAS(least_delay=0.0, holdout=4).fit(history))
    assert abs(value[0] - 0.3) < 3 * error[0]
    alone = known(
        type(events)(
            events.table[strips.locate(events) >= 0],
            **{k: getattr(events, k) for k in ("crs", "time_zone", "start", "end")},
        ),
        strips,
    )
    alone_value, alone_error = triggering(ETAS(least_delay=0.0, holdout=4).fit(alone))
    assert abs(alone_value[0] - 0.3) < 4 * alone_error[0]


def test_a_rare_type_has_a_smooth_background_only():
    counts = poisson_counts((2, 12, 60), np.array([1.0, 0.02])[:, None, None])
    model = ETAS(holdout=4).fit(history_of(counts, city(3, 4)))
    rare = model.parameters_.query("crime_type == 'b'").set_index("name")
    assert rare.loc["offspring", "value"] == 0.0
    assert rare.loc[["mean_days", "metres"], "value"].isna().all()
    assert rare["standard_error"].isna().all()
    forecast = model.predict(pd.period_range(model.history_.cutoff, periods=2, freq="W-SUN"))
    assert (forecast.expected.sel(crime_type="b").values > 0).all()
    weekly = counts[1].sum() / 60
    assert forecast.expected.sel(crime_type="b").values.sum(axis=0) == pytest.approx(weekly, rel=0.1)


def test_days_and_months_are_forecast_like_weeks(records):
    history, model = records
    ahead = history.calendar.next_periods(history.cutoff, 4)
    weeks = model.predict(ahead).expected.values
    daily = History.from_events(history.cutoff, history.events, history.grid, Calendar("day"))
    days = ETAS(least_delay=0.0, holdout=4).fit(daily)
    days.fitted_, days.last_day_ = model.fitted_, model.last_day_
    summed = days.predict(daily.calendar.next_periods(daily.cutoff, 28)).expected.values
    np.testing.assert_allclose(summed.reshape(*summed.shape[:2], 4, 7).sum(axis=3), weeks, rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"background_metres": 0}, "background_metres=0 must be above 0"),
        ({"background_reaches_m": []}, "one or more distances above 0"),
        ({"least_delay": -1}, "least_delay=-1 must be 0 or more"),
        ({"least_delay": 30}, "below a third of longest_delay"),
        ({"background_metres": 500}, "at most half of farthest"),
        ({"background_metres": 0.1, "farthest": 1.0}, "longer side"),
    ],
)
def test_unusable_settings_are_refused_in_one_line(changes, words):
    with pytest.raises(InputError, match=words):
        ETAS(**changes).fit(history_of(poisson_counts((1, 4, 60))))


def test_records_by_month_are_not_run():
    months = pd.date_range("2018-01-01", "2020-12-01", freq="MS").repeat(20)
    events = events_at(
        np.full(len(months), WEST + 10), np.full(len(months), SOUTH + 10), months, start="2018-01-01", end="2021-01-01"
    )
    history = History.from_events(pd.Timestamp("2021-01-01"), events, city(), Calendar("month"))
    with pytest.raises(NotRunError, match="days are unknown"):
        ETAS().fit(history)


@pytest.mark.slow
def test_intervals_cover_with_squares_as_fine_as_the_background():
    covered = []
    for seed in range(24):
        model = ETAS(least_delay=0.0, holdout=1, background_metres=100)
        value, error = triggering(model.fit(known(hawkes(100 + seed, 2500, size_km=12.0))))
        covered.append(np.abs(value - list(TRUTH.values())) < 1.96 * error)
    share = np.mean(covered, axis=0)
    assert (share >= 0.85).all()


@pytest.mark.slow
def test_parameters_are_within_a_tenth_at_a_hundred_thousand_events():
    events = hawkes(1, 20_000, weeks=260, size_km=9.0, districts=6)
    value, _ = triggering(ETAS(least_delay=0.0, holdout=1, background_metres=100).fit(known(events)))
    np.testing.assert_allclose(value, list(TRUTH.values()), rtol=0.1)
