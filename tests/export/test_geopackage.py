import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing

import geopandas as gpd
import numpy as np
import pyogrio
import pytest

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY
from ilp_models.domain.recent_counts import RecentCounts
from ilp_models.export.table import CellTable, FlaggedCells
from ilp_models.export.writers import Export
from ilp_models.stats.map_classes import class_colours, class_edges
from tests.builders import city, forecast_on, history_of
from tests.export.decisions import provenance_of

GRID = city()
HOSTILE = 'Break, "Enter" <b>'
LAYER = "Break, Enter b"
TYPES = ("Assault", HOSTILE)


@pytest.fixture(scope="module")
def forecast():
    return forecast_on(GRID, types=TYPES)


@pytest.fixture(scope="module")
def path(forecast, tmp_path_factory):
    """Return a package with counts and flags: in each cell its number is recorded each week, and two are flagged."""
    counts = np.broadcast_to(np.arange(len(GRID))[:, None], (2, len(GRID), 10))
    known = RecentCounts.from_history(history_of(counts, GRID), forecast.periods)
    recent = RecentCounts(
        "week",
        known.last_period,
        {name: cube.assign_coords(crime_type=list(TYPES)) for name, cube in known.counts.items()},
    )
    flags = forecast.expected.copy(data=np.isin(np.arange(len(GRID)), (3, 7))[None, :, None] & np.ones((2, 1, 1), bool))
    places = CellTable(
        **vars(CellTable.from_grid(GRID)) | {"recent": recent, "flagged": FlaggedCells(flags, "true: the highest two")}
    )
    folder = tmp_path_factory.mktemp("package")
    return Export(("gpkg",)).write(forecast, places, provenance_of(forecast), None, folder)[0]


def rows(path, query):
    with closing(sqlite3.connect(path)) as package:
        package.row_factory = sqlite3.Row
        return [dict(row) for row in package.execute(query)]


def test_there_is_one_layer_per_crime_type(forecast, path):
    layers = gpd.list_layers(path)
    assert layers["name"].tolist() == ["Assault", LAYER, "layer_styles"]
    assert layers["geometry_type"].isna().tolist() == [False, False, True]
    layer = gpd.read_file(path, layer=LAYER)
    assert layer["crime_type"].unique().tolist() == [HOSTILE]
    assert pyogrio.read_info(path, layer=LAYER)["layer_metadata"]["IDENTIFIER"].startswith(f"{HOSTILE}: ")
    assert layer.crs == GRID.crs
    assert layer["cell"].tolist() == GRID.cells.tolist()
    np.testing.assert_array_equal(layer["expected"], forecast.expected.sel(crime_type=HOSTILE).values[:, 0])
    assert layer.geometry.geom_equals(gpd.GeoSeries(list(GRID.geometry), crs=GRID.crs)).all()


def test_layers_are_marked_in_their_metadata(forecast, path):
    info = pyogrio.read_info(path, layer="Assault")
    assert info["dataset_metadata"]["use"] == RESEARCH_ONLY
    assert info["dataset_metadata"]["recipe"] == forecast.recipe
    assert info["dataset_metadata"]["flagged"] == "true: the highest two"
    assert info["layer_metadata"]["recorded"].startswith("last_week: crimes from 2018-03-05 to 2018-03-11;")
    assert info["layer_metadata"]["IDENTIFIER"].startswith(f"Assault: {RESEARCH_ONLY}")
    assert info["layer_metadata"]["DESCRIPTION"] == CAVEAT


def test_columns_have_the_types_of_their_content(path):
    declared = {row["name"]: row["type"] for row in rows(path, "PRAGMA table_info(Assault)")}
    wanted = {"start": "DATE", "end": "DATE", "flagged": "BOOLEAN", "lat": "REAL", "lon": "REAL", "expected": "REAL"}
    wanted |= dict.fromkeys(("last_week", "last_4_weeks", "same_week_last_year"), "INTEGER")
    assert {name: declared[name] for name in wanted} == wanted
    stored = rows(path, "SELECT * FROM Assault")
    assert {(row["start"], row["end"]) for row in stored} == {("2022-01-03", "2022-01-09")}
    assert [row["cell"] for row in stored if row["flagged"]] == ["r0c3", "r1c3"]
    assert [row["last_week"] for row in stored] == list(range(12))
    assert [row["last_4_weeks"] for row in stored] == list(range(0, 48, 4))
    assert {row["same_week_last_year"] for row in stored} == {None}
    centres = GRID.geometry[5].centroid, gpd.GeoSeries(list(GRID.geometry), crs=GRID.crs).to_crs("EPSG:4326")[5]
    assert stored[5]["lat"] == pytest.approx(centres[1].centroid.y, abs=2e-6)
    assert stored[5]["lon"] == pytest.approx(centres[1].centroid.x, abs=2e-6)


def test_each_layer_opens_with_the_classes_of_the_report(forecast, path):
    styles = rows(path, "SELECT * FROM layer_styles")
    assert [one["f_table_name"] for one in styles] == ["Assault", LAYER]
    assert {(one["useAsDefault"], one["f_geometry_column"]) for one in styles} == {(1, "geom")}
    for kind, one in zip(TYPES, styles, strict=True):
        assert RESEARCH_ONLY in one["description"]
        assert CAVEAT in one["description"]
        root = ET.fromstring(one["styleQML"])  # noqa: S314 - written by this test
        renderer = root.find("renderer-v2")
        assert (renderer.get("type"), renderer.get("attr")) == ("graduatedSymbol", "expected")
        ranges = renderer.findall("ranges/range")[::-1]
        edges = class_edges(forecast.expected.sel(crime_type=kind).values[:, 0])
        assert [float(one.get("lower")) for one in ranges] == edges[:-1].tolist()
        assert [float(one.get("upper")) for one in ranges] == edges[1:].tolist()
        colours = {
            symbol.get("name"): symbol.find("layer/Option/Option[@name='color']").get("value")
            for symbol in renderer.findall("symbols/symbol")
        }
        wanted = [tuple(bytes.fromhex(colour[1:])) for colour in class_colours(len(edges) - 1)]
        assert [tuple(map(int, colours[one.get("symbol")].split(",")))[:3] for one in ranges] == wanted
        assert root.get("labelsEnabled") == "1"
        assert '"rank" <= 10' in root.find("labeling/settings/text-style").get("fieldName")


def test_several_periods_are_rules_of_which_the_first_is_shown(tmp_path):
    forecast = forecast_on(GRID, periods=3)
    path = Export(("gpkg",)).write(forecast, GRID, provenance_of(forecast), None, tmp_path)[0]
    root = ET.fromstring(rows(path, "SELECT styleQML FROM layer_styles")[0]["styleQML"])  # noqa: S314
    rules = root.findall("renderer-v2/rules/rule")
    weeks = ["2022-01-03", "2022-01-10", "2022-01-17"]
    assert [rule.get("filter") for rule in rules] == [f"\"period\" = '{week}'" for week in weeks]
    assert [rule.get("checkstate") for rule in rules] == [None, "0", "0"]


def test_columns_have_names_and_meanings_in_words(path):
    texts = {
        row["column_name"]: row for row in rows(path, "SELECT * FROM gpkg_data_columns WHERE table_name = 'Assault'")
    }
    stored = [row["name"] for row in rows(path, "PRAGMA table_info(Assault)")]
    assert set(texts) == {*stored} - {"fid", "geom"}
    assert texts["same_week_last_year"]["name"] == "Recorded in the same week a year ago"
    for name, row in texts.items():
        assert row["name"] == row["title"] != name, name
        assert row["description"]


def test_the_package_is_valid(path):
    assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert rows(path, "PRAGMA foreign_key_check") == []
    assert rows(path, "PRAGMA application_id")[0]["application_id"] == 0x47504B47  # GPKG
    contents = {row["table_name"]: row["data_type"] for row in rows(path, "SELECT * FROM gpkg_contents")}
    assert contents == {"Assault": "features", LAYER: "features", "layer_styles": "attributes"}
    known = {
        row["table_name"] for row in rows(path, "SELECT * FROM gpkg_extensions WHERE extension_name = 'gpkg_schema'")
    }
    assert known == {"gpkg_data_columns", "gpkg_data_column_constraints"}
    tables = {row["name"] for row in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert known <= tables


def test_a_type_named_as_the_table_of_styles_has_another_layer(tmp_path):
    forecast = forecast_on(GRID, types=("layer_styles", "Assault"))
    path = Export(("gpkg",)).write(forecast, GRID, provenance_of(forecast), None, tmp_path)[0]
    assert set(gpd.read_file(path, layer="layer layer_styles")["crime_type"]) == {"layer_styles"}
