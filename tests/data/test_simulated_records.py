import dataclasses

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial import cKDTree

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType


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
