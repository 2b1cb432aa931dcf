"""Two different contents must never have one digest: labels with separators, moved borders, other types."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

import ilp_models
from ilp_models.backtest.store import _digest as stored_digest
from ilp_models.domain.digest import digest_of
from ilp_models.domain.layer import Layer
from ilp_models.export.geoparquet import table_checksum
from ilp_models.export.table import CellTable
from ilp_models.grid.polygons import PolygonFile
from tests.builders import events_at, forecast_on, square_grid

SPLITS = [  # two lists of labels that are one text when they are joined with the separator
    (("a|b", "c"), ("a", "b|c")),
    (("a\x00b", "c"), ("a", "b\x00c")),
    (("a,b", "c"), ("a", "b,c")),
    (("a\nb", "c"), ("a", "b\nc")),
    (("ab", "c"), ("a", "bc")),
    (("", "ab"), ("ab", "")),
    (("s1:a", "b"), ("s1:", "ab")),  # the encoding's own marks
]
PARTS = st.recursive(
    st.none() | st.text(alphabet="ab|\x00:1s,", max_size=4) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(PARTS, PARTS)
def test_digests_are_equal_only_for_equal_parts(one, other):
    assert (digest_of(one) == digest_of(other)) == (one == other)


def encoded(part):
    """Encode a part as the definition says: kind and length, then the content."""
    if part is None:
        return b"n"
    if isinstance(part, list):
        return b"l%d:" % len(part) + b"".join(map(encoded, part))
    kind, content = (b"s", part.encode()) if isinstance(part, str) else (b"b", part)
    return kind + b"%d:" % len(content) + content


@given(PARTS, st.lists(st.text(max_size=3), max_size=5))
def test_a_digest_is_that_of_the_encoding_by_kind_and_length(part, labels):
    assert digest_of(part, labels) == hashlib.sha256(encoded([part, labels])).hexdigest()


@given(st.lists(st.text(max_size=3), max_size=3), st.lists(st.text(max_size=3), max_size=3))
def test_the_border_between_two_lists_counts(one, other):
    joined = [*one, *other]
    assert (digest_of(one, other) == digest_of(joined, [])) == (other == [])


def test_a_text_its_bytes_and_an_array_of_them_differ():
    parts = ["ab", b"ab", np.frombuffer(b"ab", np.uint8), np.frombuffer(b"ab", np.int8), ["ab"], None, "", []]
    assert len({digest_of(one) for one in parts}) == len(parts)


def test_the_shape_of_an_array_counts():
    values = np.arange(6.0)
    assert len({digest_of(values.reshape(shape)) for shape in [(6,), (2, 3), (3, 2), (1, 6)]}) == 4


def test_objects_without_an_encoding_are_refused():
    with pytest.raises(TypeError, match="not dict"):
        digest_of({"a": 1})


@pytest.mark.parametrize(("one", "other"), SPLITS)
def test_crime_types_of_events_and_stored_forecasts_are_not_joined(one, other):
    pair = [events_at([0.0, 1.0], [0.0, 1.0], types=types, crime_type=list(types)) for types in (one, other)]
    assert pair[0].digest() != pair[1].digest()
    tables = [pd.DataFrame({"crime_type": pd.Categorical(types, categories=types)}) for types in (one, other)]
    assert stored_digest(tables[0], b"[]") != stored_digest(tables[1], b"[]")


@pytest.mark.parametrize(("one", "other"), SPLITS)
def test_labels_of_forecasts_are_not_joined(one, other):
    grid = square_grid(1, 2)
    assert forecast_on(grid, types=one).digest() != forecast_on(grid, types=other).digest()


def test_a_cell_does_not_pass_for_a_crime_type():
    grid = square_grid(1, 2)
    forecast = forecast_on(grid, types=("a", "b"), expected=np.ones((2, 2, 1)))
    moved = forecast_on(replace(grid, cells=pd.Index(["b|r0c0", "r0c1"], name="cell")), ("a", "b"), 1)
    assert forecast.digest() != moved.digest()


@pytest.mark.parametrize(("one", "other"), SPLITS)
def test_names_of_cells_and_areas_are_not_joined(one, other):
    grid = square_grid(1, 2)
    pair = [replace(grid, cells=pd.Index(list(names), name="cell")) for names in (one, other)]
    assert pair[0].digest() != pair[1].digest()
    tables = [CellTable(grid.cells, gpd.GeoSeries(list(grid.geometry)), np.array(names)) for names in (one, other)]
    assert tables[0].digest() != tables[1].digest()


@pytest.mark.parametrize(("one", "other"), SPLITS)
def test_columns_of_exports_are_not_joined(one, other):
    shapes = [shapely.Point(0, 0), shapely.Point(1, 1)]
    tables = [gpd.GeoDataFrame({"area": names, "geometry": shapes}, crs="EPSG:32617") for names in (one, other)]
    assert table_checksum(tables[0], {}) != table_checksum(tables[1], {})


def test_each_feature_of_a_layer_counts():
    point, other = shapely.Point(0, 0), shapely.Point(1, 1)
    layers = [
        Layer("bars", np.array(shapes, dtype=object), "EPSG:32617", None, "")
        for shapes in [(point,), (point, other), (point, point)]
    ]
    assert len({layer.digest for layer in layers}) == 3


def test_column_names_of_polygon_files_are_not_joined(tmp_path):
    path = tmp_path / "a.geojson"
    path.write_text("{}")
    names = [("a|b", "c"), ("a", "b|c"), ("a", None), ("a", "None")]
    assert len({PolygonFile(str(path), name, weight).digest() for name, weight in names}) == len(names)


def test_the_package_joins_no_labels_for_a_digest():
    """Digests come from `digest_of`, from JSON or from the bytes of one file."""
    allowed = {
        "audit/register/register.py",  # one line of canonical JSON
        "audit/register/signatures.py",  # one key
        "domain/decision.py",  # JSON
        "domain/digest.py",
        "domain/recipe.py",  # JSON, and single files
        "pipeline/allocation_files.py",  # single files
        "pipeline/audit_archive.py",  # single files
        "cli/app.py",  # one file of settings
        "pipeline/previous_plan.py",  # single files
        "pipeline/run_folder.py",  # single files
        "pipeline/forecast_seal.py",  # one file of forecasts
        "export/rocrate.py",  # single files
        "report/page.py",  # one style sheet
        "strategy/groups/matrix_file.py",  # one file
    }
    root = Path(ilp_models.__file__).parent
    users = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"\bhashlib\b", path.read_text(encoding="utf-8"))
    }
    assert users <= allowed
