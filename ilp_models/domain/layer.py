"""Context layers: points, lines or polygons such as bars, tram lines and parks, and from when they are known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError, NotRunError

REACH_M: Final = 20_000.0

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_KINDS: Final = {
    shapely.GeometryType.POINT: "points",
    shapely.GeometryType.LINESTRING: "lines",
    shapely.GeometryType.POLYGON: "polygons",
}


@dataclass(frozen=True, eq=False)
class Layer:
    """Features of one kind, such as bars, tram lines or parks: geometry, and names of places for readers.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores, such as ``bars``. It names columns and tables.
    geometry : ndarray of shapely geometry
        At least one: all points, all line strings or all polygons, single parts, metres in ``crs``. Features farther
        than ``REACH_M`` from the study area may be missing.
    crs : str
        Projected coordinate reference system of the geometry.
    known_from : Timestamp, optional
        Wall-clock time from which the layer is known. Without it the layer counts as known at all times.
    note : str, optional
        Source and processing of the layer, for reports.
    names : ndarray of str, optional
        Name of the place of each feature, such as a street; empty text for none. Names appear on pages only: they are
        in no feature and change no digest.

    Raises
    ------
    InputError
        If the name is not usable, or the geometry is empty, mixed, invalid or infinite.
    """

    name: str
    geometry: npt.NDArray[np.object_]
    crs: str
    known_from: pd.Timestamp | None = None
    note: str = ""
    names: npt.NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        """Refuse geometry to which no distance can be measured."""
        if not _NAME.fullmatch(self.name):
            msg = f"The layer name {self.name!r} is not usable; use lower-case letters, digits and underscores."
            raise InputError(msg)
        if len(self.geometry) == 0:
            msg = f"Layer {self.name} has no feature; remove layers.{self.name} or export the file again."
            raise InputError(msg)
        if self.names is not None and len(self.names) != len(self.geometry):
            msg = f"Layer {self.name} has {len(self.names)} names for {len(self.geometry)} features; give one for each."
            raise InputError(msg)
        kinds = np.unique(shapely.get_type_id(self.geometry))
        if len(kinds) != 1 or int(kinds[0]) not in _KINDS:
            names = ", ".join(shapely.GeometryType(kind).name.lower() for kind in kinds if kind >= 0)
            msg = f"Layer {self.name} must be all points, all line strings or all polygons, not {names or 'nothing'}."
            raise InputError(msg)
        sound = np.isfinite(shapely.bounds(self.geometry)).all(axis=1) & shapely.is_valid(self.geometry)
        if not sound.all():
            number = int(np.argmin(sound)) + 1
            msg = f"Layer {self.name}: the geometry of part {number} is empty, infinite or invalid; repair the file."
            raise InputError(msg)

    def __len__(self) -> int:
        """Return the number of features."""
        return len(self.geometry)

    @property
    def kind(self) -> str:
        """``points``, ``lines`` or ``polygons``."""
        return _KINDS[int(shapely.get_type_id(self.geometry[0]))]

    @cached_property
    def digest(self) -> str:
        """A SHA-256 of name, CRS, ``known_from`` and geometry; the order of the features does not change it."""
        shapes = sorted(shapely.to_wkb(self.geometry, output_dimension=2))
        return digest_of(self.name, self.crs, str(self.known_from), shapes)


@dataclass(frozen=True, eq=False)
class Layers:
    """The context layers of a study, or those known at a cutoff."""

    known: tuple[Layer, ...] = ()
    known_later: Mapping[str, pd.Timestamp] = field(default_factory=dict)  # names of unknown layers, and from when

    def __post_init__(self) -> None:
        """Refuse two layers of one name."""
        names = [*(layer.name for layer in self.known), *self.known_later]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            msg = f"Two layers have the name {repeated[0]}; give each layer its own name."
            raise InputError(msg)

    def known_at(self, cutoff: pd.Timestamp) -> Self:
        """Return the layers known at a cutoff; of later layers only the names remain."""
        hidden = {
            layer.name: layer.known_from
            for layer in self.known
            if layer.known_from is not None and layer.known_from > cutoff
        }
        if not hidden:
            return self
        known = tuple(layer for layer in self.known if layer.name not in hidden)
        return type(self)(known, {**self.known_later, **hidden})

    def select(self, names: Sequence[str] | None = None) -> tuple[Layer, ...]:
        """Return the named layers (by default all), sorted by name; raise `NotRunError` if one is not available."""
        by_name = {layer.name: layer for layer in self.known}
        wanted = sorted(set(names) if names is not None else {*by_name, *self.known_later})
        if not wanted:
            msg = "There is no context layer; set one, such as layers.bars.path=bars.geojson, or remove the model."
            raise NotRunError(msg)
        for name in wanted:
            if name in self.known_later:
                msg = (
                    f"Layer {name} is known from {self.known_later[name]:%Y-%m-%d} only, after the cutoff. Use a later "
                    f"cutoff, remove the layer, or remove layers.{name}.known_from if the features existed before."
                )
                raise NotRunError(msg)
            if name not in by_name:
                msg = f"There is no layer {name}, only {', '.join(by_name) or 'none'}; set layers.{name}.path."
                raise NotRunError(msg)
        return tuple(by_name[name] for name in wanted)

    def digests(self) -> dict[str, str]:
        """Return the digest of each known layer by name."""
        return {layer.name: layer.digest for layer in sorted(self.known, key=lambda layer: layer.name)}
