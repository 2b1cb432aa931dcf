"""Check geographic files before GDAL opens them: known formats only, no virtual file and no network."""

import io
import json
import mmap
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import companion_files, local_file

FORMATS: Final = "GeoJSON, GeoPackage, Shapefile (.shp, or in a .zip), FlatGeobuf or OpenStreetMap (.osm, .pbf)"
_ZIP: Final = ".zip"
_SHAPEFILE: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_SHAPE_CODE: Final = b"\x00\x00\x27\x0a"
_MAX_UNPACKED: Final = 1 << 30
_DRIVERS: Final = {
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".gpkg": "GPKG",
    ".shp": "ESRI Shapefile",
    ".zip": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
    ".osm": "OSM",
    ".pbf": "OSM",
}
_HEAD: Final = 1 << 16
_BOM: Final = b"\xef\xbb\xbf"
_OSM_ELEMENTS: Final = frozenset(
    (b"?xml", b"osm", b"bounds", b"bound", b"note", b"meta", b"node", b"way", b"relation", b"tag", b"nd", b"member")
)
_ELEMENT: Final = re.compile(rb"<\s*/?\s*([^\s/>]*)")
# The key crs in any case, also with escapes: \u0063 is c.
_CRS_KEY: Final = re.compile(rb'"(?:[cC]|\\u00[46]3)(?:[rR]|\\u00[57]2)(?:[sS]|\\u00[57]3)"\s*:\s*(?=\{)')
_CRS_BYTES: Final = 1 << 16
_CRS_NAME: Final = re.compile(
    r"(urn:(x-)?ogc:def:crs:[\w.:,-]+|[A-Za-z]+:[A-Za-z]?\d+|https?://www\.opengis\.net/(def/crs|gml/srs)/[\w./#-]+)"
)
_COMPUTED: Final = re.compile(r"\bAS\s*\(", re.IGNORECASE)
_RTREE: Final = re.compile(r"\s*CREATE\s+VIRTUAL\s+TABLE\s+.*\bUSING\s+rtree\s*\(", re.IGNORECASE | re.DOTALL)
# GDAL reads options from the environment: requests go to a proxy of an unknown kind, and fail before they are sent.
_OFFLINE: Final = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "none",
    "GDAL_HTTP_PROXY": "none://none",
    "GDAL_HTTPS_PROXY": "none://none",
    "OGR_SQLITE_LIST_VIRTUAL_OGR": "NO",
    "PROJ_NETWORK": "OFF",
    "no_proxy": "",
    "NO_PROXY": "",
}


@dataclass(frozen=True)
class GeographicFile:
    """A local file whose content is of a format on the list."""

    path: Path  # absolute
    driver: str  # name in GDAL

    @classmethod
    def from_path(cls, path: str | os.PathLike[str], label: str) -> "GeographicFile":
        """Return the checked file; InputError if it is not local, or has another format than its name says."""
        found = local_file(path, label)
        driver = _DRIVERS.get(found.suffix.lower())
        if driver is None or "!" in str(found):
            msg = f"{label}{path} cannot be read: its name is not that of {FORMATS}. Convert it to GeoPackage."
            raise InputError(msg)
        companion_files(found, label)
        try:
            problem = _problem(found, driver)
        except (OSError, RuntimeError, ValueError, BadZipFile, sqlite3.Error) as error:
            problem = str(error) or type(error).__name__
        if problem:
            msg = f"{label}{path} cannot be read ({problem}); convert it to GeoPackage."
            raise InputError(msg)
        return cls(found, driver)

    @property
    def source(self) -> str | bytes:
        """What GDAL opens with this driver only: a name, or the content of a zipped Shapefile."""
        if self.path.suffix.lower() == _ZIP:
            return _repack(self.path)
        return f"GeoJSON:{self.path}" if self.driver == "GeoJSON" else str(self.path)


@contextmanager
def no_network() -> Iterator[None]:
    """Switch off remote access of GDAL and PROJ while a file is read."""
    before = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(_OFFLINE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _problem(path: Path, driver: str) -> str:
    """Return why the content of a file is not of the format of its driver; empty if it is."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return "the file is empty"
    if driver == "GeoJSON":
        return _geojson_problem(path, head)
    if driver == "GPKG":
        return _geopackage_problem(path, head)
    if driver == "OSM":
        return _osm_problem(head)
    if path.suffix.lower() == _ZIP:
        return _zip_problem(path)
    start = _SHAPE_CODE if driver == "ESRI Shapefile" else b"fgb\x03fgb"
    return "" if head.startswith(start) else f"its content is not {driver}"


def _geojson_problem(path: Path, head: bytes) -> str:
    if not head.removeprefix(_BOM).lstrip().startswith(b"{"):
        return "its content is not GeoJSON"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for found in _CRS_KEY.finditer(content):
            text = content[found.end() : found.end() + _CRS_BYTES].decode("utf-8", "replace")
            if not _is_named_crs(text):
                return "its crs is not a name such as EPSG:4326"
    return ""


def _is_named_crs(text: str) -> bool:
    """Return whether JSON starts with a CRS by name; a link would make GDAL fetch it."""
    crs, _ = json.JSONDecoder().raw_decode(text)
    properties = crs.get("properties")
    name = properties.get("name") if isinstance(properties, dict) else None
    return (
        set(crs) == {"type", "properties"}
        and crs["type"] == "name"
        and set(properties or ()) == {"name"}
        and isinstance(name, str)
        and _CRS_NAME.fullmatch(name) is not None
    )


def _geopackage_problem(path: Path, head: bytes) -> str:
    """Refuse databases in which something is computed while it is read: functions of GDAL can open addresses."""
    if not head.startswith(b"SQLite format 3\x00"):
        return "its content is not GeoPackage"
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        database.execute("PRAGMA trusted_schema=OFF")
        rows = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    finally:
        database.close()
    if "gpkg_contents" not in {name for _, name, _ in rows}:
        return "its content is not GeoPackage"
    for kind, name, sql in rows:
        virtual = str(sql).lstrip().upper().startswith("CREATE VIRTUAL")
        if kind == "view" or (virtual and not _RTREE.match(sql)):
            return f"{name!r} is a view or a virtual table, not a table"
        if kind == "table" and not virtual and _COMPUTED.search(str(sql)):
            return f"the table {name!r} has computed columns"
    return ""


def _zip_problem(path: Path) -> str:
    with ZipFile(path) as archive:
        members = _shapefile_members(archive)
        shapes = [one for one in members if one.filename.lower().endswith(".shp")]
        if len(shapes) != 1:
            return f"the archive holds {len(shapes)} Shapefiles, not one"
        if sum(one.file_size for one in members) > _MAX_UNPACKED:
            return "the archive is larger than 1 GiB when it is unpacked"
        with archive.open(shapes[0]) as content:
            return "" if content.read(len(_SHAPE_CODE)) == _SHAPE_CODE else "its content is not a Shapefile"


def _shapefile_members(archive: ZipFile) -> list[ZipInfo]:
    return [one for one in archive.infolist() if Path(one.filename).suffix.lower() in _SHAPEFILE]


def _repack(path: Path) -> bytes:
    """Return an archive with the parts of the Shapefile only, so that GDAL reads what was checked."""
    packed = io.BytesIO()
    with ZipFile(path) as archive, ZipFile(packed, "w") as clean:
        for one in _shapefile_members(archive):
            clean.writestr(f"{Path(one.filename).stem}{Path(one.filename).suffix.lower()}", archive.read(one))
    return packed.getvalue()


def _osm_problem(head: bytes) -> str:
    if head[:1] == b"\x00" and b"OSMHeader" in head[:64]:
        return ""
    elements = [name for name in _ELEMENT.findall(head) if name]
    if not elements or {*elements[:-1]} - _OSM_ELEMENTS or b"osm" not in elements[:2]:
        return "its content is not OpenStreetMap"
    return ""
