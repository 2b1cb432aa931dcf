import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from scipy import stats
from scipy.spatial import cKDTree

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType, background_per_day
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.domain.panel import Panel
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.square import SquareGrid

WEEKS = Calendar()
BUSY = {
    "burglary": SimulatedType(yearly=9000, season=0.3, trend=0.05, offspring=0.35, mean_days=7, metres=200),
    "theft": SimulatedType(yearly=5000, season=0.2, peak_day=20, offspring=0.2, mean_days=4, metres=100),
}


def replay(city, cells=500.0, first=60, step=1, lead=1):
    """Return expected and observed counts, shape (cutoffs, types, cells), each from what was known before."""
    events = city.read()
    grid = SquareGrid(cells).build(events)
    full = Panel.count(events, grid, WEEKS)
    expected, observed = [], []
    for week in range(first, len(full.periods) - lead + 1, step):
        history = History.from_events(full.periods[week].start_time, events, grid, WEEKS)
        expected.append(city.expected(history, WEEKS.next_periods(history.cutoff, lead))[..., -1])
        observed.append(full.values[:, :, week + lead - 1])
    return np.stack(expected), np.stack(observed)


@pytest.fixture(scope="module")
def one_step():
    return replay(SimulatedCity(seed=4, lattice_m=250, crime_types=BUSY, reporting_rate=0.7), first=110)


def z_of_sums(expected, observed):
    """Return how far each type's observed sum lies from the expected one, in its own standard errors."""
    misses = (observed - expected).sum(axis=2)
    return misses.sum(axis=0) / np.sqrt((misses**2).sum(axis=0))


def test_expected_counts_sum_to_recorded_counts(one_step):
    assert np.abs(z_of_sums(*one_step)).max() < 3


def test_errors_of_consecutive_weeks_are_uncorrelated(one_step):
    expected, observed = one_step
    misses = (observed - expected).sum(axis=(1, 2))
    correlation = np.corrcoef(misses[1:], misses[:-1])[0, 1]
    assert abs(correlation) < 3 / np.sqrt(len(misses))


def test_expected_counts_are_calibrated_at_every_level(one_step):
    expected, observed = (cube.ravel() for cube in one_step)
    bins = np.searchsorted(np.quantile(expected, np.linspace(0, 1, 11)[1:-1]), expected)
    spread = ((observed - expected) ** 2).sum() / expected.sum()  # near repeats within the week: a little over 1
    assert 1.0 < spread < 1.5
    for k in range(10):
        at = bins == k
        assert abs(observed[at].sum() - expected[at].sum()) < 3.5 * np.sqrt(spread * expected[at].sum())


def test_near_repeats_improve_the_expected_counts(one_step):
    expected, observed = one_step
    calm = np.broadcast_to(expected.mean(axis=0), expected.shape)
    gain = stats.poisson.logpmf(observed, expected).sum() - stats.poisson.logpmf(observed, calm).sum()
    assert gain > 50


@pytest.mark.parametrize(
    "changes",
    [
        {"reporting_rate": 1.0},
        {"reporting_delay_days": 20.0},
        {"reporting_rate": 0.4, "reporting_slope": 1.0},
    ],
)
def test_expected_counts_are_unbiased_for_incomplete_and_late_records(changes):
    city = SimulatedCity(seed=5, lattice_m=500, districts=3, crime_types=BUSY, **changes)
    assert np.abs(z_of_sums(*replay(city, cells=1500, step=4))).max() < 3


def test_expected_counts_are_unbiased_at_longer_leads():
    city = SimulatedCity(seed=6, lattice_m=500, districts=3, crime_types=BUSY)
    assert np.abs(z_of_sums(*replay(city, cells=1500, step=4, lead=4))).max() < 3


def lone_event(kind, reporting_rate=1.0):
    """Return a city without background and its history: one event, a microsecond before the cutoff."""
    city = SimulatedCity(seed=1, lattice_m=100, crime_types={"only": kind}, reporting_rate=reporting_rate)
    events = dataclasses.replace(city, crime_types={"only": dataclasses.replace(kind, yearly=50_000)}).read()
    grid = SquareGrid(500, active="all").build(events)
    table = events.table.iloc[:1].assign(
        occurred_at=pd.Timestamp("2021-01-03 23:59:59.999999"),
        reported_at=pd.Timestamp("2021-01-03 23:59:59.999999"),
        x=city.west + 4450.0,
        y=city.south + 4450.0,
    )
    lone = dataclasses.replace(events, table=table)
    return city, History.from_events(pd.Timestamp("2021-01-04"), lone, grid, WEEKS)


@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_one_event_has_the_known_number_of_descendants(rate):
    kind = SimulatedType(yearly=0.0, offspring=0.4, mean_days=5.0, metres=100.0)
    city, history = lone_event(kind, rate)
    got = city.expected(history, WEEKS.next_periods(history.cutoff, 8)).sum(axis=(0, 1)).cumsum()
    days = 7.0 * np.arange(1, 9)
    # the mean of an exponential branching process: n / (1 - n) descendants, at the pace (1 - n) / T
    exact = rate * 0.4 / 0.6 * (1 - np.exp(-0.6 * days / 5.0))
    np.testing.assert_allclose(got, exact, rtol=1e-4)


def test_near_repeats_spread_as_a_gaussian():
    kind = SimulatedType(yearly=0.0, offspring=1e-4, mean_days=2.0, metres=180.0)
    city, history = lone_event(kind)
    got = city.expected(history, WEEKS.next_periods(history.cutoff, 1))[0, :, 0]
    bounds = np.array([cell.bounds for cell in history.grid.geometry])
    x, y = city.west + 4450.0, city.south + 4450.0
    along = stats.norm.cdf(bounds[:, 2], x, 180.0) - stats.norm.cdf(bounds[:, 0], x, 180.0)
    across = stats.norm.cdf(bounds[:, 3], y, 180.0) - stats.norm.cdf(bounds[:, 1], y, 180.0)
    exact = 1e-4 * (1 - np.exp(-3.5)) * along * across
    np.testing.assert_allclose(got, exact, rtol=2e-3, atol=1e-9)


@pytest.fixture(scope="module")
def town():
    return SimulatedCity(seed=8, size_km=3, districts=2, weeks=40, population=5000, lattice_m=100)


def test_expected_counts_have_the_same_sum_on_any_grid(town):
    events = town.read()
    totals = []
    for spec in (SquareGrid(100, active="closing"), SquareGrid(500), SquareGrid(1500), HexGrid(400, active="closing")):
        history = History.from_events(pd.Timestamp("2019-09-02"), events, spec.build(events), WEEKS)
        totals.append(town.expected(history, WEEKS.next_periods(history.cutoff, 2)).sum(axis=1))
    np.testing.assert_allclose(totals[1], totals[2], rtol=1e-12)
    np.testing.assert_allclose(totals[0], totals[2], rtol=0.05)  # not every small square has seen an event
    np.testing.assert_allclose(totals[3], totals[2], rtol=0.02)


def test_later_events_change_nothing(town, monkeypatch):
    events = town.read()
    grid, cutoff = SquareGrid(500).build(events), pd.Timestamp("2019-08-05")
    past = events.table["reported_at"] < cutoff
    shuffled = events.table.assign(x=events.table["x"].where(past, town.west + 10.0))
    monkeypatch.setattr(SimulatedCity, "read", lambda _: pytest.fail("the truth was asked for the records"))
    told = [
        town.expected(
            History.from_events(cutoff, dataclasses.replace(events, table=table), grid, WEEKS),
            WEEKS.next_periods(cutoff, 3),
        )
        for table in (events.table, shuffled, events.table.loc[past])
    ]
    np.testing.assert_array_equal(told[0], told[1])
    np.testing.assert_array_equal(told[0], told[2])


def test_records_of_another_city_are_refused(town):
    events = SimulatedCity.white_noise(size_km=3, districts=2, weeks=10).read()
    history = History.from_events(pd.Timestamp("2019-03-04"), events, SquareGrid(500).build(events), WEEKS)
    with pytest.raises(InputError, match="with the records of the same city"):
        town.expected(history, WEEKS.next_periods(history.cutoff, 1))


def test_the_background_follows_its_intensity():
    kinds = {"a": SimulatedType(yearly=8000, season=0.4, trend=0.2, offspring=0.0)}
    city = SimulatedCity(seed=9, crime_types=kinds, weekend=0.5, reporting_rate=1.0)
    events = city.read()
    days = background_per_day(tuple(kinds.values()), np.arange(260 * 7.0), pd.Timestamp(city.start), 0.5)[0]
    date = events.table["occurred_at"]
    observed = np.bincount((date - events.start).dt.days, minlength=len(days))
    assert abs(observed.sum() - days.sum()) < 3 * np.sqrt(days.sum())
    for every, size in ((1, 7), (91, 20)):  # days of the week, then quarters
        group = np.arange(len(days)) // every % size
        counts, means = (np.bincount(group, values, minlength=size) for values in (observed, days))
        assert stats.chi2.sf(((counts - means) ** 2 / means).sum(), size) > 1e-3
    share = city._layout.risk[0].reshape(6, 15, 6, 15).sum(axis=(1, 3)).ravel()
    counts = city.truth()["occurred"].to_numpy()
    assert stats.chi2.sf(((counts - share * days.sum()) ** 2 / (share * days.sum())).sum(), 36) > 1e-3


def test_yearly_incidents_include_near_repeats():
    city = SimulatedCity(seed=2, crime_types={"a": SimulatedType(yearly=10_000, season=0.0, offspring=0.35)})
    occurred = city.truth()["occurred"].sum()
    mean = 10_000 * 260 * 7 / 365.25
    assert abs(occurred - mean) < 4 * np.sqrt(mean) / 0.65


def close_pairs(city):
    table = city.read().table
    seconds = (table["occurred_at"] - table["occurred_at"].min()).dt.total_seconds()
    scaled = np.column_stack([table["x"] / 200.0, table["y"] / 200.0, seconds / (14 * 86_400)])
    return len(cKDTree(scaled).query_pairs(1.0))


def test_near_repeats_are_visible():
    quiet = {"a": SimulatedType(yearly=10_000, offspring=0.0)}
    keen = {"a": SimulatedType(yearly=10_000, offspring=0.3)}
    pairs = [close_pairs(SimulatedCity(seed=3, weeks=104, centres=0, crime_types=kind)) for kind in (quiet, keen)]
    assert pairs[1] > 1.2 * pairs[0]


def test_white_noise_has_nothing_to_learn():
    city = SimulatedCity.white_noise(seed=3, weeks=104)
    events = city.read()
    counts = Panel.count(events, SquareGrid(500).build(events), WEEKS).values[0]
    for axis in (0, 1):
        totals = counts.sum(axis=axis)
        assert 1e-3 < stats.chi2.sf(((totals - totals.mean()) ** 2 / totals.mean()).sum(), len(totals) - 1) < 1 - 1e-3
    history = History.from_events(pd.Timestamp("2020-06-01"), events, SquareGrid(500).build(events), WEEKS)
    expected = city.expected(history, WEEKS.next_periods(history.cutoff, 2))
    np.testing.assert_allclose(expected, 5000 * 0.8 * 7 / 365.25 / 324, rtol=1e-9)


def test_records_are_thinned_by_district():
    city = SimulatedCity(seed=7, reporting_rate=0.6, reporting_slope=0.8, reporting_by_area={"District 2-3": 0.25})
    rates = city.reporting_rates().set_index("area")["rate"]
    people = city.groups().pivot_table(index="area", columns="group", values="population")
    share = people["cedar"] / people.sum(axis=1)
    ruled = (0.6 + 0.8 * (share - 0.15)).clip(0.05, 1.0)
    assert rates["District 2-3"] == 0.25
    np.testing.assert_allclose(rates.drop("District 2-3"), ruled.drop("District 2-3"))
    truth = city.truth().groupby("area")[["occurred", "recorded"]].sum()
    z = (truth["recorded"] - truth["occurred"] * rates) / np.sqrt(truth["occurred"] * rates * (1 - rates))
    assert stats.chi2.sf((z**2).sum(), 36) > 1e-3
    assert truth["recorded"].sum() == len(city.read())


def test_events_lie_in_their_district(town):
    table = town.read().table
    row, column = ((table[name] - low) // 1500 + 1 for name, low in (("y", town.south), ("x", town.west)))
    names = [f"District {r:.0f}-{c:.0f}" for r, c in zip(row, column, strict=True)]
    assert list(table["area"]) == names


def test_reports_follow_within_the_delay(town):
    events = dataclasses.replace(town, reporting_delay_days=10.0).read()
    delay = (events.table["reported_at"] - events.table["occurred_at"]).dt.total_seconds() / 86_400
    assert events.settles_after == pd.Timedelta(days=10)
    assert 0 <= delay.min() < delay.max() <= 10
    assert abs(delay.mean() - 5.0) < 0.3


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    population=st.integers(100, 1_000_000),
    segregation=st.floats(0, 2),
    districts=st.sampled_from([1, 2, 5]),
)
def test_groups_sum_to_the_population(seed, population, segregation, districts):
    city = SimulatedCity(
        seed=seed, size_km=5, districts=districts, population=population, segregation=segregation, lattice_m=500
    )
    table = city.groups()
    assert table["population"].sum() == population
    assert (table["population"] >= 0).all()
    assert len(table) == 3 * districts**2
    share = table.groupby("group")["population"].sum() / population
    assert np.abs(share - pd.Series(city.group_shares)).max() < 0.02 + 20 / population


def test_segregation_makes_groups_uneven():
    def spread(segregation):
        people = (
            SimulatedCity(segregation=segregation)
            .groups()
            .pivot_table(index="area", columns="group", values="population")
        )
        return (people["cedar"] / people.sum(axis=1)).std()

    assert spread(0.0) < 0.002
    assert 0.03 < spread(0.5) < spread(1.0)


def test_risk_depends_on_composition_only_by_setting():
    def slope(strength):
        city = SimulatedCity(seed=5, centres=0, roughness=0.0, composition_risk=strength, lattice_m=500)
        people = city.groups().pivot_table(index="area", columns="group", values="population")
        share = people["cedar"] / people.sum(axis=1)
        where = city._layout.risk[0].reshape(6, 3, 6, 3).sum(axis=(1, 3)).ravel()
        return np.polyfit((share - share.mean()) / share.std(ddof=0), np.log(where), 1)[0]

    assert abs(slope(0.0)) < 1e-9
    assert abs(slope(0.3) - 0.3) < 1e-9


def test_the_same_parameters_give_the_same_events(town):
    again = dataclasses.replace(town)
    assert town.read().digest() == again.read().digest()
    assert town.read().digest() != dataclasses.replace(town, seed=9).read().digest()


def test_another_crime_type_does_not_change_the_others():
    kinds = {"a": SimulatedType(yearly=900), "b": SimulatedType(yearly=900)}
    flat = {"centres": 0, "roughness": 0.0, "reporting_rate": 1.0, "weeks": 20}
    few, many = (SimulatedCity(crime_types=chosen, **flat).read().table for chosen in ({"a": kinds["a"]}, kinds))
    same = many.loc[many["crime_type"] == "a"]
    np.testing.assert_array_equal(few["x"], same["x"])


def test_the_intake_report_names_the_city_as_simulated(town):
    events = town.read()
    report = events.intake
    assert (report.rows_read, report.rows_kept) == (len(events), len(events))
    assert report.digest == events.digest()
    assert sum(report.crime_types.values()) == len(events)
    assert "Simulated incidents" in report.to_text()
    occurred = town.truth()["occurred"].sum()
    assert f"{occurred:,} incidents occurred; {occurred - len(events):,}" in report.to_text()


def test_numbers_of_numpy_draw_the_same_city():
    city = SimulatedCity(seed=np.int64(7), weeks=np.int32(30), weekend=np.float64(0.5))
    assert city.read().digest() == SimulatedCity(seed=7, weeks=30, weekend=0.5).read().digest()


def test_the_configuration_has_the_defaults_of_the_constructor():
    path = Path(__file__).parents[2] / "configs" / "data" / "simulated.yaml"
    city = instantiate(OmegaConf.load(path), _convert_="all")
    assert city == SimulatedCity()
    events = city.read()
    assert 60_000 < len(events) < 100_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": "x"}, "data.seed='x' is not usable; set a whole number"),
        ({"weeks": 0}, "data.weeks=0"),
        ({"districts": 2.5}, "whole number"),
        ({"reporting_rate": 1.2}, r"set a number from 0.05 to 1\."),
        ({"reporting_rate": float("nan")}, "not usable"),
        ({"start": "2019-13-01"}, "write it as 2019-01-07"),
        ({"lattice_m": 400.0}, "is not a whole number of squares"),
        ({"lattice_m": 10.0}, "too fine"),
        ({"crime_types": {}}, "at least one crime type"),
        ({"crime_types": {"a": SimulatedType(yearly=1, metres=5000)}}, "too large"),
        ({"reporting_by_area": {"Downtown": 0.5}}, "use 'District 1-1' to 'District 6-6'"),
        ({"reporting_by_area": {"District 1-1": 2}}, "data.reporting_by_area.District 1-1=2"),
        ({"group_shares": {"a": 0.5, "cedar": 0.6}}, r"must sum to 1, not 1\.1"),
        ({"group_shares": {"cedar": -1.0, "a": 2.0}}, "data.group_shares.cedar"),
        ({"marked_group": "oak"}, "choose one of amber, birch, cedar"),
    ],
)
def test_an_impossible_city_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        SimulatedCity(**changes)


@pytest.mark.parametrize("changes", [{"offspring": 1.0}, {"yearly": -1}, {"mean_days": 0.1}, {"season": "high"}])
def test_an_impossible_crime_type_is_refused(changes):
    with pytest.raises(InputError, match=f"crime_types: {next(iter(changes))}="):
        SimulatedType(**{"yearly": 100, **changes})
