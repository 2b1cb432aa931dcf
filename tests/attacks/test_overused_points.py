"""Attacks and accidents: one point that holds the records of a whole square."""

from dataclasses import replace
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from ilp_models.audit.overused_points import check_overused_points
from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.exclusions import Exclusion
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.finding import State
from ilp_models.domain.overused_points import overused, overused_by_cell, point_codes
from ilp_models.grid.square import SquareGrid
from ilp_models.pipeline.events_reader import load_toronto
from tests.audit import audit_inputs as inputs

CRS = "EPSG:32617"
ORIGIN = np.array([630_000.0, 4_834_000.0])
JAIL = "E619500N4829500"
TORONTO = "bundled:toronto_mci_2014_2021.parquet"
COLUMNS = {
    "occurred_at": "occurred_at",
    "crime_type": "crime_type",
    "lat": "lat",
    "lon": "lon",
    "area": "neighbourhood",
}


def town(points, spread=4000, usual=3000, corners=400, seed=0):
    """Return a town whose records lie at street corners, and further records at some points."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, spread, (corners, 2))[rng.integers(corners, size=usual)]
    return events_at(np.concatenate([corner, np.asarray(points, dtype=float)]))


def events_at(points, kind="Theft"):
    times = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.linspace(0, 364, len(points)), "D")
    table = pd.DataFrame(
        {
            "occurred_at": times.astype("datetime64[us]"),
            "reported_at": times.astype("datetime64[us]"),
            "crime_type": pd.Categorical([kind] * len(points)),
            "x": ORIGIN[0] + points[:, 0],
            "y": ORIGIN[1] + points[:, 1],
        }
    )
    return Events(
        table=table,
        crs=CRS,
        time_zone="America/Toronto",
        start=pd.Timestamp("2020-01-01"),
        end=pd.Timestamp("2021-01-01"),
    )


def mostly(events, size=500):
    """Return the cells with at least half of their records at over-used points."""
    table = overused_by_cell(events, SquareGrid(size).build(events))
    return table[table["share"] >= 0.5]


# Points


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("offset", [0.0, 3.3, 9.9, 10.0, 14.2, 19.999])
def test_noise_does_not_hide_a_point(noise, offset):
    rng = np.random.default_rng(1)
    points = np.full((400, 2), 2000.0 + offset) + rng.uniform(-noise, noise, (400, 2))
    found = mostly(town(points))
    assert found["at_points"].sum() >= 400


def test_two_points_in_one_cell_are_added():
    points = np.repeat([[2100.0, 2100.0], [2400.0, 2400.0]], 250, axis=0)
    (cell,) = mostly(town(points)).to_dict("records")
    assert cell["at_points"] >= 500


def test_points_are_added_where_each_holds_less_than_half():
    spots = [[2010.0, 2010.0], [2250.0, 2250.0], [2490.0, 2490.0]]
    points = np.repeat(spots, 150, axis=0)
    (cell,) = mostly(town(points, usual=6000, corners=1500)).to_dict("records")
    assert cell["at_points"] >= 450
    assert cell["at_points"] / 3 < 0.5 * cell["events"]


def test_a_point_on_the_border_of_cells_is_found_in_each():
    rng = np.random.default_rng(2)
    points = np.full((600, 2), 2000.0) + rng.uniform(-1, 1, (600, 2))
    found = mostly(town(points))
    assert len(found) >= 2
    assert found["at_points"].sum() >= 0.7 * 600


def test_the_point_counts_for_its_own_crime_type():
    plain, extra = town(np.empty((0, 2))), events_at(np.full((200, 2), 1250.0), "Arson")
    table = pd.concat([plain.table, extra.table]).assign(
        crime_type=lambda rows: pd.Categorical(rows["crime_type"].astype(str))
    )
    both = replace(plain, table=table.sort_values("occurred_at", ignore_index=True))
    assert set(mostly(both)["crime_type"]) == {"Arson"}


# False alarms


@pytest.mark.parametrize("seed", range(10))
def test_a_village_with_one_shop_gives_no_alarm(seed):
    shop = np.full((45, 2), 1250.0)
    assert mostly(town(shop, usual=30, corners=20, seed=seed)).empty


@pytest.mark.parametrize("corners", [30, 100, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_busy_street_corners_give_no_alarm(corners, seed):
    """Corners of unequal use: counts vary tenfold, as they do in cities."""
    rng = np.random.default_rng(seed)
    busy = rng.gamma(1.0, 1.0, corners)
    corner = rng.uniform(0, 3000, (corners, 2))[rng.choice(corners, 6000, p=busy / busy.sum())]
    assert mostly(events_at(corner)).empty


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_simulated_city_gives_no_alarm(seed):
    assert mostly(SimulatedCity(seed=seed, weeks=104).read()).empty


def test_no_records_give_no_point():
    assert len(point_codes(np.empty(0), np.empty(0))) == len(overused(np.empty(0, dtype=np.int64))) == 0


# Toronto


@cache
def toronto():
    return load_toronto()


@pytest.mark.slow
def test_the_records_of_toronto_hold_the_artefact():
    """911 assaults at one point, 910 of premises "Other": the square holds no other assault."""
    raw = DelimitedFiles(TORONTO, {**COLUMNS, "crime_type": "premises"}, "America/Toronto", crs=CRS).read().table
    assaults = toronto().table
    assaults = assaults[assaults["crime_type"] == "Assault"]
    points = assaults.groupby(["x", "y"]).size()
    x, y = points.idxmax()
    assert points.max() == 911
    here = raw[np.isclose(raw["x"], x) & np.isclose(raw["y"], y)]
    assert len(here) == 915
    assert (here["crime_type"] == "Other").sum() >= 910
    table = overused_by_cell(toronto(), SquareGrid(500).build(toronto()))
    row = table[(table["cell"] == JAIL) & (table["crime_type"] == "Assault")].iloc[0]
    assert (row["events"], row["at_points"], row["share"]) == (911, 911, 1.0)


def test_few_squares_of_toronto_depend_on_single_points():
    """Of 2,363 squares and five types: shopping centres, the airport and the detention centre."""
    assert 10 <= len(mostly(toronto())) <= 30


# The gate


def context(rows):
    table = pd.DataFrame(rows, columns=["crime_type", "cell", "events", "at_points", "share"])
    replays = inputs.city()
    subject = inputs.audit_input(*replays, inputs.grid(), inputs.explanation(), overused=table)
    return inputs.audit(inputs.group_table()).context(subject)


def flagged_cell(always=True):
    plain = context([])
    often = (plain.flags[0] > 0).mean(axis=1)
    return str(plain.grid.cells[int(np.argmax(often) if always else np.argmin(often))])


def finding(rows):
    (found,) = check_overused_points(context(rows))
    return found


def test_a_flagged_cell_that_depends_on_a_point_asks_for_a_review():
    kind = inputs.TYPES[0]
    found = finding([(kind, flagged_cell(), 911, 911, 1.0)])
    assert (found.state, found.value) == (State.REVIEW, 1.0)
    assert found.reviewable
    assert f"{kind} in {flagged_cell()}: 911 of 911 records" in found.detail


def test_the_finding_names_the_most_suspicious_cells_and_where_the_others_are():
    kind, cell = inputs.TYPES[0], flagged_cell()
    rows = [(kind, cell, 2000, 1200, 0.6), *[(kind, cell, 100 + at, 100 + at, 1.0) for at in range(7)]]
    found = finding(rows)
    assert found.value == 8
    assert found.detail.startswith(f"At single points: {kind} in {cell}: 106 of 106 records; ")
    assert "1,200" not in found.detail
    assert found.detail.endswith("; and 3 more (audit/overused_points.parquet).")


@pytest.mark.parametrize(
    "row",
    [
        lambda: (inputs.TYPES[0], flagged_cell(always=False), 911, 911, 1.0),
        lambda: (inputs.TYPES[0], flagged_cell(), 911, 400, 400 / 911),
        lambda: (inputs.TYPES[0], "elsewhere", 911, 911, 1.0),
        lambda: ("another type", flagged_cell(), 911, 911, 1.0),
    ],
)
def test_other_cells_ask_for_none(row):
    assert finding([row()]).state is State.PASS


def test_without_the_records_nothing_is_admitted():
    subject = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation(), overused=None)
    (found,) = check_overused_points(inputs.audit(inputs.group_table()).context(subject))
    assert found.state is State.INSUFFICIENT


# Exclusions


def read(path=TORONTO, **changes):
    settings = {"crs": CRS, "start": "2019-01-01", "end": "2020-01-01"} | changes
    return DelimitedFiles(path, COLUMNS, "America/Toronto", **settings).read()


POINT = {"lon": -79.5158, "lat": 43.6121, "radius_m": 20, "reason": "detention centre"}


@cache
def whole():
    return read()


def test_an_excluded_point_is_counted_named_and_gone():
    events = read(exclude=[POINT])
    lost = len(whole().table) - len(events.table)
    assert lost > 100
    (line,) = events.intake.declared
    assert line.startswith(f"{lost} records excluded within 20 m of lon -79.5158, lat 43.6121 (")
    assert line.endswith("): detention centre")
    assert line in events.intake.attribution
    (rule,) = [one for one in events.intake.findings if one.rule.startswith("excluded")]
    assert (rule.action, rule.count) == ("left out", lost)
    assert events.digest() != whole().digest()
    assert events.intake.digest != whole().intake.digest
    assert JAIL not in set(mostly(events)["cell"])


def test_the_point_that_the_report_shows_can_be_excluded_as_it_is_written():
    shown = {one.rule: one for one in whole().intake.findings}["single points are overrepresented"].examples
    lon, lat = (float(part.split()[1]) for part in shown[0].split(" in ")[0].split(", "))
    count = int(shown[0].split(": ")[1].split(",")[0])
    events = read(exclude=[{**POINT, "lon": lon, "lat": lat}])
    assert len(whole().table) - len(events.table) >= count


def circle(path, radius=30, crs="EPSG:4326", geometry=None):
    x, y = Transformer.from_crs(4326, CRS, always_xy=True).transform(POINT["lon"], POINT["lat"])
    shape = shapely.Point(x, y).buffer(radius) if geometry is None else geometry
    gpd.GeoDataFrame({"name": ["a"]}, geometry=[shape], crs=CRS).to_crs(crs).to_file(path)
    return str(path)


@pytest.mark.parametrize(("name", "crs"), [("a.geojson", "EPSG:4326"), ("a.gpkg", CRS), ("a.shp", "EPSG:3857")])
def test_polygons_exclude_the_same_records(name, crs, tmp_path):
    events = read(exclude=[{"path": circle(tmp_path / name, crs=crs), "reason": "detention centre"}])
    assert len(events.table) == len(read(exclude=[{**POINT, "radius_m": 30}]).table)
    assert f"excluded in {name}" in events.intake.declared[0]


def without_counts(exclusion):
    (line,) = read(exclude=[exclusion]).intake.declared
    return line.partition(" ")[2].partition(" (")[0]


def test_other_polygons_under_the_same_name_are_another_exclusion(tmp_path):
    given = {"path": circle(tmp_path / "a.geojson"), "reason": "detention centre"}
    first = without_counts(given)
    assert without_counts(given) == first
    circle(tmp_path / "a.geojson", radius=40)
    assert without_counts(given) != first


def test_a_point_a_few_metres_away_is_another_exclusion():
    moved = {**POINT, "lon": POINT["lon"] + 0.00004, "radius_m": 30}
    assert without_counts(moved) != without_counts({**POINT, "radius_m": 30})


def test_overlapping_exclusions_count_a_record_once(tmp_path):
    second = {"path": circle(tmp_path / "a.geojson", radius=400), "reason": "the blocks around"}
    events = read(exclude=[POINT, second])
    counts = [int(line.split()[0].replace(",", "")) for line in events.intake.declared]
    assert sum(counts) == len(whole().table) - len(events.table)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reason": " "}, "needs exactly these keys, with a reason"),
        ({"reason": None}, "needs exactly these keys, with a reason"),
        ({"why": "typo"}, "needs exactly these keys"),
        ({"path": "a.geojson"}, "needs exactly these keys"),
        ({"radius_m": 0}, "radius_m=0 must be above 0 and at most 1000"),
        ({"radius_m": -5}, "radius_m=-5 must be above 0"),
        ({"radius_m": 5000}, "radius_m=5000 must be above 0 and at most 1000; use path"),
        ({"radius_m": "wide"}, "radius_m='wide' must be a number"),
        ({"radius_m": True}, "radius_m=True must be a number"),
        ({"lon": float("nan")}, "lon=nan must be a number"),
        ({"lon": [1, 2]}, r"lon=\[1, 2\] must be a number"),
        ({"lat": 630_000}, "are not degrees"),
    ],
)
def test_a_wrong_exclusion_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        Exclusion.from_settings([{**POINT, **change}])


@pytest.mark.parametrize("wrong", ["everywhere", POINT, [["lon", 1]], [None], 7])
def test_something_else_than_a_list_of_places_is_refused(wrong):
    with pytest.raises(InputError, match=r"data\.exclude"):
        Exclusion.from_settings(wrong)


@pytest.mark.parametrize(
    "exclude",
    [
        {**POINT, "lon": -79.9},
        {**POINT, "lon": POINT["lat"], "lat": POINT["lon"]},
    ],
)
def test_an_exclusion_without_a_record_is_refused(exclude):
    with pytest.raises(InputError, match=r"data\.exclude: no record lies within 20 m of .*detention centre"):
        read(exclude=[exclude])


def test_polygons_elsewhere_are_refused(tmp_path):
    path = circle(tmp_path / "a.geojson", geometry=shapely.box(500_000, 4_700_000, 500_100, 4_700_100))
    with pytest.raises(InputError, match=r"no record lies in a\.geojson"):
        read(exclude=[{"path": path, "reason": "elsewhere"}])


def test_a_file_of_points_or_a_file_that_is_no_map_is_refused(tmp_path):
    path = circle(tmp_path / "a.geojson", geometry=shapely.Point(620_000, 4_830_000))
    with pytest.raises(InputError, match="must hold polygons only"):
        read(exclude=[{"path": path, "reason": "a point"}])
    (tmp_path / "b.vrt").write_text("<OGRVRTDataSource/>")
    for name in (str(tmp_path / "b.vrt"), "/vsicurl/http://localhost/a.geojson", str(tmp_path / "none.gpkg")):
        with pytest.raises(InputError, match=r"data\.exclude"):
            read(exclude=[{"path": name, "reason": "a trick"}])


def test_more_than_a_twentieth_of_the_records_is_refused(tmp_path):
    path = circle(tmp_path / "a.geojson", geometry=shapely.box(626_000, 4_830_000, 636_000, 4_840_000))
    with pytest.raises(InputError, match=r"data\.exclude takes out .* records \(\d\d\.\d%\), more than 5%"):
        read(exclude=[{"path": path, "reason": "down town"}])


def test_many_small_exclusions_are_summed():
    table = whole().table
    points = table.groupby(["x", "y"]).size().sort_values(ascending=False).head(60).index
    to_degrees = Transformer.from_crs(CRS, 4326, always_xy=True)
    places = [to_degrees.transform(*point) for point in points]
    many = [{"lon": lon, "lat": lat, "radius_m": 100, "reason": "busy"} for lon, lat in places]
    with pytest.raises(InputError, match=r"more than 5%|no record lies"):
        read(exclude=many)
