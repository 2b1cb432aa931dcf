import numpy as np
import pandas as pd
import pytest

from ilp_models.description.near_repeats import NearRepeats
from ilp_models.domain.description import DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.grid.square import SquareGrid

START, END = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-12-30")


def records(x, y, day, kinds="burglary", hour=0):
    when = START + pd.to_timedelta(np.asarray(day), unit="D") + pd.Timedelta(hours=hour)
    table = pd.DataFrame({"occurred_at": when, "reported_at": when, "x": x, "y": y}).astype({"x": float, "y": float})
    table["crime_type"] = pd.Categorical(np.broadcast_to(kinds, len(table)))
    table["area"] = pd.Categorical(np.where(table["x"] < 502_000, "west", "east"))
    return Events(table, "EPSG:32617", "America/Toronto", START, END)


def data_of(events):
    return DescriptionData(events, SquareGrid(500).build(events), "area" if len(events) else None)


def city(repeats, seed=0, size=600):
    """Return random events; some are followed by another within 100 m and 1 to 5 days."""
    rng = np.random.default_rng(seed)
    xy, day = rng.uniform(0, 5000, (size, 2)), rng.integers(0, 364, size)
    first = rng.choice(size, repeats, replace=False)
    xy = np.concatenate([xy, xy[first] + rng.uniform(-50, 50, (repeats, 2))])
    day = np.concatenate([day, np.minimum(day[first] + rng.integers(1, 6, repeats), 363)])
    return records(500_000 + xy[:, 0], 4_800_000 + xy[:, 1], day)


def test_planted_near_repeats_are_found_in_their_band_and_no_other():
    part = NearRepeats(draws=499).describe(data_of(city(60)))
    knox = part.tables["knox"]
    found = knox.loc[knox["near_repeat"], ["distance", "days"]].to_numpy().tolist()
    assert found == [["0.5 to under 200 m", "1 to 7 days"]]
    row = knox[knox["near_repeat"]].iloc[0]
    assert row["observed"] - row["expected"] == pytest.approx(60, abs=12)
    decay = part.tables["decay"].iloc[0]
    assert decay["half_distance_m"] < 100
    assert decay["half_days"] in (2, 3, 4)
    assert part.facts["strongest_days"] == "1 to 7 days"
    assert part.name == "near_repeats"


def test_dates_at_random_show_no_near_repeats():
    parts = [NearRepeats(draws=199, seed=seed).describe(data_of(city(0, seed, 300))) for seed in range(8)]
    assert sum(part.tables["knox"]["near_repeat"].sum() for part in parts) <= 1
    quiet = [part for part in parts if not part.tables["knox"]["near_repeat"].any()]
    assert all(part.tables["risk"].empty and part.tables["decay"]["half_days"].isna().all() for part in quiet)


def test_risk_lasts_from_an_incident_to_the_last_day_of_its_band():
    events = city(60)
    part = NearRepeats(draws=499).describe(data_of(events))
    risk, days = part.tables["risk"], events.table["occurred_at"].dt.normalize()
    recent = days >= END - pd.Timedelta(days=7)  # the band is 1 to 7 days, and the records end before 30 December
    assert sorted(risk["incident"]) == np.flatnonzero(recent).tolist()
    assert (risk["risk_until"] == risk["day"] + pd.Timedelta(days=7)).all()
    assert (risk["risk_until"] >= END).all()
    assert set(risk["radius_m"]) == {200.0}
    assert not {"x", "y"} & set(risk.columns)
    areas = part.tables["risk_areas"]
    assert areas["incidents"].sum() == len(risk) == part.facts["incidents_at_risk"]
    assert set(areas["area"]) == set(risk["area"]) <= {"east", "west"}


def test_times_of_day_do_not_change_the_table():
    events = city(30)
    at_night = records(events.table["x"], events.table["y"], (events.table["occurred_at"] - START).dt.days, hour=23)
    tables = [NearRepeats(draws=19).describe(data_of(one)).tables["knox"] for one in (events, at_night)]
    pd.testing.assert_frame_equal(*tables)


def test_near_repeats_of_the_same_day_alone_come_with_a_note():
    rng = np.random.default_rng(0)
    xy, day = rng.uniform(0, 5000, (300, 2)), rng.integers(0, 364, 300)
    again = np.concatenate([np.arange(300), np.arange(30)])
    events = records(500_000 + xy[again, 0], 4_800_000 + xy[again, 1], day[again])
    part = NearRepeats(draws=499).describe(data_of(events))
    assert any("same day only, which is too late for a patrol" in note for note in part.notes)
    assert part.tables["risk"].empty
    knox = part.tables["knox"]
    assert knox.loc[knox["near_repeat"], "distance"].tolist() == ["same place (under 0.5 m)"]


def test_local_knox_finds_a_recent_cluster():
    rng = np.random.default_rng(3)
    x, y, day = rng.uniform(0, 5000, 400), rng.uniform(0, 5000, 400), rng.integers(0, 364, 400)
    x[-6:], y[-6:], day[-6:] = 2500, 2500 + np.arange(6) * 10, 358 + np.arange(6) % 5
    part = NearRepeats(draws=19).describe(data_of(records(500_000 + x, 4_800_000 + y, day)))
    local = part.tables["local"]
    assert sorted(local.loc[local["local_cluster"], "incident"]) == list(range(394, 400))
    assert (local["near_in_both"] > 0).all()
    assert part.facts["local_clusters"] == 6


@pytest.mark.parametrize("events", [records([], [], []), records([500_100], [4_800_100], [3])], ids=["none", "one"])
def test_too_few_events_give_empty_tables_and_a_note(events):
    grid = SquareGrid(500).build(city(0, size=20))
    part = NearRepeats(draws=19).describe(DescriptionData(events, grid, "area"))
    assert all(table.empty and len(table.columns) for table in part.tables.values())
    assert any("no pair" in note for note in part.notes) == bool(len(events))
    assert part.facts["types_tested"] == 0


def test_all_events_at_one_point_are_no_near_repeats():
    day = np.random.default_rng(0).integers(0, 364, 300)
    part = NearRepeats(draws=99).describe(data_of(records([500_100] * 300, [4_800_100] * 300, day)))
    knox = part.tables["knox"]
    assert knox.loc[knox["from_m"] == 0, "observed"].sum() == 300 * 299 / 2
    assert not knox["near_repeat"].any()
    assert knox.loc[knox["from_m"] > 0, "ratio"].isna().all()


def test_a_type_with_too_many_pairs_is_left_out_by_name():
    part = NearRepeats(draws=19, max_pairs=100).describe(data_of(city(0)))
    assert part.tables["knox"].empty
    assert any(note.startswith("burglary: ") and "max_pairs" in note for note in part.notes)


def test_too_few_draws_are_named():
    assert any("at least 320" in note for note in NearRepeats(draws=99).describe(data_of(city(0))).notes)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"distance_bands_m": (400, 200)}, "overlap"),
        ({"distance_bands_m": (200, 200)}, "overlap"),
        ({"distance_bands_m": (0, 200)}, "above 0"),
        ({"distance_bands_m": ()}, "upper ends"),
        ({"distance_bands_m": 200}, "must be a list"),
        ({"day_bands": (1, 8, 8)}, "overlap"),
        ({"day_bands": (0.5, 8)}, "first days"),
        ({"same_place_m": 200.0}, "same_place_m"),
        ({"same_place_m": -1.0}, "same_place_m"),
        ({"metric": "hexagonal"}, "manhattan, euclidean"),
        ({"draws": 0}, "draws"),
        ({"draws": 99.5}, "whole number"),
        ({"seed": "a"}, "seed='a'"),
        ({"min_ratio": None}, "min_ratio"),
        ({"significance": 5}, "between 0 and 1"),
    ],
)
def test_unusable_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        NearRepeats(**settings)
