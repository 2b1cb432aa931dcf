import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.grid.square import SquareGrid
from ilp_models.model.point_processes.etas import ETAS, expected_counts, known_excitation
from ilp_models.model.point_processes.etas_fit import background_shape, gamma_shape
from ilp_models.model.point_processes.etas_likelihood import EtasBounds, EtasLikelihood, EtasPrior, Pairs
from ilp_models.model.point_processes.etas_raster import EtasRaster
from ilp_models.model.point_processes.incidents import Incidents
from tests.builders import city, events_at, history_of, poisson_counts, square_grid

WEST, SOUTH = 630_000.0, 4_834_000.0
LIMITS = EtasBounds(0.0, 60.0, 800.0)
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


@pytest.fixture(scope="module")
def small():
    """Return a likelihood of 60 incidents on 1.5 by 2 km, and a point to look at it from."""
    rng = np.random.default_rng(3)
    raster = EtasRaster.from_grid(square_grid(3, 4), 250.0, 800.0)
    day, x, y = rng.uniform(-20, 90, 60), WEST + rng.uniform(-300, 2300, 60), SOUTH + rng.uniform(-300, 1800, 60)
    incidents = incidents_of(day, x, y)
    terms = np.column_stack([np.ones(90), rng.normal(size=(90, 2))])
    likelihood = EtasLikelihood.from_incidents(raster, incidents, terms, EtasBounds(0.5, 30.0, 700.0))
    shape = rng.gamma(2.0, 1.0, raster.inside.shape) * raster.inside
    prior = EtasPrior(
        (shape / shape.sum()).ravel(),
        3.0,
        np.array([0.0, 4.0, 1.0]),
        rng.uniform(0.8, 1, 60)[: len(likelihood.targets)],
    )
    parameters = np.array([np.log(0.4), np.log(0.1), np.log(180.0), -0.3, 0.2, -0.1])
    return likelihood, parameters, rng.normal(0, 0.4, raster.inside.size), prior


def test_the_likelihood_is_that_of_its_definition(small):
    likelihood, parameters, log_factors, prior = small
    share, rate, metres = np.exp(parameters[:3])
    one, raster = likelihood.incidents, likelihood.raster
    level = np.exp(likelihood.terms @ parameters[3:])
    density = (prior.shape * np.exp(log_factors)).reshape(raster.inside.shape) / 250.0**2
    logs = 0.0
    for place, i in enumerate(likelihood.targets):
        assert WEST <= one.x[i] < WEST + 2000
        assert SOUTH <= one.y[i] < SOUTH + 1500
        row, column = int((one.y[i] - raster.south) // 250), int((one.x[i] - raster.west) // 250)
        value = prior.without_itself[place] * level[int(one.day[i])] * density[row, column]
        for j in range(i):
            delay, away = one.day[i] - one.day[j], np.hypot(one.x[i] - one.x[j], one.y[i] - one.y[j])
            if 0.5 < delay <= 30 and away <= 700:
                time = share * rate * np.exp(-rate * delay)
                value += time * np.exp(-(away**2) / (2 * metres**2)) / (2 * np.pi * metres**2)
        logs += np.log(value)
    expected = level.sum() * density.sum() * 250.0**2
    for day, x, y in zip(one.day, one.x, one.y, strict=True):
        first, last = max(0.5, -day), min(30.0, 90 - day)
        if last <= first:
            continue
        time, _ = integrate.quad(lambda t: share * rate * np.exp(-rate * t), first, last)
        inside = np.diff(stats.norm.cdf([WEST, WEST + 2000], x, metres))[0]
        inside *= np.diff(stats.norm.cdf([SOUTH, SOUTH + 1500], y, metres))[0]
        expected += time * inside
    penalty = 3.0 * (log_factors - np.exp(log_factors)).sum() - (4 * 0.2**2 + 0.1**2) / 2
    whole, _, _ = likelihood.value(parameters, log_factors, prior)
    assert whole - penalty == pytest.approx(logs - expected, abs=0.01)  # what stays inside is interpolated


def test_gradient_and_information_are_those_of_the_value(small):
    likelihood, parameters, log_factors, prior = small
    _, by_parameter, by_square = likelihood.value(parameters, log_factors, prior)
    slope = optimize.approx_fprime(parameters, lambda p: likelihood.value(p, log_factors, prior)[0], 1e-6)
    np.testing.assert_allclose(by_parameter, slope, rtol=1e-4, atol=1e-3)
    squares = np.unique(likelihood.squares)[:3]
    for square in squares:
        step = np.zeros(len(log_factors))
        step[square] = 1e-5
        high, low = (likelihood.value(parameters, log_factors + sign * step, prior)[0] for sign in (1, -1))
        assert by_square[square] == pytest.approx((high - low) / 2e-5, rel=1e-4, abs=1e-4)


def test_information_takes_off_what_the_background_costs(small):
    likelihood, parameters, log_factors, prior = small

    def profile(log_share):
        moved = parameters.copy()
        moved[0] = log_share

        def loss(free):
            value, _, slope = likelihood.value(moved, free, prior)
            return -value, -slope

        return -optimize.minimize(
            loss, log_factors, jac=True, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-8}
        ).fun

    at = parameters[0]
    best = optimize.minimize(
        lambda free: tuple(-part for part in likelihood.value(parameters, free, prior)[::2]),
        log_factors,
        jac=True,
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-8},
    ).x
    curvature = -(profile(at + 0.02) - 2 * profile(at) + profile(at - 0.02)) / 0.02**2
    assert likelihood.information(parameters, best, prior)[0, 0] == pytest.approx(curvature, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 3.0), st.floats(4.0, 40.0))
def test_pairs_are_all_within_the_limits_and_no_others(seed, least, most):
    rng = np.random.default_rng(seed)
    one = incidents_of(np.round(rng.uniform(0, 300, 80), 1), rng.integers(0, 900, 80), rng.integers(0, 900, 80))
    targets = np.flatnonzero(rng.random(80) < 0.8)
    pairs = Pairs.from_incidents(one, targets, least, most, 500.0)
    days = one.day[:, None] - one.day[None, :]
    square = (one.x[:, None] - one.x[None, :]) ** 2 + (one.y[:, None] - one.y[None, :]) ** 2
    wanted = (days > least) & (days <= most) & (square <= 500.0**2)
    later, earlier = np.nonzero(wanted & np.isin(np.arange(80), targets)[:, None])
    np.testing.assert_allclose(pairs.days, days[later, earlier], rtol=1e-6)
    np.testing.assert_allclose(pairs.square_metres, square[later, earlier], rtol=1e-6)
    weight = np.exp(-0.2 * days[later, earlier] - square[later, earlier] / (2 * 200.0**2))
    sums = np.bincount(later, weight, 80)
    np.testing.assert_allclose(pairs.sums(0.2, 200.0)[0], sums[pairs.later], rtol=1e-5)


def test_the_ground_has_the_areas_of_cells_of_any_shape():
    grid = square_grid(2, 2, size=330.0, corner=(WEST + 70, SOUTH + 40))
    raster = EtasRaster.from_grid(grid, 100.0, 400.0)
    area = np.asarray(raster.shares.sum(axis=1)).ravel() * 100.0**2
    np.testing.assert_allclose(area, shapely.area(grid.geometry), rtol=1e-6)
    assert raster.inside.max() == 1.0
    assert (raster.square_of(np.array([WEST - 1e5]), np.array([SOUTH])) == -1).all()


def test_what_stays_in_the_study_area_is_the_gaussian_mass_of_it():
    raster = EtasRaster.from_grid(square_grid(3, 4), 250.0, 800.0)
    kept, slope = raster.mass_inside(150.0)
    x, y = np.array([WEST, WEST + 1000, WEST - 250]), np.array([SOUTH, SOUTH + 750, SOUTH + 750])
    exact = stats.norm.cdf(WEST + 2000, x, 150) - stats.norm.cdf(WEST, x, 150)
    exact *= stats.norm.cdf(SOUTH + 1500, y, 150) - stats.norm.cdf(SOUTH, y, 150)
    np.testing.assert_allclose(raster.knots(x, y) @ kept.ravel(), exact, rtol=1e-6)
    moved = (raster.mass_inside(150.0 * np.exp(1e-5))[0] - raster.mass_inside(150.0 * np.exp(-1e-5))[0]) / 2e-5
    np.testing.assert_allclose(slope, moved, atol=1e-6)


def test_spread_is_the_mean_of_the_mass_over_the_square_it_comes_from():
    raster = EtasRaster.from_grid(square_grid(3, 4), 250.0, 800.0)
    rows, _ = raster.spread(120.0)
    from_square, to_square = 5, 6
    points = raster.south + 250 * (from_square + (np.arange(2000) + 0.5) / 2000)
    mass, _ = raster.masses(np.full(2000, WEST), points, 120.0)
    assert rows[to_square, from_square] == pytest.approx(mass[:, to_square].mean(), rel=1e-6)
    np.testing.assert_allclose(rows, rows.T, atol=1e-12)


def test_expected_counts_follow_the_equation_of_the_mean():
    """Where nothing leaves the study area, the total obeys a scalar equation with a solution in closed form."""
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
    """Branch known incidents and background by chance: the mean of many continuations, lost offspring left out."""
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


def test_the_background_is_nowhere_nothing_and_knows_what_each_incident_adds():
    raster = EtasRaster.from_grid(square_grid(6, 6), 250.0, 800.0)
    squares = raster.square_of(np.array([WEST + 300.0, WEST + 2600.0]), np.array([SOUTH + 300.0, SOUTH + 2600.0]))
    shape, own, mixture = background_shape(raster, squares, np.ones(2), [400.0], 5.0)
    assert shape.sum() == pytest.approx(1.0)
    assert (shape[raster.inside.ravel() > 0] > 0).all()
    assert (shape[raster.inside.ravel() == 0] == 0).all()
    assert mixture[0] > 0.9  # one incident says nothing of where the other falls
    np.testing.assert_allclose((1 - own) * shape[squares], mixture[0] / 144, rtol=0.05)


def test_the_background_is_as_smooth_as_the_incidents_are():
    rng = np.random.default_rng(0)
    raster = EtasRaster.from_grid(square_grid(12, 12), 100.0, 800.0)
    centre = rng.uniform(1000, 5000, (12, 2))[rng.integers(0, 12, 6000)]
    mixtures = []
    for width in (150, 900):
        x, y = np.clip(centre + rng.normal(0, width, (6000, 2)), 1, 5999).T
        squares = raster.square_of(WEST + x, SOUTH + y)
        mixtures.append(background_shape(raster, squares, np.ones(6000), [100.0, 400.0], 50.0)[2])
    assert mixtures[0][1] > 0.6 > mixtures[1][1]


def test_the_unevenness_of_counts_is_found_behind_doubt_about_who_belongs():
    rng = np.random.default_rng(0)
    expected = rng.gamma(2.0, 2.0, 20_000)
    counts = rng.poisson(expected * rng.gamma(3.0, 1 / 3.0, 20_000)).astype(float)
    found = gamma_shape(counts, np.zeros(20_000), expected, 2.0)
    assert found == pytest.approx(3.0, rel=0.1)
    assert gamma_shape(rng.poisson(expected).astype(float), np.zeros(20_000), expected, 2.0) > 50
    halved = counts / 2  # each belongs to the background with probability one half
    assert gamma_shape(halved, counts / 4, expected / 2, 2.0) == pytest.approx(3.0, rel=0.1)


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


def test_a_steady_background_leaves_few_near_repeats():
    kind = SimulatedType(yearly=3000, season=0.0, offspring=0.0)
    model = ETAS(least_delay=0.0, holdout=4).fit(known(hawkes(2, 3000, crime_types={"a": kind})))
    assert triggering(model)[0][0] < 0.06


def test_exact_repeats_are_not_read_as_near_repeats(records):
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
    ahead = history.calendar.ahead(history.cutoff, 1)
    ratio = again.predict(ahead).expected.values / model.predict(ahead).expected.values
    np.testing.assert_allclose(ratio, 1 + 300 / len(table))  # counts of records hold them all the same


def test_records_of_one_incident_minutes_apart_need_the_least_delay(records):
    history, model = records
    table = history.events.table
    later = table.sample(400, random_state=1)
    later = later.assign(**{name: later[name] + pd.Timedelta(minutes=20) for name in ("occurred_at", "reported_at")})
    both = pd.concat([table, later[later["occurred_at"] < history.events.end]], ignore_index=True)
    events = type(history.events)(both, **{k: getattr(history.events, k) for k in ("crs", "time_zone", "start", "end")})
    fooled = ETAS(least_delay=0.0, holdout=4).fit(known(events, history.grid))
    told = ETAS(least_delay=0.1, holdout=4).fit(known(events, history.grid))
    assert triggering(fooled)[0][1] < 0.7 * triggering(model)[0][1]
    assert triggering(told)[0][1] > 0.85 * triggering(model)[0][1]


def test_offspring_lost_outside_the_study_area_do_not_lower_the_share():
    """On strips of one cell in width a third of the offspring leave; incidents outside may be parents too."""
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


def test_a_rare_type_keeps_a_smooth_background_and_says_that_it_has_no_more():
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
    ahead = history.calendar.ahead(history.cutoff, 4)
    weeks = model.predict(ahead).expected.values
    daily = History.from_events(history.cutoff, history.events, history.grid, Calendar("day"))
    days = ETAS(least_delay=0.0, holdout=4).fit(daily)
    days.fitted_, days.last_day_ = model.fitted_, model.last_day_
    summed = days.predict(daily.calendar.ahead(daily.cutoff, 28)).expected.values
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
def test_settings_that_cannot_work_are_told_in_one_line(changes, words):
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
def test_intervals_cover_the_truth_where_squares_are_as_fine_as_the_background():
    covered = []
    for seed in range(40):
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
