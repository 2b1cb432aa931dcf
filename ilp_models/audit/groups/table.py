"""Who lives where: a table of residents by area and group, and its residents on the cells of a grid."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype

from ilp_models.audit.groups.areal_interpolation import (
    AreaCounts,
    ArealInterpolation,
    NamedPolygons,
    by_overlay,
    by_parent,
)
from ilp_models.audit.groups.counts import read_text
from ilp_models.audit.groups.matching import refuse_another_city, refuse_strange
from ilp_models.audit.groups.sampling_error import drawn_counts, redrawn
from ilp_models.audit.groups.validation import check_rows, check_shares, check_sums
from ilp_models.audit.residents import Residents
from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid, parent_labels

Floats = npt.NDArray[np.float64]

WAY_OUT: Final = (
    "Provide a CSV or Parquet file with the columns area, dimension, group, population - one row for each area and "
    "group, areas named as the grid's parent areas - and set audit.groups.path=FILE."
)
_CHOICES: Final = {"unmatched": ("count", "refuse"), "outside": ("missing", "spread")}


class GroupSource(Protocol):
    """A source of events, or a publisher's table, that knows the residents of its areas."""

    def groups(self) -> pd.DataFrame:
        """Return the residents of each area by group."""
        ...


class PolygonSource(Protocol):
    """A file of named polygons, or none."""

    def read(self, crs: str) -> NamedPolygons | None:
        """Return the polygons, None where no file is given."""
        ...

    def digest(self) -> str:
        """Return a SHA-256 of the file, empty where none is given."""
        ...


@dataclass(frozen=True)
class GroupTable:
    """A plain table of residents by area and group, one row for each area, dimension and group.

    Parameters
    ----------
    path : str, optional
        CSV or Parquet file. Without ``path`` and ``source`` there is no table, and the gate withholds.
    source : GroupSource, optional
        A source with a ``groups()`` table instead of a file: a publisher's own table, or the simulated city.
    area, dimension, group, population : str
        Column names. The population is a count of residents, >= 0.
    share : str, optional
        Column with the group's share of the residents, in place of a population; needs ``residents``.
    residents : str, optional
        Column with all residents of the area (the same in each of its rows). By default the sum over the groups.
    overlapping : sequence of str, optional
        Dimensions whose groups overlap; these need ``residents``. All others must sum to the residents.
    level : str, optional
        Level of parent areas of the grid that the table names; by default the first. A grid without parents is
        matched by the names of its cells.
    tolerance : float, default 0.01
        Largest relative difference of the groups' sum from the residents of an area (or 5 persons a group, as
        published counts are rounded), and of shares from 1.
    unmatched : str, default "count"
        Areas of the grid that the table does not hold are counted as missing (``count``) or refused with the nearest
        names (``refuse``).
    polygons : PolygonSource, optional
        Ground of the table's areas, where the grid's parent areas are others: residents come to cells by overlay.
    outside : str, default "missing"
        In an overlay, residents of ground without a cell are ``missing``, or ``spread`` over the area's cells.
    margin : str, optional
        Column with margins of error at 90 %, for draws of the table; of the shares where ``share`` is set.
    rounding : float, default 0
        Base that the office rounds counts to at random, >= 0, for draws of the table.

    Raises
    ------
    InputError
        If both a path and a source are given, there is no file at the path, or a setting names no rule.
    """

    path: str | None = None
    source: GroupSource | None = None
    area: str = "area"
    dimension: str = "dimension"
    group: str = "group"
    population: str = "population"
    share: str | None = None
    residents: str | None = None
    overlapping: Sequence[str] = ()
    level: str | None = None
    tolerance: float = 0.01
    unmatched: str = "count"
    polygons: PolygonSource | None = None
    outside: str = "missing"
    margin: str | None = None
    rounding: float = 0.0

    def __post_init__(self) -> None:
        """Refuse two tables, and settings that name no rule."""
        for setting, known in _CHOICES.items():
            if getattr(self, setting) not in known:
                msg = f"audit.groups.{setting}={getattr(self, setting)!r} is unknown; choose {' or '.join(known)}."
                raise InputError(msg)
        if self.share is not None and self.residents is None:
            msg = "Shares need the column with all residents of the area: audit.groups.residents=..."
            raise InputError(msg)
        if not self.rounding >= 0:
            msg = f"audit.groups.rounding={self.rounding!r} must be the base that counts are rounded to, 0 for none."
            raise InputError(msg)
        if self.path is not None and self.source is not None:
            msg = "audit.groups has both a path and a source; set one of them to null."
            raise InputError(msg)
        if self.path is not None and not Path(self.path).is_file():  # said now, not after hours of replay
            msg = f"audit.groups.path={self.path}: there is no such file. {WAY_OUT}"
            raise InputError(msg)

    def read(self) -> pd.DataFrame:
        """Return the validated table."""
        table = self._named(self._raw())
        check_rows(table)
        if self.share is not None:
            check_shares(table, self.overlapping, self.tolerance)
            table["population"] = table.pop("share") * table["residents"]
            if self.margin is not None:  # stated of the share, as the population was
                table["margin"] *= table["residents"]
        if "residents" not in table:
            if self.overlapping:
                name = self.overlapping[0]
                msg = f"Groups of {name!r} overlap, so name the column with all residents: audit.groups.residents=..."
                raise InputError(msg)
            table["residents"] = table.groupby(["dimension", "area"])["population"].transform("sum")
        check_sums(table, self.overlapping, self.tolerance)
        return table.sort_values(["dimension", "area", "group"], ignore_index=True)

    def on(self, grid: Grid) -> tuple[Residents, ...]:
        """Return the residents of each cell, dimension by dimension.

        The residents of an area are spread over its active cells in proportion to ground area, so that each cell
        has the shares of its area. With polygons they go to the cells that the area's ground lies in.
        """
        return tuple(spread.residents(counts) for counts, spread, _ in self._laid(grid))

    def drawn(self, grid: Grid, draws: int, seed: int = 0) -> Iterator[tuple[Residents, ...]]:
        """Yield the residents of each cell by tables that the published one may stand for."""
        laid = []
        for at, (counts, spread, margins) in enumerate(self._laid(grid)):
            drawn = drawn_counts(counts.by_group, draws, seed + at, margins, self.rounding)
            laid.append((counts, spread, spread.residents(counts), drawn))
        for draw in range(draws):
            yield tuple(
                spread.redrawn(
                    residents, redrawn(counts, drawn[draw], overlapping=counts.dimension in self.overlapping)
                )
                for counts, spread, residents, drawn in laid
            )

    def digest(self) -> str:
        """Return a SHA-256 of the validated table and of its polygons."""
        table = self.read().to_csv(index=False)
        return hashlib.sha256(f"{table}{self.polygons.digest() if self.polygons else ''}".encode()).hexdigest()

    def _laid(self, grid: Grid) -> list[tuple[AreaCounts, ArealInterpolation, Floats | None]]:
        """Return the counts of each dimension, how they are spread, and their margins of error."""
        table, laid = self.read(), []
        polygons = None if self.polygons is None else self.polygons.read(grid.crs)
        labels = pd.Index(grid.cells.astype(str) if grid.parents.empty else parent_labels(grid, self.level))
        if polygons is None:
            refuse_another_city(table["area"], labels)
        for name, rows in table.groupby("dimension", sort=True):
            counts = AreaCounts.from_rows(str(name), rows)
            if polygons is None:
                spread = by_parent(counts.areas, labels, grid.area_m2)
            else:
                spread = by_overlay(counts.areas, polygons, grid, spread_outside=self.outside == "spread")
            if self.unmatched == "refuse":
                refuse_strange(spread, str(name))
            margins = None if self.margin is None else rows.pivot_table("margin", "area", "group", dropna=False)
            laid.append((counts, spread, None if margins is None else margins.to_numpy()))
        return laid

    def _named(self, raw: pd.DataFrame) -> pd.DataFrame:
        wanted = ("area", "dimension", "group", *(["population"] if self.share is None else ["share"]))
        wanted += tuple(name for name in ("residents", "margin") if getattr(self, name) is not None)
        names = {getattr(self, name): name for name in wanted}
        missing = [name for name in names if name not in raw.columns]
        if missing:
            msg = f"The group table lacks the columns {missing}; it has {list(raw.columns)}. {WAY_OUT}"
            raise InputError(msg)
        table = raw[list(names)].rename(columns=names)
        for name in wanted[:3]:
            table[name] = table[name].astype(str).str.strip()
        for name in wanted[3:]:
            plain = table[name] if is_numeric_dtype(table[name]) else table[name].astype(str).str.replace(",", "")
            table[name] = pd.to_numeric(plain, errors="coerce").astype(float)
        return table

    def _raw(self) -> pd.DataFrame:
        if self.source is not None:
            if not hasattr(self.source, "groups"):
                msg = f"{type(self.source).__name__} knows no groups. {WAY_OUT}"
                raise InputError(msg)
            return self.source.groups()
        if self.path is None:
            msg = f"There is no group table, so exposure and coverage of groups cannot be audited. {WAY_OUT}"
            raise InputError(msg)
        try:
            return read_text(self.path)
        except InputError as error:
            msg = f"{error} {WAY_OUT}"
            raise InputError(msg) from error
