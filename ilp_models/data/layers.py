"""Context layers from files: points, lines and polygons, filtered, repaired and brought to the CRS of the events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Self

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from ilp_models.data.layer_files import Wanted, read_features
from ilp_models.data.schema import closest, refuse_person_column
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.layer import REACH_M, Layer, Layers

Geometry = npt.NDArray[np.object_]

_DENSE: Final = 21  # points on each edge of a rectangle when it is projected


@dataclass(frozen=True)
class LayerFile:
    """A file of features, and which of them make a layer.

    Only geometry and the columns of ``filters`` are read; a column that speaks of persons is refused.

    Parameters
    ----------
    name : str
        Of the layer: lower-case letters, digits and underscores.
    path : str
        GeoJSON, GeoPackage, Shapefile, FlatGeobuf, GeoParquet, delimited text with coordinates, or an OpenStreetMap
        extract (``.osm``, ``.osm.pbf``).
    filters : mapping of str to str or sequence of str, optional
        Wanted values by column, such as ``{amenity: [bar, pub]}``; all other features are left out.
    sublayer : str or sequence of str, optional
        Layer or layers within the file; of an OpenStreetMap extract ``points``, ``lines`` or ``multipolygons``.
    columns : mapping of str to str, optional
        Of delimited text: ``lon`` and ``lat``, or ``x`` and ``y``, as the file calls them.
    crs : str, optional
        CRS of the coordinates; by default what the file says.
    as_points : bool, default False
        Stand each line or polygon for by one point on it, so that a bar drawn as a building counts like one drawn
        as a point.
    known_from : str or date, optional
        The day from which on the layer is known, text as ``2019-01-31``; without it, it counts as known all along.

    Raises
    ------
    InputError
        If a column speaks of persons, or the day or the CRS cannot be read.
    """

    name: str
    path: str
    filters: Mapping[str, Any] = field(default_factory=dict)
    sublayer: str | Sequence[str] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    crs: str | None = None
    as_points: bool = False
    known_from: str | date | None = None

    def __post_init__(self) -> None:
        """Refuse person columns before a file is opened, and settings that say nothing."""
        for column in self.filters:
            refuse_person_column(column, f"{self.setting}.filters")
        if self.crs is not None:
            try:
                CRS.from_user_input(self.crs)
            except CRSError as error:
                msg = f"{self.setting}.crs={self.crs} names no coordinate reference system; use a code like EPSG:4326."
                raise InputError(msg) from error
        self._moment()

    @property
    def setting(self) -> str:
        """How messages call the layer."""
        return f"layers.{self.name}"

    @classmethod
    def from_settings(cls, name: str, settings: Any) -> Self:
        """Return the file that a layer's settings describe."""
        known = [one.name for one in fields(cls) if one.name != "name"]
        stated = settings if isinstance(settings, Mapping) else {}
        strange = [key for key in stated if key not in known]  # first: it may be the path, misspelt
        if strange:
            hint = closest(str(strange[0]), known)
            msg = f"layers.{name}.{strange[0]} is no setting of a layer{hint}; there are {', '.join(known)}."
            raise InputError(msg)
        if "path" not in stated:
            msg = f"layers.{name} needs a file: layers.{name}.path=FILE."
            raise InputError(msg)
        return cls(name, **stated)

    def read(self, events: Events) -> Layer:
        """Return the layer."""
        names = (self.sublayer,) if isinstance(self.sublayer, str) else tuple(self.sublayer or ())
        wanted = Wanted(self.setting, tuple(self.filters), names, dict(self.columns))
        frame = read_features(Path(self.path).expanduser(), wanted, self.crs)
        chosen = self._chosen(frame)
        placed = self._placed(chosen)
        near = self._near(placed, events)
        repaired = int((~shapely.is_valid(near.geometry.to_numpy())).sum())
        parts = self._parts(near.to_crs(events.crs), near.index)
        facts = [f"{len(near):,} features of {Path(self.path).name}"]
        facts += [f"{len(placed) - len(near):,} farther than {REACH_M / 1000:g} km left out"] * (
            len(placed) > len(near)
        )
        facts += [f"{repaired:,} invalid outlines repaired"] * (repaired > 0)
        facts += [f"{len(chosen) - len(placed):,} without a place left out"] * (len(chosen) > len(placed))
        facts += [f"{len(frame) - len(chosen):,} excluded by filters"] * (len(frame) > len(chosen))
        moment = self._moment()
        since = "taken as known all along" if moment is None else f"known from {moment:%Y-%m-%d}"
        return Layer(self.name, parts, events.crs, moment, f"Layer {self.name}: {', '.join(facts)}; {since}.")

    def _moment(self) -> pd.Timestamp | None:
        if self.known_from is None:
            return None
        said = str(self.known_from) if isinstance(self.known_from, str | date) else ""  # no number: 2030 is no day
        try:
            moment = pd.Timestamp(datetime.fromisoformat(said))
        except ValueError as error:
            msg = f"{self.setting}.known_from={self.known_from!r} is no day; write it in quotes, like '2019-01-31'."
            raise InputError(msg) from error
        if moment.tzinfo is not None:
            msg = f"{self.setting}.known_from={self.known_from!r} has a zone; give the local day, like 2019-01-31."
            raise InputError(msg)
        return moment

    def _chosen(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        keep = np.ones(len(frame), dtype=bool)
        for column, value in self.filters.items():
            values = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
            keep &= frame[column].astype("str").isin([str(one) for one in values]).to_numpy()
            if not keep.any():
                msg = f"{self.setting}.filters: no feature of {self.path} has {column} {', '.join(map(str, values))}."
                raise InputError(msg)
        return frame.loc[keep]

    def _placed(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        here = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
        if not here.any():
            msg = f"{self.setting}: {self.path} holds no feature with a geometry; export the layer again."
            raise InputError(msg)
        return frame.loc[here]

    def _near(self, frame: gpd.GeoDataFrame, events: Events) -> gpd.GeoDataFrame:
        """Keep what can matter, told in the CRS of the file: what is far away may have no place in the other one."""
        x, y = (events.table[name] for name in ("x", "y"))
        corners = (x.min() - REACH_M, y.min() - REACH_M, x.max() + REACH_M, y.max() + REACH_M)
        to_file = Transformer.from_crs(events.crs, frame.crs, always_xy=True)
        study = shapely.box(*to_file.transform_bounds(*corners, densify_pts=_DENSE))
        bounds = shapely.bounds(frame.geometry.to_numpy())
        near = shapely.intersects(shapely.box(*bounds.T), study)
        if not near.any():
            said = ", ".join(f"{value:g}" for value in frame.total_bounds)
            msg = (
                f"{self.setting}: no feature of {self.path} lies within {REACH_M / 1000:g} km of the study area; they "
                f"span {said} in {frame.crs.name}. Check the file, and {self.setting}.crs."
            )
            raise InputError(msg)
        return frame.loc[near]

    def _parts(self, frame: gpd.GeoDataFrame, numbers: pd.Index) -> Geometry:
        """Return single valid parts of one kind."""
        flat = shapely.force_2d(frame.geometry.to_numpy())
        invalid = ~shapely.is_valid(flat)
        before = shapely.get_dimensions(flat)
        flat[invalid] = shapely.make_valid(flat[invalid], method="structure", keep_collapsed=False)
        lost = shapely.is_empty(flat) | (shapely.get_dimensions(flat) != before)
        if lost.any():
            number = int(numbers[int(np.argmax(lost))]) + 1
            msg = f"{self.setting}: the geometry of feature {number} of {self.path} is invalid and cannot be repaired."
            raise InputError(msg)
        if self.as_points:
            return np.asarray(shapely.point_on_surface(flat), dtype=object)
        kinds = sorted({("points", "lines", "polygons")[int(dimension)] for dimension in before})
        if len(kinds) > 1:
            msg = (
                f"{self.setting}: {self.path} mixes {' and '.join(kinds)}; set {self.setting}.as_points=true, "
                "or make a layer of each with sublayer or filters."
            )
            raise InputError(msg)
        return np.asarray(shapely.get_parts(flat), dtype=object)


def read_layers(settings: Mapping[str, Any], events: Events) -> Layers:
    """Return the layers that the settings of a task describe."""
    files = [LayerFile.from_settings(str(name), entry) for name, entry in settings.items()]
    return Layers(tuple(file.read(events) for file in files))
