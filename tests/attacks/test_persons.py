"""Columns of persons that are declared as areas or crime types, and layers about persons, are refused."""

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.label_structure import check_areas
from ilp_models.data.layers import LayerFile
from ilp_models.data.personal_data import (
    is_personal_value,
    looks_personal,
    names_persons,
    personal_contents,
    personal_labels,
)
from ilp_models.domain.errors import InputError
from ilp_models.grid.areas import AreaGrid
from ilp_models.grid.parents import ByOverlay
from ilp_models.grid.square import SquareGrid
from ilp_models.pipeline.study import open_study

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data"))
SURNAMES = [
    "Smith",
    "Jones",
    "Taylor",
    "Brown",
    "Wilson",
    "Hoxha",
    "Kovač",
    "Nguyen",
    "García",
    "Müller",
    "Rossi",
    "Novak",
    "Okafor",
    "Patel",
    "Larsen",
]
GIVEN = [
    "Anna",
    "John",
    "Zoë",
    "Mary",
    "Agim",
    "Luis",
    "Fatima",
    "Priya",
    "Marco",
    "Ingrid",
    "Piotr",
    "Emeka",
    "Hiroshi",
    "Olga",
    "Drita",
]
OFFENCES = ("Assault", "Burglary", "Robbery", "Theft")


@pytest.fixture
def city():
    """Return a function that makes records of a city of 4 km with 16 beats, a third of them at repeated points."""

    def records(count=600, seed=1):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(0, 4, (2, count))
        repeated = rng.random(count) < 0.3
        x[repeated], y[repeated] = np.round(x[repeated] * 4) / 4 + 0.01, np.round(y[repeated] * 4) / 4 + 0.01
        return pd.DataFrame(
            {
                "when": pd.date_range("2021-01-01", periods=count, freq="5h").strftime("%Y-%m-%d %H:%M"),
                "what": rng.choice(OFFENCES, count),
                "lat": 43.6 + y / 111.2,
                "lon": -79.4 + x / 80.5,
                "label": [f"Beat {int(b)}" for b in np.floor(x) * 4 + np.floor(y)],
            }
        )

    return records


@pytest.fixture
def read(tmp_path):
    """Return a function that reads records with the column `label` as areas."""

    def call(table, **changes):
        table.to_csv(tmp_path / "records.csv", index=False)
        columns = {"occurred_at": "when", "crime_type": "what", "lat": "lat", "lon": "lon", "area": "label"}
        settings = {"path": str(tmp_path / "records.csv"), "columns": columns, "time_zone": "America/Toronto"}
        return DelimitedFiles(**{**settings, **changes}).read()

    return call


def names(rng, count, distinct=10**9, form="{given} {surname}"):
    """Return made-up names; the initials make as many distinct ones as wanted."""
    numbers = rng.integers(0, distinct, count)
    letters = [chr(65 + int(n) // 225 % 26) + chr(65 + int(n) // 5850 % 26) for n in numbers]
    return [
        form.format(given=GIVEN[n % 15], surname=SURNAMES[n // 15 % 15], middle=letter)
        for n, letter in zip(numbers, letters, strict=True)
    ]


def plate(n):
    return f"{chr(65 + n % 26)}{chr(65 + n // 26 % 26)}{n % 90 + 10} {chr(70 + n % 20)}{chr(65 + n // 7 % 26)}X"


LABELS = {  # kind: a function of generator and beats of the records
    "names": lambda rng, beat: names(rng, len(beat)),
    "names with initials": lambda rng, beat: names(rng, len(beat), form="{given} {middle}. {surname}"),
    "surname first": lambda rng, beat: names(rng, len(beat), form="{surname}, {given}"),
    "few names, many events each": lambda rng, beat: names(rng, len(beat), 40),
    "names in an unknown language": lambda _, beat: [
        f"Xq{i % 150:c}o Zw{i % 7}ub".replace("\x00", "a") for i in range(len(beat))
    ],
    "officers over the city": lambda rng, beat: [f"Unit {i}" for i in rng.integers(0, 25, len(beat))],
    "three officers a beat": lambda rng, beat: [
        f"{b}-{i}" for b, i in zip(beat, rng.integers(0, 3, len(beat)), strict=True)
    ],
    "one named officer a beat": lambda _, beat: [f"{GIVEN[b % 15]} {SURNAMES[b % 13]}" for b in beat],
    "identifiers": lambda rng, beat: [f"{i:08d}" for i in rng.permutation(len(beat))],
    "identifiers of repeat victims": lambda rng, beat: [
        f"P{i:06d}" for i in rng.integers(0, len(beat) // 3, len(beat))
    ],
    "hashed identifiers": lambda rng, beat: [
        f"{hash((int(i), 7)) % 16**16:016x}" for i in rng.integers(0, len(beat) // 2, len(beat))
    ],
    "number plates": lambda rng, beat: [plate(int(i)) for i in rng.integers(0, 400, len(beat))],
    "ethnic groups": lambda rng, beat: rng.choice(["White", "Black", "Asian", "Hispanic", "Other"], len(beat)),
    "groups in codes": lambda rng, beat: rng.choice(["W1", "B2", "A3", "M9"], len(beat), p=[0.7, 0.1, 0.1, 0.1]),
    "sexes": lambda rng, beat: rng.choice(["M", "F"], len(beat)),
    "ages": lambda rng, beat: rng.integers(12, 88, len(beat)).astype(str),
    "age bands": lambda rng, beat: rng.choice(["<18", "18-24", "25-44", "45-64", "65+"], len(beat)),
    "birth dates": lambda rng, beat: [
        f"{d:%d.%m.%Y}" for d in pd.to_datetime(rng.integers(-9000, 9000, len(beat)), unit="D")
    ],
    "birth dates in words": lambda rng, beat: [
        f"{d:%-d %B %Y}" for d in pd.to_datetime(rng.integers(0, 9000, len(beat)), unit="D")
    ],
    "years of birth": lambda rng, beat: rng.integers(1940, 2005, len(beat)).astype(str),
    "identity numbers": lambda rng, beat: [
        f"{i % 900 + 100}-{i % 89 + 10}-{i:04d}" for i in rng.integers(0, 9000, len(beat))
    ],
    "e-mail": lambda rng, beat: [f"a{i}@mail.org" for i in rng.integers(0, 50, len(beat))],
    "coordinates": lambda rng, beat: [f"43.{i:05d}, -79.{i:05d}" for i in rng.integers(10000, 99999, len(beat))],
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("count", [120, 900])
def test_labels_of_persons_are_no_areas(city, read, kind, count):
    records = city(count)
    beat = records["label"].str.removeprefix("Beat ").astype(int).tolist()
    records["label"] = LABELS[kind](np.random.default_rng(5), beat)
    with pytest.raises(InputError, match=r"Column|column") as caught:
        read(records)
    message = str(caught.value)
    assert "data.columns.area" in message
    assert "data.area_list=FILE" in message
    assert not any(str(label) in message for label in records["label"].unique() if len(str(label)) > 5)


def test_addresses_are_no_areas_although_they_explain_position(city, read):
    records = city(900)
    points = pd.factorize(records["lat"].astype(str) + records["lon"].astype(str))[0]
    for form in ("{n} Mill Road", "Hauptstraße {n}", "Rruga Besa {n}", "{n} rue de Lyon", "Calle Mayor {n}", "UPRN{n}"):
        records["label"] = [form.format(n=n + 1) for n in points]
        with pytest.raises(InputError, match=r"data\.columns\.area"):
            read(records)


@pytest.mark.parametrize("count", [40, 120, 900])
def test_areas_pass_in_every_notation(city, read, count):
    records = city(count)
    beat = records["label"].str.removeprefix("Beat ").astype(int)
    forms = {
        "numbers": beat.astype(str),
        "census codes": "E0101" + (beat + 4000).astype(str),
        "beats that look like plates": "ABC-" + (beat + 100).astype(str),
        "zip codes": (beat + 60600).astype(str),
        "postal codes": beat.map(lambda b: f"M5{chr(65 + b)} 2T{b % 10}"),
        "names of places": beat.map(lambda b: f"{SURNAMES[b % 15]} Park {b}"),
        "two districts": (beat // 8).map({0: "West", 1: "East"}),
        "one city": beat.astype(str).str.replace(r"\d+", "Town", regex=True),
    }
    for labels in forms.values():
        assert len(read(records.assign(label=labels))) == count


def test_a_declared_list_is_the_way_out_and_binds(city, read, tmp_path):
    records = city(600)
    rng = np.random.default_rng(2)
    records["label"] = [f"Sector {i}" for i in rng.integers(0, 30, 600)]  # areas of duty, which overlap
    with pytest.raises(InputError, match=r"do not look like areas: neighbouring records rarely share a label"):
        read(records)
    listed = tmp_path / "sectors.csv"
    listed.write_text("\n".join(["sector,chief", *(f"sector {i},x" for i in range(30))]))
    events = read(records, area_list=str(listed))
    assert events.table["area"].nunique() == 30
    assert any("data.area_list=sectors.csv (31 labels)" in note for note in events.intake.notes)
    records.loc[7, "label"] = "Zdravko Zdravkovski"
    with pytest.raises(
        InputError, match=r"1 labels of 1 records, such as AAAAAAA AAAAAAAAAAA \(masked\), are not in"
    ) as caught:
        read(records, area_list=str(listed))
    assert "Zdravko" not in str(caught.value)


@pytest.mark.parametrize("kind", ["birth dates", "identity numbers", "e-mail", "coordinates"])
def test_a_declared_list_admits_no_identifiers(city, read, tmp_path, kind):
    records = city(600)
    records["label"] = LABELS[kind](np.random.default_rng(5), [0] * 600)
    (tmp_path / "list.txt").write_text("\n".join(["label", *records["label"].unique()]))
    with pytest.raises(InputError, match=r"holds what looks like .* cannot be used"):
        read(records, area_list=str(tmp_path / "list.txt"))


@pytest.mark.parametrize(
    "kind", sorted(set(LABELS) - {"officers over the city", "three officers a beat", "groups in codes"})
)
def test_labels_of_persons_are_no_crime_types(city, read, kind):
    records = city(900)
    beat = records["label"].str.removeprefix("Beat ").astype(int).tolist()
    records["what"] = LABELS[kind](np.random.default_rng(5), beat)
    with pytest.raises(InputError, match=r"data\.columns\.crime_type"):
        read(records)


def test_names_among_offences_are_masked_and_declared_names_are_refused(city, read):
    records = city(600)
    records.loc[3:9, "what"] = "Mary Novak"
    mapping = {name: name for name in OFFENCES}
    with pytest.raises(InputError, match=r"does not map the labels AAAA AAAAA \(masked\) \(7\)"):
        read(records, crime_types=mapping)
    people = {f"{GIVEN[i]} {SURNAMES[i]}": "Theft" for i in range(4)}
    with pytest.raises(InputError, match=r"labels of data\.crime_types look like personal names"):
        read(records, crime_types=people, unmapped="keep")
    with pytest.raises(InputError, match=r"types of data\.crime_types look like groups of persons"):
        read(records, crime_types={"Theft": "White", "Assault": "Black", "Robbery": "Asian"}, unmapped="keep")


@pytest.mark.parametrize(
    "value", ["Mary Novak", "Smith, John", "a@b.org", "12 Mill Road", "1980-02-01", "43.65123, -79.38110"]
)
def test_filters_do_not_select_persons(value):
    columns = {"occurred_at": "when", "crime_type": "what", "lat": "lat", "lon": "lon"}
    with pytest.raises(
        InputError, match=r"data\.filters\.who selects records by what looks like personal data"
    ) as caught:
        DelimitedFiles("records.csv", columns, "Europe/Tirane", filters={"who": ["x", value]})
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "column",
    [
        "VICTIMS_NAMES", "nameofvictim", "prénom", "Täter", "vítima", "Mbiemri", "data e lindjes viktima",
        "\uff24\uff2f\uff22", "d\u200bob", "Suspe\u0441t", "achternaam", "numberPlates", "Badge No",
        "fødselsdato", "дата рождения", "ETHNICITIES", "témoins",
    ],
)  # fmt: skip
def test_names_of_personal_columns_in_disguise(column):
    assert looks_personal(column)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "offenders"},
        {"name": "sex_offenders"},
        {"name": "homes_of_victims"},
        {"name": "parolees"},
        {"name": "opfer"},
        {"path": "data/suspects_2021.geojson"},
        {"path": "victims.gpkg"},
        {"sublayer": "arrestees"},
        {"sublayer": ["bars", "probationers"]},
        {"filters": {"kind": "offender"}},
        {"filters": {"kind": ["bar", "home of suspect"]}},
        {"filters": {"owner": ["Mary Novak"]}},
    ],
)
def test_layers_of_persons_are_refused(changes):
    with pytest.raises(InputError, match=r"layers\.\w+.* looks like personal data and cannot be a context layer"):
        LayerFile(**{"name": "places", "path": "places.geojson", **changes})


@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("bars", {"amenity": ["bar", "pub", "nightclub"]}),
        ("telephones", {"amenity": "telephone"}),
        ("race_tracks", {"leisure": ["horse_racing"]}),
        ("police_stations", {"amenity": "police"}),
        ("schools", {"kind": ["secondary", "St Mary Academy"]}),
        ("bus_stops", {"route": "12"}),
    ],
)
def test_layers_of_places_pass(tmp_path, name, filters):
    LayerFile(name, str(tmp_path / f"{name}.geojson"), filters=filters)


def official_lists():
    """Return name, path and column of each official list of areas, and of the polygons where there are any."""
    return [
        ("toronto_demography/neighbourhoods_140.geojson", "name"),
        ("chicago_demography/community_areas_77.geojson", "name"),
        ("chicago_demography/community_areas_77.geojson", "community_area"),
        ("west_yorkshire_demography/lsoa2011.geojson", "LSOA11CD"),
        ("portland_demography/neighborhoods.geojson", "neighborhood"),
        ("oakland_predpol/grid_661_census2010.geojson", "bin"),
    ]


@pytest.mark.parametrize(("file", "column"), official_lists())
@pytest.mark.parametrize("count", [60, 300, 3000])
def test_official_areas_pass_with_few_and_many_records(file, column, count):
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not in this checkout")
    areas = gpd.read_file(DATA / file)
    areas = areas.to_crs(areas.estimate_utm_crs()).explode(index_parts=False).reset_index(drop=True)
    rng = np.random.default_rng(count)
    weight = rng.gamma(0.7, size=len(areas))
    drawn = np.sort(rng.choice(len(areas), count, p=weight / weight.sum()))
    west, south, east, north = shapely.bounds(areas.geometry.to_numpy()[drawn]).T
    for _ in range(200):
        x, y = (west + rng.random(count) * (east - west)), (south + rng.random(count) * (north - south))
        wrong = ~shapely.contains_xy(areas.geometry.to_numpy()[drawn], x, y)
        if not wrong.any():
            break
        keep = ~wrong
        west[keep], east[keep], south[keep], north[keep] = x[keep], x[keep], y[keep], y[keep]
        if wrong.sum() < 0.02 * count:
            break
    labels = areas[column].astype(str)[drawn].reset_index(drop=True)
    result = check_areas(x, y, pd.factorize(labels)[0])
    assert result.problem == ""
    assert personal_labels(labels, areas=result.confirmed) is None


@pytest.mark.parametrize(
    ("file", "column"),
    [
        *official_lists(),
        ("west_yorkshire_demography/lsoa2011_census2021.csv", "LSOA11NM"),
        ("west_yorkshire_demography/lsoa2011_census2021.csv", "LAD22NM"),
        ("chicago_demography/community_areas_acs2013_2017.csv", "name"),
        ("toronto_demography/neighbourhoods_2016.csv", "name"),
        ("toronto_demography/event_name_crosswalk.csv", "event_name"),
        ("portland_demography/neighborhoods_census2010.csv", "neighborhood"),
        ("portland_demography/tracts_census2010_race.csv", "geoid10"),
        ("predpol_markup/block_groups.csv", "geoid_bg"),
        ("seattle_dmi/blocks.parquet", "block"),
        ("agency_totals/agency_year.csv", "state_name"),
    ],
)
def test_official_labels_do_not_look_personal(file, column):
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not in this checkout")
    path = DATA / file
    table = pd.read_parquet(path) if path.suffix == ".parquet" else None
    table = table if table is not None else (gpd.read_file(path) if path.suffix == ".geojson" else pd.read_csv(path))
    labels = table[column].astype(str)
    assert personal_contents(labels) is None
    assert personal_labels(labels) is None


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("crime_open_database/categories_boston.csv", ["label_1"]),
        ("crime_open_database/categories_chicago.csv", ["label_1", "label_2"]),
        ("crime_open_database/categories_detroit.csv", ["label_1", "label_2"]),
        ("crime_open_database/categories_new_york.csv", ["label_1", "label_2"]),
        ("crime_open_database/categories_san_francisco.csv", ["label_1", "label_2"]),
        ("crime_open_database/categories_seattle.csv", ["label_1", "label_2"]),
        ("crime_open_database/categories_tucson.csv", ["label_1"]),
        ("crime_open_database/categories_virginia_beach.csv", ["label_1"]),
        ("crime_open_database/nibrs_categories.csv", ["nibrs_type", "nibrs_code", "nibrs_category"]),
        ("city_month_counts/nsw_month.csv", ["type"]),
        ("harm_weights/weights.csv", ["label"]),
    ],
)
def test_published_offence_labels_do_not_look_personal(file, columns):
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not in this checkout")
    table = pd.read_csv(DATA / file)
    for column in columns:
        labels = table[column].dropna().astype(str)
        assert personal_contents(labels) is None, column
        assert personal_labels(labels) is None, column
        shown = [label for label in labels.unique() if is_personal_value(label)]
        assert len(shown) <= 0.02 * labels.nunique(), shown[:10]


def test_the_bundled_neighbourhoods_pass_and_its_premises_are_no_areas():
    columns = {
        "occurred_at": "occurred_at",
        "crime_type": "crime_type",
        "lat": "lat",
        "lon": "lon",
        "area": "neighbourhood",
    }
    path = "bundled:toronto_mci_2014_2021.parquet"
    assert DelimitedFiles(path, columns, "America/Toronto").read().table["area"].nunique() == 140
    with pytest.raises(InputError, match=r"'premises' .* neighbouring records rarely share a label"):
        DelimitedFiles(path, {**columns, "area": "premises"}, "America/Toronto").read()


def test_tracts_of_portland_pass():
    path = DATA / "portland_nij" / "events_2012-03_2017-02.parquet"
    if not path.exists():
        pytest.skip("the calls for service of Portland are not in this checkout")
    table = pd.read_parquet(path, columns=["x_ft", "y_ft", "census_tract"]).dropna()
    for step in (1, 50, 2000):
        part = table.iloc[::step]
        xy = part[["x_ft", "y_ft"]].to_numpy(float)
        assert check_areas(xy[:, 0], xy[:, 1], pd.factorize(part["census_tract"])[0]).problem == ""


def test_names_of_places_do_not_name_persons():
    places = ["station_road", "victoria_park", "officers_mess".replace("officers_", ""), "race_track", "sex_shop"]
    assert not any(names_persons(place) for place in places)


@pytest.mark.parametrize("form", ["{surname}, {given}", "{given} {middle}. {surname}", "{number} Mill Road"])
def test_polygons_of_owners_and_addresses_are_no_cells(city, read, tmp_path, form):
    events = read(city(300))
    x0, y0 = events.table[["x", "y"]].min()
    squares = [
        shapely.box(x0 + 1000 * i, y0 + 1000 * j, x0 + 1000 * i + 1000, y0 + 1000 * j + 1000)
        for i in range(4)
        for j in range(4)
    ]
    owners = [
        form.format(given=GIVEN[n % 15], surname=SURNAMES[n % 13], middle=chr(65 + n), number=n + 1) for n in range(16)
    ]
    frame = gpd.GeoDataFrame({"owner": owners, "code": [f"P{n}" for n in range(16)]}, geometry=squares, crs=events.crs)
    frame.to_file(tmp_path / "parcels.gpkg")
    path = str(tmp_path / "parcels.gpkg")
    cutoff = pd.Timestamp("2021-03-01")
    with pytest.raises(InputError, match=r"names of areas \(grid\.name\) look like"):
        open_study(events, AreaGrid(path, "owner")).grid_at(cutoff)
    with pytest.raises(InputError, match=r"names of areas \(grid\.parents\.beat\) look like"):
        open_study(events, SquareGrid(500, parents={"beat": ByOverlay(path, "owner")})).grid_at(cutoff)
    assert len(open_study(events, AreaGrid(path, "code")).grid_at(cutoff)) == 16


@pytest.mark.parametrize("name", ["missing.csv", "folder", "pipe", "/dev/zero", "http://example.org/areas.csv"])
def test_a_list_of_areas_is_a_local_file(city, read, tmp_path, name):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    path = name if ":" in name else str(tmp_path / name)  # an absolute name replaces the folder
    with pytest.raises(InputError, match=r"data\.area_list"):
        read(city(60), area_list=path)


def test_a_list_of_areas_may_be_parquet(city, read, tmp_path):
    records = city(60)
    records[["label"]].drop_duplicates().to_parquet(tmp_path / "list.parquet")
    assert len(read(records, area_list=str(tmp_path / "list.parquet"))) == 60
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(InputError, match=r"data\.area_list=.* is not a Parquet file"):
        read(records, area_list=str(tmp_path / "damaged.parquet"))
