"""Context layers: what stands where in a city, and since when that is known."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

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
    """Features of one kind: places, lines or grounds that are alike, such as bars, tram lines or parks.

    Nothing but geometry is held: a feature has no name and no other attribute.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores, such as ``bars``; columns and tables are named by it.
    geometry : ndarray of shapely geometry
        At least one: all points, all line strings or all polygons, single parts, metres in ``crs``. Those farther
        than ``REACH_M`` from the study area may be left out.
    crs : str
        Projected coordinate reference system of the geometry.
    known_from : Timestamp, optional
        The moment from which on the layer is known, wall clock; without it, it counts as known all along.
    note : str, optional
        Where it comes from and what was done to it, for the readers of reports.

    Raises
    ------
    InputError
        If the name is not usable, or the geometry is empty, mixed, invalid or without end.
    """

    name: str
    geometry: npt.NDArray[np.object_]
    crs: str
    known_from: pd.Timestamp | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse whatever distances and densities cannot be measured to."""
        if not _NAME.fullmatch(self.name):
            msg = f"A layer cannot be called {self.name!r}; use lower-case letters, digits and underscores."
            raise InputError(msg)
        if len(self.geometry) == 0:
            msg = f"Layer {self.name} has no feature; leave it out."
            raise InputError(msg)
        kinds = np.unique(shapely.get_type_id(self.geometry))
        if len(kinds) != 1 or int(kinds[0]) not in _KINDS:
            names = ", ".join(shapely.GeometryType(kind).name.lower() for kind in kinds if kind >= 0)
            msg = f"Layer {self.name} must be all points, all line strings or all polygons, not {names or 'nothing'}."
            raise InputError(msg)
        sound = np.isfinite(shapely.bounds(self.geometry)).all(axis=1) & shapely.is_valid(self.geometry)
        if not sound.all():
            msg = f"Layer {self.name}: the geometry of part {int(np.argmin(sound)) + 1} is empty, endless or invalid."
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
        """A SHA-256 of name, CRS, moment of knowing and geometry; the order of the features does not change it."""
        known = hashlib.sha256(f"{self.name}|{self.crs}|{self.known_from}".encode())
        for shape in sorted(shapely.to_wkb(self.geometry, output_dimension=2)):
            known.update(shape)
        return known.hexdigest()


@dataclass(frozen=True, eq=False)
class Layers:
    """The layers of a study, or those of them that are known at some moment.

    Parameters
    ----------
    known : tuple of Layer, optional
        Each name once.
    later : mapping of str to Timestamp, optional
        Names of the layers that are not known yet, and from when on they will be.

    Raises
    ------
    InputError
        If two layers have the same name.
    """

    known: tuple[Layer, ...] = ()
    later: Mapping[str, pd.Timestamp] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse two layers of one name."""
        names = [*(layer.name for layer in self.known), *self.later]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"Two layers are called {twice[0]}; give each its own name."
            raise InputError(msg)

    def known_at(self, cutoff: pd.Timestamp) -> Self:
        """Return the layers known at a cutoff.

        Parameters
        ----------
        cutoff : Timestamp
            The moment of the forecast, wall clock.

        Returns
        -------
        Layers
            Of those known later only the name is left.
        """
        hidden = {
            layer.name: layer.known_from
            for layer in self.known
            if layer.known_from is not None and layer.known_from > cutoff
        }
        if not hidden:
            return self
        kept = tuple(layer for layer in self.known if layer.name not in hidden)
        return type(self)(kept, {**self.later, **hidden})

    def select(self, names: Sequence[str] | None = None) -> tuple[Layer, ...]:
        """Return some layers, or all.

        Parameters
        ----------
        names : sequence of str, optional
            Names of the layers wanted; by default all of the study.

        Returns
        -------
        tuple of Layer
            At least one, in the order of their names, so that the order of settings decides nothing.

        Raises
        ------
        NotRunError
            If there is none, one of them is not known yet, or a name is not among them.
        """
        by_name = {layer.name: layer for layer in self.known}
        wanted = sorted(set(names) if names is not None else {*by_name, *self.later})
        if not wanted:
            msg = "There is no context layer; give one, such as layers.bars.path=bars.geojson, or leave the method out."
            raise NotRunError(msg)
        for name in wanted:
            if name in self.later:
                msg = (
                    f"Layer {name} is known from {self.later[name]:%Y-%m-%d} only, after the cutoff; forecast later, "
                    "leave the layer out, or drop its known_from if it stood there all along."
                )
                raise NotRunError(msg)
            if name not in by_name:
                msg = f"There is no layer {name}, only {', '.join(by_name) or 'none'}; give layers.{name}.path."
                raise NotRunError(msg)
        return tuple(by_name[name] for name in wanted)

    def digests(self) -> dict[str, str]:
        """Return the digest of each known layer.

        Returns
        -------
        dict of str to str
            By name.
        """
        return {layer.name: layer.digest for layer in sorted(self.known, key=lambda layer: layer.name)}
