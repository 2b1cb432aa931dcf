import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy import stats

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.domain.panel import Panel
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.square import SquareGrid

WEEKS = Calendar()


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
