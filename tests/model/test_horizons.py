"""Forecasts from an origin: nothing from after it, sums that hold, and years whose interval covers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.model.long_horizons.horizons import LongHorizons, forecast_origin, hierarchies, whole_months
from ilp_models.model.long_horizons.methods import ETS, LinearTrend, SeasonalNaive, SeriesMean
from tests.model.long_city import city_events

SHORT = LongHorizons(city_months=12, area_months=12, city_days=14, train_days=60, origins=2, area_origins=1)
FIRST = pd.Period("2019-01", freq="M")


def origin(events, method=None, settings=SHORT, first=FIRST):
    unit = "month" if first.freqstr == "M" else "day"
    hierarchy = hierarchies(events, settings)[unit]
    return forecast_origin(events, first, hierarchy, method or SeasonalNaive(), settings, LocalProcesses(1))


def test_what_happens_after_the_origin_changes_nothing():
    events = city_events()
    later = events.table["reported_at"] >= FIRST.start_time
    table = events.table.copy()
    table.loc[later, "crime_type"] = "A"
    altered = replace(events, table=table)
    np.testing.assert_array_equal(origin(events).expected, origin(altered).expected)
    np.testing.assert_array_equal(origin(events).variance, origin(altered).variance)


def test_late_reports_are_not_known_before_they_come():
    events = city_events(delay="40D")
    made = origin(events)
    # all of the training months are complete once the delay has passed
    everything = made.hierarchy.with_sums(made.hierarchy.count(events, made.known, {}))
    np.testing.assert_array_equal(made.counts, everything)
    assert whole_months(events)[-1] == pd.Period("2019-10", freq="M")


def test_city_areas_and_types_add_up_in_every_period():
    made = origin(city_events(), LinearTrend())
    table = made.to_frame().set_index(["area", "crime_type", "period"])["expected"]
    for month in made.periods.astype(str):
        parts = [table[area, kind, month] for area in ("district 1", "district 2") for kind in "AB"]
        assert table["(all)", "all", month] == pytest.approx(sum(parts))
        assert table["(all)", "A", month] == pytest.approx(parts[0] + parts[2])
        assert table["district 2", "all", month] == pytest.approx(parts[2] + parts[3])


def test_a_drift_of_the_level_widens_intervals_and_does_not_move_the_reconciled_counts():
    none, some = (origin(city_events(), SeriesMean(members=(LinearTrend(),), drift=drift)) for drift in (0, 0.05))
    np.testing.assert_array_equal(none.expected, some.expected)
    added, most = some.variance - none.variance, (0.05 * some.counts.mean(axis=1, keepdims=True)) ** 2
    assert (added >= 0).all()
    assert (added <= most * np.arange(1, 13) + 1e-9).all()  # less where chance alone is wider than the method says
    assert some.next_year()["high"].sum() > none.next_year()["high"].sum()


def test_days_have_the_city_alone_and_their_own_length_of_training():
    made = origin(city_events(), first=pd.Period("2019-01-01", freq="D"))
    assert (len(made.known), made.expected.shape) == (60, (3, 14))
    assert set(made.to_frame()["area"]) == {"(all)"}


@pytest.mark.slow
def test_the_year_is_the_sum_of_its_months_and_its_interval_covers():
    inside = []
    for seed in range(25):
        events = city_events(months=60, seed=seed)
        made = origin(events, ETS(), replace(SHORT, area_months=0))
        year = made.next_year()
        np.testing.assert_allclose(year["next_12_months"], made.expected.sum(axis=1))
        np.testing.assert_allclose(year["last_12_months"], made.counts[:, -12:].sum(axis=1))
        total = len(events.table[events.table["occurred_at"] >= FIRST.start_time])
        inside.append(year["low"].iloc[0] <= total <= year["high"].iloc[0])
    assert np.mean(inside) >= 0.72  # 0.9 less three standard errors


def test_a_random_walk_gives_the_variance_of_its_sum():
    made = origin(city_events())
    steps = np.arange(1, 13.0)
    variance = np.tile(1e6 * steps, (len(made.variance), 1))
    year = replace(made, variance=variance, expected=np.full_like(made.expected, 1e4)).next_year().iloc[0]
    sd = 1e3 * np.sqrt((steps**2).sum())  # 12 innovations, each in its own month and all after it
    assert (year["high"] - year["low"]) / 2 == pytest.approx(1.645 * sd, rel=0.05)


def test_records_shorter_than_the_method_needs_are_refused():
    with pytest.raises(NotRunError, match="There are 30 months of records, and train_periods=36"):
        origin(city_events(months=40), first=pd.Period("2017-07", freq="M"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"city_months": 0}, "city_months=0 must be from 1 to 36"),
        ({"city_months": 48}, "city_months=48 must be from 1 to 36"),
        ({"city_days": 91}, "city_days=91"),
        ({"city_months": 6}, "area_months=12 must not exceed city_months=6"),
        ({"origins": -1}, "origins=-1"),
        ({"train_days": 5}, "train_days=5"),
        ({"breaks": [{"start": "2020-03"}]}, "Give start, why"),
        ({"breaks": [{"start": "2020-03", "why": "x"}, {"start": "2021-03", "why": "y"}]}, "at most one break"),
    ],
)
def test_settings_out_of_range_are_refused(changes, said):
    with pytest.raises(InputError, match=said):
        LongHorizons(**changes)
