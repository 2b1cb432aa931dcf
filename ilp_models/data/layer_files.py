"""Files of features opened: only geometry and the attributes of a filter are read, whatever else they hold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from ilp_models.data.files import PARQUET, TEXT, SourceFile
from ilp_models.data.reader import read_records
from ilp_models.data.schema import closest
from ilp_models.domain.errors import InputError

_DEGREES: Final = "EPSG:4326"
_PAIRS: Final = (("lon", "lat"), ("x", "y"))
_OSM: Final = (".osm", ".pbf", ".osm.gz", ".osm.bz2")
_OTHER_TAGS: Final = "other_tags"  # where GDAL's driver keeps the tags that are no field of their own


@dataclass(frozen=True)
class Wanted:
    """What to read of a file of features.

    Parameters
    ----------
    setting : str
        How messages call the layer, such as ``layers.bars``.
    attributes : tuple of str
        Columns of the filter.
    sublayers : tuple of str
        Layers within the file; empty where it holds a single one.
    columns : mapping of str to str
        Of delimited text: ``lon`` and ``lat``, or ``x`` and ``y``, as the file calls them.
    """

    setting: str
    attributes: tuple[str, ...]
    sublayers: tuple[str, ...]
    columns: dict[str, str]


def read_features(path: Path, wanted: Wanted, crs: str | None) -> gpd.GeoDataFrame:
    """Return the features of a file with the attributes wanted, in its order."""
    if not path.exists():
        msg = f"{wanted.setting}.path={path}: there is no such file in {Path.cwd()}; check the spelling."
        raise InputError(msg)
    name = path.name.lower()
    try:
        frame = _read(path, name, wanted)
    except (DataSourceError, DataLayerError, FeatureError, pa.ArrowException, UnicodeError, OSError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        msg = f"{wanted.setting}.path={path} cannot be read ({first}); convert it to GeoPackage."
        raise InputError(msg) from error
    if crs is not None:
        frame = frame.set_crs(crs, allow_override=True)
    if frame.crs is None:
        msg = f"{wanted.setting}: {path} does not say its CRS; give it, such as {wanted.setting}.crs=EPSG:4326."
        raise InputError(msg)
    return frame


def _read(path: Path, name: str, wanted: Wanted) -> gpd.GeoDataFrame:
    if name.endswith(TEXT):
        return _text(path, wanted)
    if wanted.columns:
        msg = f"{wanted.setting}.columns is for delimited text; {path} brings its geometry, so leave columns out."
        raise InputError(msg)
    if name.endswith(PARQUET):
        return _parquet(path, wanted)
    parts = [_sublayer(path, sublayer, wanted) for sublayer in _sublayers(path, wanted)]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=parts[0].crs)


def _sublayers(path: Path, wanted: Wanted) -> Sequence[str]:
    found = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if not wanted.sublayers and len(found) == 1:
        return found
    strange = [name for name in wanted.sublayers if name not in found]
    if strange or not wanted.sublayers:
        what = f"has no layer {strange[0]!r}" if strange else "holds several layers"
        msg = f"{wanted.setting}: {path} {what}; set {wanted.setting}.sublayer to one or some of {', '.join(found)}."
        raise InputError(msg)
    return wanted.sublayers


def _sublayer(path: Path, sublayer: str, wanted: Wanted) -> gpd.GeoDataFrame:
    fields = [str(field) for field in pyogrio.read_info(path, layer=sublayer)["fields"]]
    tags = [name for name in wanted.attributes if name not in fields]
    if tags and path.name.lower().endswith(_OSM) and _OTHER_TAGS in fields:
        columns = [_tag(name) if name in tags else _quoted(name) for name in wanted.attributes]
        question = f"SELECT {', '.join(columns)}, geometry FROM {_quoted(sublayer)}"  # noqa: S608 - names are quoted
        return _framed(pyogrio.read_dataframe(path, sql=question, sql_dialect="SQLITE"), path, wanted)
    _refuse_missing(tags, fields, path, wanted)
    return _framed(pyogrio.read_dataframe(path, layer=sublayer, columns=list(wanted.attributes)), path, wanted)


def _framed(frame: Any, path: Path, wanted: Wanted) -> gpd.GeoDataFrame:
    if not isinstance(frame, gpd.GeoDataFrame):
        msg = f"{wanted.setting}: {path} holds a table without geometry; export it with its geometry."
        raise InputError(msg)
    return frame


def _tag(name: str) -> str:
    text = name.replace("'", "''")
    return f"hstore_get_value({_OTHER_TAGS}, '{text}') AS {_quoted(name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parquet(path: Path, wanted: Wanted) -> gpd.GeoDataFrame:
    schema = pq.read_schema(path)
    if b"geo" not in (schema.metadata or {}):
        msg = f"{wanted.setting}: {path} is Parquet without geometry; write it as GeoParquet, or as CSV with columns."
        raise InputError(msg)
    _refuse_missing([name for name in wanted.attributes if name not in schema.names], schema.names, path, wanted)
    geometry = json.loads(schema.metadata[b"geo"])["primary_column"]
    return gpd.read_parquet(path, columns=[geometry, *wanted.attributes])


def _text(path: Path, wanted: Wanted) -> gpd.GeoDataFrame:
    pair = next((pair for pair in _PAIRS if set(pair) == set(wanted.columns)), None)
    if pair is None:
        msg = (
            f"{wanted.setting}: {path} is delimited text; say where its coordinates are, such as "
            f"'{wanted.setting}.columns={{lon: Longitude, lat: Latitude}}' (or x and y, with crs)."
        )
        raise InputError(msg)
    names = tuple(dict.fromkeys([wanted.columns[role] for role in pair] + list(wanted.attributes)))
    table = read_records((SourceFile(path, str(path)),), names, "auto", "auto").table
    first, second = (pd.to_numeric(table[wanted.columns[role]], errors="coerce") for role in pair)
    points = shapely.points(first.to_numpy(dtype=float), second.to_numpy(dtype=float))
    points[(first.isna() | second.isna()).to_numpy()] = None
    return gpd.GeoDataFrame(
        table[list(wanted.attributes)], geometry=points, crs=_DEGREES if pair == _PAIRS[0] else None
    )


def _refuse_missing(missing: Sequence[str], found: Sequence[str], path: Path, wanted: Wanted) -> None:
    if missing:
        names = ", ".join(found) or "none"
        hint = closest(missing[0], found)
        msg = f"{wanted.setting}.filters: {path} has no column {missing[0]!r}{hint}; it has {names}."
        raise InputError(msg)
