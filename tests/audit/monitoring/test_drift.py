import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.monitoring.drift import (
    CompositionShift,
    composition_shifts,
    count_missing_coordinates,
    group_shares,
    missing_coordinates_shifts,
)
from ilp_models.domain.errors import InputError

AUDITED, NEW = 52, 8


def weekly(rng, before, now):
    """Return weekly counts with other shares in the new weeks."""
    sizes = rng.poisson(100, AUDITED + NEW)
    shares = [before] * AUDITED + [now] * NEW
    return np.array([rng.multinomial(size, share) for size, share in zip(sizes, shares, strict=True)], dtype=float)


def test_the_distance_is_the_share_of_events_in_another_category():
    counts = np.array([[6.0, 3.0, 1.0]] * 10 + [[3.0, 3.0, 4.0]])
    shift = CompositionShift.from_counts(counts, 10)
    assert shift.distance == pytest.approx(0.3)
    assert (shift.count_before, shift.count_now) == (100.0, 10.0)


def test_without_a_change_one_distribution_in_twenty_exceeds_the_noise():
    rng, share = np.random.default_rng(0), [0.4, 0.3, 0.2, 0.1]
    beyond = np.mean(
        [CompositionShift.from_counts(weekly(rng, share, share), AUDITED).exceeds_noise for _ in range(1500)]
    )
    assert 0.02 < beyond < 0.09


def test_a_shift_of_a_tenth_of_the_events_exceeds_the_noise():
    rng = np.random.default_rng(1)
    shifts = [CompositionShift.from_counts(weekly(rng, [0.4, 0.3, 0.3], [0.3, 0.4, 0.3]), AUDITED) for _ in range(50)]
    assert np.mean([shift.exceeds_noise for shift in shifts]) > 0.95
    assert np.mean([shift.distance for shift in shifts]) == pytest.approx(0.1, abs=0.02)


def test_a_season_within_the_reference_counts_as_noise():
    rng = np.random.default_rng(2)
    summer = 0.5 + 0.2 * np.sin(2 * np.pi * np.arange(AUDITED + NEW) / 52)
    counts = np.stack([rng.poisson(100 * summer), rng.poisson(100 * (1 - summer))], axis=1).astype(float)
    shift = CompositionShift.from_counts(counts, AUDITED)
    assert shift.distance > 0.1
    assert not shift.exceeds_noise


def test_a_short_reference_has_no_noise_level():
    shift = CompositionShift.from_counts(np.ones((6, 2)), 5)
    assert np.isnan(shift.noise_high)
    assert not shift.exceeds_noise


def events():
    rng = np.random.default_rng(3)
    rows = []
    for week in range(20):
        hours = rng.integers(0, 24, 40) if week < 16 else rng.integers(0, 6, 40)
        start = pd.Timestamp("2021-01-04") + pd.Timedelta(weeks=week)
        moments = start + pd.to_timedelta(rng.integers(0, 7, 40), "D") + pd.to_timedelta(hours, "h")
        rows.append(pd.DataFrame({"ordinal": 100 + week, "occurred_at": moments}))
    table = pd.concat(rows, ignore_index=True)
    return table.assign(crime_type=np.resize(["a", "b"], len(table)), area=np.resize(["x", "y", "z"], len(table)))


def test_the_changed_pattern_exceeds_the_noise():
    found = composition_shifts(events(), range(100, 120), 16, "moment").set_index(["part", "crime_type"])
    assert set(found.index.get_level_values("part")) == {"crime type", "hour of the day", "weekday", "area"}
    assert found.loc[("hour of the day", "all"), "exceeds_noise"]
    assert found.loc[("hour of the day", "all"), "distance"] == pytest.approx(0.75, abs=0.1)
    assert not found.loc[("area", "all"), "exceeds_noise"]
    assert set(found.loc["area"].index) == {"all", "a", "b"}


@pytest.mark.parametrize(("resolution", "parts"), [("day", {"weekday", "area"}), ("month", {"area"})])
def test_patterns_are_no_finer_than_the_time_resolution(resolution, parts):
    found = composition_shifts(events(), range(100, 120), 16, resolution)
    assert set(found["part"]) == {"crime type", *parts}


SHARES = pd.DataFrame({"upland": [0.75, 0.0], "lowland": [0.25, 1.0]}, index=["A", "B"])


def counted(*rows):
    return pd.DataFrame(rows, columns=["period", "crime_type", "area", "count"])


def test_missing_coordinates_are_weighted_by_group_shares():
    placed = counted(("1", "theft", "A", 30), ("1", "theft", "B", 60), ("1", "theft", "", 10))
    lost = counted(("1", "theft", "A", 4), ("1", "theft", "", 2))
    table = count_missing_coordinates(placed, lost, {"origin": SHARES}).set_index(["dimension", "group"])
    assert table.loc[("", ""), ["missing_coordinates", "records"]].tolist() == [6, 106]
    assert table.loc[("area", "A"), ["missing_coordinates", "records"]].tolist() == [4, 34]
    assert table.loc[("origin", "upland"), ["missing_coordinates", "records"]].tolist() == [3, 25.5]
    assert table.loc[("origin", "lowland"), ["missing_coordinates", "records"]].tolist() == [1, 68.5]


def shares_of_lost(lost_now):
    periods = [f"{at:02}" for at in range(20)]
    placed = counted(*((period, "theft", "A", 100) for period in periods))
    lost = counted(*((period, "theft", "A", lost_now) for period in periods[16:] if lost_now))
    return (
        missing_coordinates_shifts(count_missing_coordinates(placed, lost, {}), periods, 16)
        .set_index("dimension")
        .loc[""]
    )


def test_many_missing_coordinates_exceed_the_noise():
    many, few, none = shares_of_lost(10), shares_of_lost(0.25), shares_of_lost(0)
    assert many["exceeds_noise"]
    assert (many["share_before"], many["share_now"]) == pytest.approx((0, 10 / 110))
    assert not few["exceeds_noise"]
    assert not none["exceeds_noise"]


def test_group_shares_of_areas():
    table = pd.DataFrame(
        {
            "area": ["A", "A", "B", "B"],
            "dimension": "origin",
            "group": ["up", "low"] * 2,
            "population": [75.0, 25.0, 0.0, 0.0],
            "residents": [100.0, 100.0, 0.0, 0.0],
        }
    )
    shares = group_shares(table, ["A", "C"])["origin"]
    assert shares.loc["A", "up"] == 0.75
    with pytest.raises(InputError, match="no name in common"):
        group_shares(table, ["C"])
