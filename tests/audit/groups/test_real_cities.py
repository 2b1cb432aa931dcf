"""Residents of four cities on their grids. Tests are skipped without the shared data folder."""

import csv
import os
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from ilp_models.audit.groups.count_columns import CountColumns, Dimension
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.audit.groups.england_wales import CensusBulkTables
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.groups.toronto import NeighbourhoodProfiles
from ilp_models.domain.errors import InputError
from ilp_models.grid.areas import AreaGrid
from ilp_models.grid.polygons import PolygonFile
from ilp_models.grid.square import SquareGrid
from tests.audit.groups.census_files import dimensions_of, profile_rows, write_profiles
from tests.builders import events_at, square_grid

DATA = Path(os.environ.get("ILP_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
# The City's published totals.
TORONTO = {"Black": 239_850, "Chinese": 299_465, "South Asian": 338_965, "not a visible minority": 1_305_815}
TORONTO |= {"immigrants": 1_266_005, "non-permanent residents": 93_580, "Indigenous": 23_065, "low income": 543_390}


def place(name, *files):
    """Return the folder of a city, or skip."""
    folder = DATA / name
    lacking = [file for file in files if not (folder / file).is_file()]
    if lacking:
        pytest.skip(f"{name}/{lacking[0]} is not in the shared data folder")
    return folder


def labelled(labels):
    """Return a grid whose cells are areas of these names."""
    grid = square_grid(1, len(labels))
    return replace(grid, cells=pd.Index(labels), parents=pd.DataFrame())


def points(lon, lat, crs):
    """Return events at places given in degrees."""
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(np.asarray(lon), np.asarray(lat))
    return events_at(x, y, crs=crs)


def totals(table):
    return table.groupby(["dimension", "group"])["population"].sum()


@pytest.fixture(scope="module")
def toronto(tmp_path_factory):
    """Return a file in the City's format, written from its counts."""
    folder = place("toronto_demography", "neighbourhoods_2016.csv", "event_name_crosswalk.csv")
    census = pd.read_csv(folder / "neighbourhoods_2016.csv")
    settled = census["immigrants"] + census["non_permanent"]
    census = census.assign(non_immigrants=(census["imm_universe"] - settled).clip(lower=0))
    path = tmp_path_factory.mktemp("toronto") / "neighbourhood-profiles-2016-csv.csv"
    city = {"    Black": TORONTO["Black"], "    Chinese": TORONTO["Chinese"], "  Immigrants": TORONTO["immigrants"]}
    write_profiles(path, census["name"], profile_rows(len(census), census), city)
    return folder, path


def test_toronto_profiles_join_the_labels_of_the_records(toronto):
    folder, path = toronto
    names = Crosswalk(str(folder / "event_name_crosswalk.csv"), "census_name", "event_name")
    source = NeighbourhoodProfiles(str(path), dimensions_of("toronto"), names)
    given = GroupTable(source=source, residents="residents", unmatched="refuse", rounding=5)
    sums = totals(given.read()).droplevel("dimension")
    assert sums[list(TORONTO)].to_dict() == pytest.approx(TORONTO, rel=0.001)
    events = place("toronto_mci", "events_2014_2021.parquet") / "events_2014_2021.parquet"
    labels = pd.read_parquet(events, columns=["neighbourhood"])["neighbourhood"].astype(str)
    grid = labelled(sorted(set(labels) - {"", "NSA", "None", "nan"}))
    for people in given.to_cells(grid):
        assert people.unmatched == ()
        assert people.missing == 0
        assert len(people.by_area) == 140
        assert people.moved == 0
    bare = GroupTable(source=replace(source, crosswalk=Crosswalk()), residents="residents", unmatched="refuse")
    with pytest.raises(InputError, match=r"7 areas of the grid are not in the group table.*nearest: 'Mimico|LAmor"):
        bare.to_cells(grid)


def test_census_rounding_hardly_changes_a_large_group_in_toronto(toronto):
    folder, path = toronto
    source = NeighbourhoodProfiles(str(path), dimensions_of("toronto"))
    given = GroupTable(source=source, residents="residents", rounding=5)
    names = pd.read_csv(folder / "neighbourhoods_2016.csv")["name"].tolist()
    drawn = [people[0] for people in given.sample(labelled(names), 50)]
    black = drawn[0].groups.index("Black")
    city = np.array([one.by_group[:, black].sum() for one in drawn])
    assert 0 < city.std() < 5 * np.sqrt(140)


def chicago(folder):
    """Return the table of the community areas, in columns."""
    dimensions = {
        "origin": Dimension(
            {name: name for name in ("white_nh", "hispanic", "black_nh", "asian_nh", "other_nh")}, "pop"
        ),
        "income": Dimension({"under 25,000": "hh_inc_lt25k"}, residents="households", rest="25,000 and more"),
    }
    return CountColumns(str(folder / "community_areas_acs2013_2017.csv"), "community_area", dimensions)


def test_chicago_events_lie_in_community_areas_with_known_residents():
    folder = place("chicago_demography", "community_areas_acs2013_2017.csv", "community_areas_77.geojson")
    records = pd.read_parquet(place("chicago_sthsl", "events.parquet") / "events.parquet", columns=["lon", "lat"])
    some = records.dropna().sample(5000, random_state=0)
    events = points(some["lon"], some["lat"], "EPSG:32616")
    grid = AreaGrid(str(folder / "community_areas_77.geojson"), "community_area").build(events)
    assert (grid.locate(events) >= 0).mean() > 0.99
    income, origin = GroupTable(source=chicago(folder), residents="residents", unmatched="refuse").to_cells(grid)
    assert origin.total.sum() == 2_721_737
    assert (origin.missing, origin.unmatched, income.missing) == (0, (), 0)


def test_chicago_residents_are_distributed_over_squares():
    folder = place("chicago_demography", "community_areas_acs2013_2017.csv", "community_areas_77.geojson")
    path = str(folder / "community_areas_77.geojson")
    grid = SquareGrid(size=1000, active="all", area=path).build(points([-87.65], [41.88], "EPSG:32616"))
    drawn = PolygonFile(path, "community_area")
    given = GroupTable(source=chicago(folder), residents="residents", polygons=drawn, unmatched="refuse")
    origin = given.to_cells(grid)[1]
    assert origin.total.sum() == pytest.approx(2_721_737, rel=1e-6)
    assert origin.missing == pytest.approx(0, abs=1e-6)
    assert origin.moved == pytest.approx(1)  # every community area is larger than a square
    black = origin.groups.index("black_nh")
    assert origin.by_group[:, black].sum() / origin.total.sum() == pytest.approx(819_585 / 2_721_737, rel=1e-6)
    assert np.isin(np.unique(origin.area[origin.total > 0]), np.arange(77)).all()


def write_bulk(path, head, codes, names, counts):
    """Write a table as the Office for National Statistics does."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "geography", "geography code", *head])
        writer.writerows([2021, name, code, *row] for name, code, row in zip(names, codes, counts, strict=True))
    return str(path)


def test_west_yorkshire_tables_join_the_lsoas_of_the_records(tmp_path):
    folder = place("west_yorkshire_demography", "lsoa2011_census2021.csv", "lsoa2011.geojson")
    census = pd.read_csv(folder / "lsoa2011_census2021.csv")
    ethnicity, deprivation = dimensions_of("england_wales").values()
    kinds = ["asian", "black", "mixed", "white", "other"]
    head = [ethnicity.residents, *ethnicity.groups.values()]
    counts = census[["pop", *kinds]].round().astype(int).to_numpy()
    names = census["LSOA11CD"], census["LSOA11NM"]
    people = write_bulk(tmp_path / "census2021-ts021-lsoa.csv", head, *names, counts)
    head = [f"{name}; measures: Value" for name in deprivation.columns]
    homes = write_bulk(
        tmp_path / "census2021-ts011-lsoa.csv",
        [head[-1], *head[:-1]],
        *names,
        census[["hh", *(f"dep{number}" for number in range(5))]].round().astype(int).to_numpy(),
    )
    source = CensusBulkTables([people, homes], dimensions_of("england_wales"))
    given = GroupTable(source=source, residents="residents", unmatched="refuse")
    shares = totals(given.read())["ethnicity"] / 2_351_585
    stated = {"Asian": 0.158, "Black": 0.031, "mixed": 0.028, "White": 0.766, "another ethnic group": 0.017}
    assert shares.to_dict() == pytest.approx(stated, abs=0.0006)
    areas = AreaGrid(str(folder / "lsoa2011.geojson"), "LSOA11CD")
    grid = areas.build(points([-1.55], [53.8], "EPSG:27700"))
    for one in given.to_cells(grid):
        assert (one.missing, one.unmatched, len(one.by_area)) == (0, (), 1388)
    fewer = replace(source, only=["Leeds"])
    with pytest.raises(InputError, match="906 areas of the grid are not in the group table"):
        replace(given, source=fewer).to_cells(grid)
    lost = replace(given, source=fewer, unmatched="count").to_cells(grid)[0]
    assert lost.missing > 0.5
    assert len(lost.unmatched) == 906


PORTLAND = {name: f"{name}_nh" for name in ("white", "black", "aian", "asian", "nhpi", "other", "two_or_more")}


def test_portland_residents_are_distributed_over_squares(tmp_path):
    folder = place("portland_demography", "neighborhoods_census2010.csv", "neighborhoods.geojson")
    path = folder / "neighborhoods.geojson"
    origin = {"origin": Dimension(PORTLAND | {"hispanic": "hispanic"}, residents="pop")}
    source = CountColumns(str(folder / "neighborhoods_census2010.csv"), "neighborhood", origin)
    given = GroupTable(source=source, residents="residents", polygons=PolygonFile(str(path), "neighborhood"))
    events = points([-122.65], [45.52], "EPSG:32610")
    grid = SquareGrid(size=1000, active="all", area=str(path)).build(events)
    with pytest.raises(InputError, match="'neighborhood' is empty in row 50; name every polygon"):
        given.to_cells(grid)
    frame = gpd.read_file(path)
    frame[frame["neighborhood"].notna()].to_file(tmp_path / "named.gpkg")
    (people,) = replace(given, polygons=PolygonFile(str(tmp_path / "named.gpkg"), "neighborhood")).to_cells(grid)
    assert people.unmatched == ("MC UNCLAIMED #6",)
    everyone = given.read().drop_duplicates("area")["residents"].sum()
    assert everyone == 592_632
    assert people.total.sum() == pytest.approx(everyone, rel=1e-6)  # the area without ground has no residents
    assert people.missing == pytest.approx(0, abs=1e-6)
    assert 0.9 < people.moved <= 1


def test_portland_tracts_join_the_records_by_number():
    folder = place("portland_demography", "tracts_census2010_race.csv")
    path = str(folder / "tracts_census2010_race.csv")
    origin = {"origin": Dimension({n: n for n in ("white", "black", "api", "native", "multiple", "hispanic")}, "pop")}
    with pytest.raises(
        InputError, match="has area '980000' more than once"
    ):  # a number is unique within its county only
        CountColumns(path, "census_tract_nij", origin).groups()
    source = CountColumns(path, "geoid10", origin, Crosswalk(path, "geoid10", "census_tract_nij"))
    given = GroupTable(source=source, residents="residents")
    assert len(set(given.read()["area"])) == 354
    county = replace(source, only=["41051"], crosswalk=Crosswalk()).groups().drop_duplicates("area")
    assert county["residents"].sum() == pytest.approx(735_334, rel=0.002)
    records = place("portland_nij", "events_2012-03_2017-02.parquet") / "events_2012-03_2017-02.parquet"
    tracts = pd.read_parquet(records, columns=["census_tract"])["census_tract"].dropna().astype(str)
    (people,) = given.to_cells(labelled(sorted(set(tracts))))
    assert tracts.isin(people.unmatched).mean() < 1e-4  # one record names a tract that is in no table
