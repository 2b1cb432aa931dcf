"""Write GeoPackages that open styled and labelled in QGIS, with names and meanings of their columns."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import geopandas as gpd
import pyogrio

from ilp_models.domain.printable import printable
from ilp_models.domain.text_output import layer_names
from ilp_models.export.column_texts import column_text
from ilp_models.export.marking import Marking
from ilp_models.export.qgis_style import RISK, map_groups, qgis_style

# as the standard declares them (OGC 12-128r19, extension gpkg_schema), and QGIS
_COLUMN_TABLES: Final = """
CREATE TABLE gpkg_data_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, mime_type TEXT,
  constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
  CONSTRAINT gdc_tn UNIQUE (table_name, name));
CREATE TABLE gpkg_data_column_constraints (
  constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, min_is_inclusive BOOLEAN,
  max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
  CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value));
INSERT INTO gpkg_extensions (table_name, column_name, extension_name, definition, scope) VALUES
  ('gpkg_data_columns', NULL, 'gpkg_schema', 'http://www.geopackage.org/spec121/#extension_schema', 'read-write'),
  ('gpkg_data_column_constraints', NULL, 'gpkg_schema',
    'http://www.geopackage.org/spec121/#extension_schema', 'read-write');
"""
_STYLE_TABLE: Final = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
INSERT INTO gpkg_contents (table_name, data_type, identifier, description)
  VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles of the layers for QGIS');
"""


def write_geopackage(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as GeoPackage in its projected CRS, one layer per crime type, each with its style."""
    names, styles = layer_names(table["crime_type"].astype(str).unique()), dict[str, str]()
    columns = [name for name in table.columns if name != table.geometry.name]
    for number, (crime_type, rows) in enumerate(table.groupby("crime_type", sort=False, observed=True)):
        layer = names[str(crime_type)]
        write_layer(rows, marking, path, (layer, str(crime_type)), append=number > 0)
        styles[layer] = qgis_style(map_groups(rows, ("period",)), columns, marking.note)
    describe_columns(path, dict.fromkeys(styles, columns))
    add_styles(path, styles, RISK.title, marking.note)


def write_layer(
    rows: gpd.GeoDataFrame, marking: Marking, path: Path, name: tuple[str, str], *, append: bool = False
) -> None:
    """Write one layer of a GeoPackage under a safe name and its label, and check it.

    GDAL reports some failures only on the terminal.
    """
    (layer, label), facts = name, dict(marking.facts)
    pyogrio.write_dataframe(
        rows,
        path,
        layer=layer,
        driver="GPKG",
        append=append,
        use_arrow=True,  # without it, days become text
        dataset_metadata=None if append else facts,
        layer_metadata=facts,
        layer_options={
            "IDENTIFIER": f"{printable(label, lines=False)}: {marking.headline}",
            "DESCRIPTION": facts["caveat"],
        },
    )
    info = pyogrio.read_info(path, layer=layer)
    indexed = info["capabilities"]["fast_spatial_filter"]
    if info["features"] != len(rows) or not indexed or not info["layer_metadata"]:
        msg = f"layer {layer} of {path.name} is incomplete"
        raise OSError(msg)


def describe_columns(path: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Add names and meanings of the columns of each layer."""
    texts = [(layer, name, *column_text(name)) for layer, names in columns.items() for name in names]
    with closing(sqlite3.connect(path)) as package, package:
        package.executescript(_COLUMN_TABLES)
        package.executemany(
            "INSERT INTO gpkg_data_columns (table_name, column_name, name, title, description) VALUES (?, ?, ?, ?, ?)",
            [(layer, name, alias, alias, meaning) for layer, name, alias, meaning in texts],
        )


def add_styles(path: Path, styles: Mapping[str, str], title: str, note: str) -> None:
    """Add the table of styles that QGIS opens each layer with."""
    with closing(sqlite3.connect(path)) as package, package:
        package.executescript(_STYLE_TABLE)
        geometry = dict(package.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
        package.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner) VALUES ('', '', ?, ?, ?, ?, '', 1, ?, '')",
            [(layer, geometry[layer], title, style, note) for layer, style in styles.items()],
        )
