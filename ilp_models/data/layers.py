"""Read context layers from geographic files: filter and repair features and project them to the CRS of the events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Self

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from ilp_models.data.crime_types import clean_labels
from ilp_models.data.file_format import PARQUET, TEXT, SourceFile
from ilp_models.data.label_screening import refuse_personal_names
from ilp_models.data.personal_data import is_personal_value, names_persons
from ilp_models.data.reader import read_records
from ilp_models.data.schema import closest, refuse_person_column
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.geographic_file import GeographicFile, no_network
from ilp_models.domain.layer import REACH_M, Layer, Layers
from ilp_models.domain.local_file import local_file
from ilp_models.domain.parquet_file import open_parquet
from ilp_models.domain.spreadsheet import is_spreadsheet

Geometry = npt.NDArray[np.object_]

_EDGE_POINTS: Final = 21  # points on each edge of a rectangle when it is projected
_DEGREES: Final = "EPSG:4326"
_PAIRS: Final = (("lon", "lat"), ("x", "y"))
_OTHER_TAGS: Final = "other_tags"  # field of GDAL's OpenStreetMap driver for tags without their own field


@dataclass(frozen=True)
class LayerFile:
    """A context layer from a file of features.

    Only geometry and the columns of ``filters`` and ``names`` are read. Columns that look like personal data are
    refused.

    Parameters
    ----------
    name : str
        Name of the layer: lower-case letters, digits and underscores.
    path : str
        GeoJSON, GeoPackage, Shapefile, FlatGeobuf, GeoParquet, delimited text with coordinates, or an OpenStreetMap
        extract (``.osm``, ``.osm.pbf``).
    filters : mapping of str to str or sequence of str, optional
        Wanted values by column, such as ``{amenity: [bar, pub]}``; all other features are excluded.
    sublayer : str or sequence of str, optional
        One or more layers within the file; of an OpenStreetMap extract ``points``, ``lines`` or ``multipolygons``.
    columns : mapping of str to str, optional
        For delimited text: the columns of ``lon`` and ``lat``, or of ``x`` and ``y``.
    crs : str, optional
        CRS of the coordinates; by default the CRS in the file.
    as_points : bool, default False
        Replace each line or polygon by one point on it, so that a bar mapped as a building counts like one mapped as a
        point.
    names : str, optional
        Column with names of places, such as of streets or stations, which pages show instead of the codes of cells.
    known_from : str or date, optional
        Day from which the layer is known, such as ``2019-01-31``. Without it the layer counts as known at all times.

    Raises
    ------
    InputError
        If a column looks like personal data, or the day or the CRS cannot be read.
    """

    name: str
    path: str
    filters: Mapping[str, Any] = field(default_factory=dict)
    sublayer: str | Sequence[str] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    crs: str | None = None
    as_points: bool = False
    names: str | None = None
    known_from: str | date | None = None

    def __post_init__(self) -> None:
        """Refuse columns of personal data and unusable settings before a file is opened."""
        for column in self.filters:
            refuse_person_column(column, f"{self.setting}.filters")
        if self.names is not None:
            refuse_person_column(self.names, f"{self.setting}.names")
        self._refuse_persons()
        if self.crs is not None:
            try:
                CRS.from_user_input(self.crs)
            except CRSError as error:
                msg = (
                    f"{self.setting}.crs={self.crs} is not a coordinate reference system; use a code such as EPSG:4326."
                )
                raise InputError(msg) from error
        self._known_from()

    def _refuse_persons(self) -> None:
        """Refuse a name, file, sublayer or filter value that means persons: a layer is about places."""
        names = {"": [self.name], ".path": [Path(self.path).name], ".sublayer": _listed(self.sublayer)}
        names |= {f".filters.{column}": _listed(value) for column, value in self.filters.items()}
        for setting, texts in names.items():
            found = next((text for text in texts if names_persons(text) or is_personal_value(text)), None)
            if found is not None:
                msg = (
                    f"{self.setting}{setting}: {found!r} looks like personal data and cannot be a context layer: only "
                    "places may be read. Use a layer of places, and name it after them."
                )
                raise InputError(msg)

    @property
    def setting(self) -> str:
        """Name of the layer's settings in messages, such as ``layers.bars``."""
        return f"layers.{self.name}"

    @classmethod
    def from_settings(cls, name: str, settings: Any) -> Self:
        """Return the layer file of a settings mapping; unknown settings are refused."""
        known = [one.name for one in fields(cls) if one.name != "name"]
        given = settings if isinstance(settings, Mapping) else {}
        unknown = [key for key in given if key not in known]  # checked first: it may be a misspelled path
        if unknown:
            hint = closest(str(unknown[0]), known)
            msg = f"layers.{name}.{unknown[0]} is not a setting of a layer{hint}; choose one of {', '.join(known)}."
            raise InputError(msg)
        if "path" not in given:
            msg = f"layers.{name} needs a file; set layers.{name}.path=FILE."
            raise InputError(msg)
        return cls(name, **given)

    def read(self, events: Events) -> Layer:
        """Return the features near the events as a layer in their CRS."""
        sublayers = (self.sublayer,) if isinstance(self.sublayer, str) else tuple(self.sublayer or ())
        attributes = tuple(dict.fromkeys([*self.filters, *([] if self.names is None else [self.names])]))
        wanted = FeatureQuery(self.setting, attributes, sublayers, dict(self.columns))
        frame = read_features(Path(self.path), wanted, self.crs)
        selected = self._selected(frame)
        located = self._located(selected)
        near = self._near(located, events)
        repaired = int((~shapely.is_valid(near.geometry.to_numpy())).sum())
        parts, number = self._parts(near.to_crs(events.crs), near.index)
        counts = {
            f"farther than {REACH_M / 1000:g} km excluded": len(located) - len(near),
            "invalid outlines repaired": repaired,
            "without geometry excluded": len(selected) - len(located),
            "excluded by filters": len(frame) - len(selected),
        }
        facts = [f"{count:,} {fact}" for fact, count in counts.items() if count > 0]
        facts = [f"{len(near):,} features of {Path(self.path).name}", *facts]
        start = self._known_from()
        validity = "counts as known at all times" if start is None else f"known from {start:%Y-%m-%d}"
        note = f"Layer {self.name}: {', '.join(facts)}; {validity}."
        return Layer(self.name, parts, events.crs, start, note, self._place_names(near, number))

    def _place_names(self, frame: gpd.GeoDataFrame, number: npt.NDArray[np.int64]) -> Geometry | None:
        """Return the name of the feature of each part, or None; names that look like personal data are refused."""
        if self.names is None:
            return None
        labels = clean_labels(frame[self.names].astype("str").where(frame[self.names].notna()))
        refuse_personal_names(f"{self.setting}.names", labels.dropna())
        return np.asarray(labels.astype(object).where(labels.notna(), "").to_numpy()[number], dtype=object)

    def _known_from(self) -> pd.Timestamp | None:
        if self.known_from is None:
            return None
        text = str(self.known_from) if isinstance(self.known_from, str | date) else ""  # refuse numbers such as 2030
        try:
            start = pd.Timestamp(datetime.fromisoformat(text))
        except ValueError as error:
            msg = f"{self.setting}.known_from={self.known_from!r} is not a day; write it in quotes, as '2019-01-31'."
            raise InputError(msg) from error
        if start.tzinfo is not None:
            msg = f"{self.setting}.known_from={self.known_from!r} has a time zone; set the local day, as '2019-01-31'."
            raise InputError(msg)
        return start

    def _selected(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        wanted = np.ones(len(frame), dtype=bool)
        for column, value in self.filters.items():
            values = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
            wanted &= frame[column].astype("str").isin([str(one) for one in values]).to_numpy()
            if not wanted.any():
                shown = ", ".join(map(str, values))
                msg = f"{self.setting}.filters: no feature of {self.path} has {column} {shown}; correct the values."
                raise InputError(msg)
        return frame.loc[wanted]

    def _located(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        located = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
        if not located.any():
            msg = f"{self.setting}: {self.path} holds no feature with a geometry; export the layer again."
            raise InputError(msg)
        return frame.loc[located]

    def _near(self, frame: gpd.GeoDataFrame, events: Events) -> gpd.GeoDataFrame:
        """Return the features near the events, selected in the CRS of the file: distant ones may not be projectable."""
        x, y = (events.table[name] for name in ("x", "y"))
        corners = (x.min() - REACH_M, y.min() - REACH_M, x.max() + REACH_M, y.max() + REACH_M)
        to_file = Transformer.from_crs(events.crs, frame.crs, always_xy=True)
        study = shapely.box(*to_file.transform_bounds(*corners, densify_pts=_EDGE_POINTS))
        bounds = shapely.bounds(frame.geometry.to_numpy())
        near = shapely.intersects(shapely.box(*bounds.T), study)
        if not near.any():
            extent = ", ".join(f"{value:g}" for value in frame.total_bounds)
            msg = (
                f"{self.setting}: no feature of {self.path} lies within {REACH_M / 1000:g} km of the study area; they "
                f"span {extent} in {frame.crs.name}. Check the file, and {self.setting}.crs."
            )
            raise InputError(msg)
        return frame.loc[near]

    def _parts(self, frame: gpd.GeoDataFrame, numbers: pd.Index) -> tuple[Geometry, npt.NDArray[np.int64]]:
        """Return valid single geometries of one kind, and the position of the feature of each."""
        flat = shapely.force_2d(frame.geometry.to_numpy())
        invalid = ~shapely.is_valid(flat)
        before = shapely.get_dimensions(flat)
        flat[invalid] = shapely.make_valid(flat[invalid], method="structure", keep_collapsed=False)
        lost = shapely.is_empty(flat) | (shapely.get_dimensions(flat) != before)
        if lost.any():
            number = int(numbers[int(np.argmax(lost))]) + 1
            msg = (
                f"{self.setting}: the geometry of feature {number} of {self.path} is invalid and cannot be repaired; "
                "correct it in the file."
            )
            raise InputError(msg)
        if self.as_points:
            return np.asarray(shapely.point_on_surface(flat), dtype=object), np.arange(len(flat))
        kinds = sorted({("points", "lines", "polygons")[int(dimension)] for dimension in before})
        if len(kinds) > 1:
            msg = (
                f"{self.setting}: {self.path} mixes {' and '.join(kinds)}; set {self.setting}.as_points=true, "
                "or define one layer per kind with sublayer or filters."
            )
            raise InputError(msg)
        parts, number = shapely.get_parts(flat, return_index=True)
        return np.asarray(parts, dtype=object), number


def _listed(value: Any) -> list[str]:
    """Return one value or several as a list of text."""
    if value is None:
        return []
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return [str(one) for one in value] if several else [str(value)]


def read_layers(settings: Mapping[str, Any], events: Events) -> Layers:
    """Return the layers of the setting ``layers``: a mapping of name to settings."""
    files = [LayerFile.from_settings(str(name), entry) for name, entry in settings.items()]
    return Layers(tuple(file.read(events) for file in files))


@dataclass(frozen=True)
class FeatureQuery:
    """What to read of a file of features."""

    setting: str  # name in messages, such as layers.bars
    attributes: tuple[str, ...]  # columns of the filter
    sublayers: tuple[str, ...]  # layers within the file; may be empty if it has one
    columns: dict[str, str]  # of delimited text and spreadsheets: columns of lon and lat, or of x and y


def read_features(path: Path, wanted: FeatureQuery, crs: str | None) -> gpd.GeoDataFrame:
    """Return the features of a file with the wanted attributes, in the order of the file."""
    found = local_file(path, f"{wanted.setting}.path=")
    try:
        with no_network():
            frame = _read(found, found.name.lower(), wanted)
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise any error
        first = next(iter(str(error).splitlines()), type(error).__name__)
        msg = f"{wanted.setting}.path={path} cannot be read ({first}); convert it to GeoPackage."
        raise InputError(msg) from error
    if crs is not None:
        frame = frame.set_crs(crs, allow_override=True)
    if frame.crs is None:
        msg = f"{wanted.setting}: {path} has no CRS; set it, such as {wanted.setting}.crs=EPSG:4326."
        raise InputError(msg)
    return frame


def _read(path: Path, name: str, wanted: FeatureQuery) -> gpd.GeoDataFrame:
    if name.endswith(TEXT) or is_spreadsheet(name):
        return _table(path, wanted)
    if wanted.columns:
        msg = f"{wanted.setting}.columns is for delimited text and spreadsheets; {path} has geometry, so remove it."
        raise InputError(msg)
    if name.endswith(PARQUET):
        return _parquet(path, wanted)
    file = GeographicFile.from_path(path, f"{wanted.setting}.path=")
    parts = [_sublayer(file, sublayer, wanted) for sublayer in _sublayers(file, wanted)]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=parts[0].crs)


def _sublayers(file: GeographicFile, wanted: FeatureQuery) -> Sequence[str]:
    found = [str(name) for name, kind in pyogrio.list_layers(file.source) if kind is not None]
    if not wanted.sublayers and len(found) == 1:
        return found
    unknown = [name for name in wanted.sublayers if name not in found]
    if unknown or not wanted.sublayers:
        problem = f"has no layer {unknown[0]!r}" if unknown else "holds several layers"
        setting = f"{wanted.setting}.sublayer"
        msg = f"{wanted.setting}: {file.path} {problem}; set {setting} to one or more of {', '.join(found)}."
        raise InputError(msg)
    return wanted.sublayers


def _sublayer(file: GeographicFile, sublayer: str, wanted: FeatureQuery) -> gpd.GeoDataFrame:
    path, source = file.path, file.source
    fields = [str(field) for field in pyogrio.read_info(source, layer=sublayer)["fields"]]
    tags = [name for name in wanted.attributes if name not in fields]
    if tags and file.driver == "OSM" and _OTHER_TAGS in fields:
        columns = [_tag(name) if name in tags else _quoted(name) for name in wanted.attributes]
        query = f"SELECT {', '.join(columns)}, geometry FROM {_quoted(sublayer)}"  # noqa: S608 - names are quoted
        return _with_geometry(pyogrio.read_dataframe(source, sql=query, sql_dialect="SQLITE"), path, wanted)
    _refuse_missing(tags, fields, path, wanted)
    return _with_geometry(pyogrio.read_dataframe(source, layer=sublayer, columns=list(wanted.attributes)), path, wanted)


def _with_geometry(frame: Any, path: Path, wanted: FeatureQuery) -> gpd.GeoDataFrame:
    if not isinstance(frame, gpd.GeoDataFrame):
        msg = f"{wanted.setting}: {path} holds a table without geometry; export it with geometry."
        raise InputError(msg)
    return frame


def _tag(name: str) -> str:
    text = name.replace("'", "''")
    return f"hstore_get_value({_OTHER_TAGS}, '{text}') AS {_quoted(name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parquet(path: Path, wanted: FeatureQuery) -> gpd.GeoDataFrame:
    with open_parquet(path) as parquet:
        schema = parquet.schema_arrow
    if b"geo" not in (schema.metadata or {}):
        msg = f"{wanted.setting}: {path} is Parquet without geometry; write it as GeoParquet, or as CSV with columns."
        raise InputError(msg)
    _refuse_missing([name for name in wanted.attributes if name not in schema.names], schema.names, path, wanted)
    geometry = json.loads(schema.metadata[b"geo"])["primary_column"]
    return gpd.read_parquet(path, columns=[geometry, *wanted.attributes])


def _table(path: Path, wanted: FeatureQuery) -> gpd.GeoDataFrame:
    pair = next((pair for pair in _PAIRS if set(pair) == set(wanted.columns)), None)
    if pair is None:
        msg = (
            f"{wanted.setting}: {path} is a table; name its coordinate columns, such as "
            f"'{wanted.setting}.columns={{lon: Longitude, lat: Latitude}}', or x and y with crs."
        )
        raise InputError(msg)
    names = tuple(dict.fromkeys([wanted.columns[role] for role in pair] + list(wanted.attributes)))
    if len(wanted.sublayers) > 1:
        msg = f"{wanted.setting}.sublayer names {len(wanted.sublayers)} sheets of {path}. Name one sheet."
        raise InputError(msg)
    sheet = next(iter(wanted.sublayers), None)
    table = read_records((SourceFile(path, str(path)),), names, sheet=sheet).table
    first, second = (pd.to_numeric(table[wanted.columns[role]], errors="coerce") for role in pair)
    points = shapely.points(first.to_numpy(dtype=float), second.to_numpy(dtype=float))
    points[(first.isna() | second.isna()).to_numpy()] = None
    return gpd.GeoDataFrame(
        table[list(wanted.attributes)], geometry=points, crs=_DEGREES if pair == _PAIRS[0] else None
    )


def _refuse_missing(missing: Sequence[str], found: Sequence[str], path: Path, wanted: FeatureQuery) -> None:
    if missing:
        names = ", ".join(found) or "none"
        hint = closest(missing[0], found)
        msg = f"{wanted.setting}: {path} has no column {missing[0]!r}{hint}; it has {names}."
        raise InputError(msg)
