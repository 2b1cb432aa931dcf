"""Expected counts by part of the day: they sum to the forecast, and a known profile is found out of sample."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

import ilp_models as ilp
from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import parent_labels
from ilp_models.domain.intake import IntakeReport
from ilp_models.stats.aoristic import share_interval, shrunken_shares
from tests.builders import city, events_at
from tests.pipeline.small_city import run_task

START, WEEKS = pd.Timestamp("2021-01-04"), 80
NIGHT, DAY = np.array([0.6, 0.1, 0.1, 0.2]), np.array([0.1, 0.3, 0.4, 0.2])


@dataclass(frozen=True)
class Cells:
    """The twelve cells of a small city, which do not depend on the records."""

    def build(self, events):
        del events
        return city()


def records(west, east, size=4000, seed=0):
    """Return crimes whose part of the day follows the shares of their area."""
    rng = np.random.default_rng(seed)
    x = 630_000.0 + rng.uniform(0, 2000, size)
    part = np.where(x < 631_000, rng.choice(4, size, p=west), rng.choice(4, size, p=east))
    minute = rng.integers(0, 7 * WEEKS, size) * 1440 + part * 360 + rng.integers(0, 360, size)
    when = START + pd.to_timedelta(minute, unit="m")
    y = 4_834_000.0 + rng.uniform(0, 1500, size)
    end = START + pd.Timedelta(weeks=WEEKS)
    return events_at(x, y, when, types=("Theft",), start=str(START.date()), end=str(end.date()))


def test_parts_sum_to_the_forecast_and_have_the_shares_of_their_area():
    forecast = ilp.make_forecast(ilp.MovingAverage(), records(NIGHT, DAY), Cells(), horizon=2)
    table = ilp.split_by_part_of_day(forecast)
    assert len(table) == 2 * 1 * 2 * 4
    by_area = forecast.forecast.expected.values.sum(axis=(0, 2))[parent_labels(city()) == "West"].sum()
    own = table[table["area"] == "West"]
    assert own["expected"].sum() == pytest.approx(by_area, rel=1e-12)
    np.testing.assert_allclose(own["share"].to_numpy()[:4], NIGHT, atol=0.05)
    assert (own["share_low"].to_numpy()[:4] < NIGHT).all()
    assert (own["share_high"].to_numpy()[:4] > NIGHT).all()
    assert own["part"].iloc[-1] == "18:00 to 00:00"
    assert table["expected"].sum() == pytest.approx(forecast.totals().sum(), rel=1e-12)


def test_a_part_can_pass_midnight_and_a_span_is_shared():
    events = records(NIGHT, DAY, size=400)
    spans = events.table.assign(occurred_at=events.table["occurred_at"].dt.normalize() + pd.Timedelta(hours=21))
    spans["occurred_until"] = spans["occurred_at"] + pd.Timedelta(hours=3)
    spans["reported_at"] = spans["occurred_until"]
    forecast = ilp.make_forecast(ilp.MovingAverage(), replace(events, table=spans), Cells())
    table = ilp.split_by_part_of_day(forecast, starts=(6, 23)).groupby("part")["expected"].sum()
    assert table.index.tolist() == ["06:00 to 23:00", "23:00 to 06:00"]
    assert table["23:00 to 06:00"] / table.sum() == pytest.approx(1 / 3, abs=0.01)


def test_the_split_by_area_wins_where_areas_differ_and_loses_nothing_where_they_do_not():
    differ, same = (
        ilp.score_part_of_day(records(NIGHT, other), Cells(), test_weeks=26).iloc[0] for other in (DAY, NIGHT)
    )
    even = np.mean([(shares * np.log(shares / 0.25)).sum() for shares in (NIGHT, DAY)])
    assert differ["gain_even"] == pytest.approx(even, abs=0.06)
    assert differ["gain_all_areas_low"] > 0.1
    assert same["gain_even_low"] > 0.2
    assert abs(same["gain_all_areas"]) < 0.005


def test_shares_of_few_events_are_those_of_all():
    sums = np.array([[40.0, 60.0], [42.0, 58.0], [38.0, 62.0], [2.0, 0.0]])
    assert shrunken_shares(sums, np.array([0.5, 0.5]))[0][3] == pytest.approx([0.41, 0.59], abs=0.03)
    apart = np.array([[900.0, 100.0], [100.0, 900.0]])
    np.testing.assert_allclose(shrunken_shares(apart, np.array([0.5, 0.5]))[0], apart / 1000, atol=0.01)


@pytest.mark.parametrize(("areas", "events", "weight"), [(1, 200, 1e9), (5, 20, 20), (10, 100, 100), (40, 20, 200)])
def test_intervals_of_shares_cover_the_true_ones(areas, events, weight):
    rng = np.random.default_rng(0)
    inside, lengths = [], np.full(4, 0.25)
    for _ in range(100):
        true = rng.dirichlet(weight * DAY, areas)
        sums = rng.multinomial(rng.poisson(events, areas), true).astype(float)
        low, high = share_interval(*shrunken_shares(sums, lengths), 0.95)
        inside.append((low <= true) & (true <= high))
    assert 0.89 < np.mean(inside) < 0.99


def test_without_an_event_nothing_is_known_of_a_share_and_one_area_has_the_interval_of_its_counts():
    low, high = share_interval(*shrunken_shares(np.zeros((2, 4)), np.full(4, 0.25)), 0.95)
    assert (low < 0.01).all()
    assert (high > 0.9).all()
    low, high = share_interval(*shrunken_shares(np.array([[400.0, 600.0]]), np.array([0.5, 0.5])), 0.95)
    exact = binomtest(400, 1000).proportion_ci()
    assert (low[0, 0], high[0, 0]) == pytest.approx((exact.low, exact.high), abs=0.005)


@pytest.mark.parametrize("starts", [(0,), (6, 0), (0, 24), (0, 6.5), (0, 0)])
def test_unusable_hours_are_refused(starts):
    with pytest.raises(InputError, match="in ascending order"):
        ilp.score_part_of_day(records(NIGHT, DAY, 200), Cells(), starts=starts, test_weeks=4)


def test_records_without_times_or_a_year_are_refused():
    events = records(NIGHT, DAY, 200)
    with pytest.raises(InputError, match="must cover a year"):
        ilp.score_part_of_day(events, Cells(), test_weeks=52)
    report = IntakeReport("a", (), 0, 0, events.start, events.end, "UTC", events.crs, "day")
    with pytest.raises(InputError, match="exact to the day only"):
        ilp.score_part_of_day(replace(events, intake=report), Cells(), test_weeks=4)


def test_the_task_forecast_writes_the_split_and_its_marking(tmp_path):
    folder = run_task("forecast", tmp_path, "parts_of_day=[0,12]").folder
    split, grid = (pd.read_csv(folder / name) for name in ("part_of_day.csv", "grid.csv"))
    assert split["part"].unique().tolist() == ["00:00 to 12:00", "12:00 to 00:00"]
    assert split["expected"].sum() == pytest.approx(grid["expected"].sum(), rel=1e-5)
    assert set(split["grade"]) == {"research"}
    for wrong in ("[12,0]", "6", "noon"):
        with pytest.raises(
            InputError, match=rf"parts_of_day={re.escape(wrong.replace(',', ', '))} must be two or more"
        ):
            run_task("forecast", tmp_path / "again", f"parts_of_day={wrong}", data=None)  # before records are read
    assert not list((tmp_path / "again").rglob("grid.csv"))
