"""The group table: residents by area and group, and their distribution over the cells of a grid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype

from ilp_models.audit.groups.areal_interpolation import (
    AreaCounts,
    ArealInterpolation,
    NamedPolygons,
    interpolate_by_overlay,
    interpolate_by_parent,
)
from ilp_models.audit.groups.validation import (
    check_areas_known,
    check_areas_match,
    check_rows,
    check_shares,
    check_sums,
)
from ilp_models.audit.residents import Residents
from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.local_file import local_file
from ilp_models.domain.text_table import read_text_table

Floats = npt.NDArray[np.float64]

HOW_TO_PROVIDE: Final = (
    "Provide a CSV, spreadsheet or Parquet file with the columns area, dimension, group, population: one row per area "
    "and group, with the area names of the grid's parent areas. Then set audit.groups.path=FILE."
)
_CHOICES: Final = {"unmatched": ("count", "refuse"), "outside": ("missing", "spread")}


class GroupSource(Protocol):
    """A source of events or a census table that knows the residents of its areas."""

    def groups(self) -> pd.DataFrame:
        """Return the residents of each area by group."""
        ...


class PolygonSource(Protocol):
    """A file of named polygons, or none."""

    def read(self, crs: str) -> NamedPolygons | None:
        """Return the polygons; None if no file is given."""
        ...

    def digest(self) -> str:
        """Return the SHA-256 of the file; empty if no file is given."""
        ...


@dataclass(frozen=True)
class GroupTable:
    """A table of residents with one row per area, dimension and group.

    Parameters
    ----------
    path : str, optional
        CSV, spreadsheet or Parquet file. Without ``path`` and ``source`` there is no table, and the gate withholds the
        forecast.
    source : GroupSource, optional
        Instead of a file, an object with a ``groups()`` method: a census table or the simulated city.
    area, dimension, group, population : str
        Column names. The population is a count of residents >= 0.
    population_share : str, optional
        Column with the group's share of the residents (0 to 1), instead of a population. It needs ``residents``.
    residents : str, optional
        Column with all residents of the area, the same in each row of the area. Default: the sum of the groups.
    overlapping : sequence of str, default ()
        Dimensions whose groups overlap. They need ``residents``. Groups of other dimensions must sum to the residents.
    area_level : str, optional
        Level of parent areas of the grid that the table names. Default: the first level. A grid without parent areas
        is matched by the names of its cells.
    tolerance : float, default 0.01
        Largest relative difference between the sum of the groups and the residents of an area, and between a sum of
        shares and 1. A difference of 5 persons per group is always allowed, because published counts are rounded.
    unmatched : {"count", "refuse"}, default "count"
        Areas of the grid that are not in the table: count their residents as missing, or raise an error.
    polygons : PolygonSource, optional
        Polygons of the table's areas, if the grid has other parent areas: residents are distributed by overlay.
    outside : {"missing", "spread"}, default "missing"
        In an overlay, residents of ground without a cell are missing, or are spread over the cells of their area.
    margin : str, optional
        Column with 90 % margins of error, used to sample the table. With ``population_share``, margins of the shares.
    rounding : float, default 0
        Base to which the office rounds counts at random (5 in Canada), used to sample the table. 0: no rounding.
    sheet : str, optional
        Sheet of a spreadsheet; by default the only visible one that is not empty.

    Raises
    ------
    InputError
        If both a path and a source are given, the file does not exist, or a setting has an unknown value.

    Examples
    --------
    >>> GroupTable(population_share="share", residents="all").area
    'area'
    """

    path: str | None = None
    source: GroupSource | None = None
    area: str = "area"
    dimension: str = "dimension"
    group: str = "group"
    population: str = "population"
    population_share: str | None = None
    residents: str | None = None
    overlapping: Sequence[str] = ()
    area_level: str | None = None
    tolerance: float = 0.01
    unmatched: str = "count"
    polygons: PolygonSource | None = None
    outside: str = "missing"
    margin: str | None = None
    rounding: float = 0.0
    sheet: str | None = None

    @classmethod
    def from_source(cls, source: GroupSource, **settings: Any) -> Self:
        """Return the group table of a census source with the settings of the source, such as its rounding base."""
        return cls(source=source, **{**getattr(source, "table_settings", {}), **settings})

    def __post_init__(self) -> None:
        """Check the settings and the file before a long computation starts."""
        for setting, choices in _CHOICES.items():
            if getattr(self, setting) not in choices:
                msg = f"audit.groups.{setting}={getattr(self, setting)!r} is unknown. Choose {' or '.join(choices)}."
                raise InputError(msg)
        if self.population_share is not None and self.residents is None:
            msg = (
                f"audit.groups.population_share={self.population_share} needs the column with all residents of the "
                "area. Set audit.groups.residents=COLUMN."
            )
            raise InputError(msg)
        if not self.rounding >= 0:
            msg = (
                f"audit.groups.rounding={self.rounding!r} must be >= 0. Give the base to which the office rounds "
                "counts; 0 for none."
            )
            raise InputError(msg)
        if self.path is not None and self.source is not None:
            msg = "audit.groups has both a path and a source. Set one of them to null."
            raise InputError(msg)
        if self.path is not None:
            try:
                local_file(self.path, "audit.groups.path=")
            except InputError as error:
                msg = f"{error} {HOW_TO_PROVIDE}"
                raise InputError(msg) from error

    def read(self) -> pd.DataFrame:
        """Return the validated table."""
        table = self._rename_columns(self._read_raw())
        check_rows(table)
        if self.population_share is not None:
            check_shares(table, self.overlapping, self.tolerance)
            table["population"] = table.pop("share") * table["residents"]
            if self.margin is not None:  # margins of shares become margins of counts
                table["margin"] *= table["residents"]
        if "residents" not in table:
            if self.overlapping:
                name = self.overlapping[0]
                msg = (
                    f"Groups of {name!r} overlap (audit.groups.overlapping), so their sum is not all residents. Set "
                    "audit.groups.residents=COLUMN."
                )
                raise InputError(msg)
            table["residents"] = table.groupby(["dimension", "area"])["population"].transform("sum")
        check_sums(table, self.overlapping, self.tolerance)
        return table.sort_values(["dimension", "area", "group"], ignore_index=True)

    def to_cells(self, grid: Grid) -> tuple[Residents, ...]:
        """Return the residents of each cell, one :class:`Residents` per dimension.

        Residents of an area are distributed over its active cells in proportion to ground area, so that each cell has
        the shares of its area. With polygons, residents are distributed by overlay.
        """
        return tuple(interpolation.to_cells(counts) for counts, interpolation, _ in self._interpolations(grid))

    def sample(self, grid: Grid, draws: int, seed: int = 0) -> Iterator[tuple[Residents, ...]]:
        """Yield the residents of each cell for tables drawn from the sampling error of the published table."""
        samples = []
        for at, (counts, interpolation, margins) in enumerate(self._interpolations(grid)):
            overlapping = counts.dimension in self.overlapping
            sample = counts.sample(draws, seed + at, margins, self.rounding, overlapping=overlapping)
            samples.append((interpolation, interpolation.to_cells(counts), sample))
        for _ in range(draws):
            yield tuple(
                interpolation.replace_counts(residents, next(sample)) for interpolation, residents, sample in samples
            )

    def reading(self) -> dict[str, Any]:
        """Return the settings that decide how the counts of the table are read."""
        names = ("tolerance", "unmatched", "outside", "overlapping", "rounding", "residents", "population_share")
        polygons = {} if self.polygons is None else {"polygons": self.polygons.digest()}
        return {name: getattr(self, name) for name in (*names, "area_level")} | polygons

    def default_reading(self) -> dict[str, Any]:
        """Return the same with the defaults of the table's source, such as the rounding of a census office."""
        return GroupTable(**getattr(self.source, "table_settings", {})).reading() | (
            {} if self.polygons is None else {"polygons": ""}
        )

    def origin(self) -> str:
        """Return where the table comes from: file names, with the publisher or the kind of table; empty without one."""
        source = self.source
        given = self.path if source is None else getattr(source, "path", None)
        files = ", ".join(Path(str(one)).name for one in ([given] if isinstance(given, str | Path) else given or ()))
        publisher = "" if source is None else getattr(source, "publisher", type(source).__name__)
        return f"{publisher} ({files})" if publisher and files else publisher or files

    def digest(self) -> str:
        """Return the SHA-256 of the validated table and its polygons."""
        table = self.read().to_csv(index=False)
        return digest_of(table, self.polygons.digest() if self.polygons else "")

    def _interpolations(self, grid: Grid) -> list[tuple[AreaCounts, ArealInterpolation, Floats | None]]:
        """Return, for each dimension, the counts, their areal interpolation and their margins of error."""
        table, result = self.read(), []
        polygons = None if self.polygons is None else self.polygons.read(grid.crs)
        labels = pd.Index(grid.cells.astype(str) if grid.parents.empty else parent_labels(grid, self.area_level))
        if polygons is None:
            check_areas_match(table["area"], labels)
        for name, rows in table.groupby("dimension", sort=True):
            counts = AreaCounts.from_rows(str(name), rows)
            if polygons is None:
                interpolation = interpolate_by_parent(counts.areas, labels, grid.area_m2)
            else:
                interpolation = interpolate_by_overlay(
                    counts.areas, polygons, grid, spread_outside=self.outside == "spread"
                )
            if self.unmatched == "refuse":
                check_areas_known(interpolation.unknown_areas, counts.areas, str(name))
            margins = None if self.margin is None else rows.pivot_table("margin", "area", "group", dropna=False)
            result.append((counts, interpolation, None if margins is None else margins.to_numpy()))
        return result

    def _rename_columns(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Return the columns of the settings under their standard names, with numbers parsed."""
        names = {self.area: "area", self.dimension: "dimension", self.group: "group"}
        text = tuple(names.values())
        names |= {self.population: "population"} if self.population_share is None else {self.population_share: "share"}
        names |= {column: name for name in ("residents", "margin") if (column := getattr(self, name)) is not None}
        missing = [name for name in names if name not in raw.columns]
        if missing:
            msg = (
                f"The group table lacks the columns {missing} (columns: {list(raw.columns)}). Set the column names in "
                f"audit.groups. {HOW_TO_PROVIDE}"
            )
            raise InputError(msg)
        table = raw[list(names)].rename(columns=names)
        for name in text:
            table[name] = table[name].astype(str).str.strip()
        for name in table.columns.difference(list(text)):
            plain = table[name] if is_numeric_dtype(table[name]) else table[name].astype(str).str.replace(",", "")
            table[name] = pd.to_numeric(plain, errors="coerce").astype(float)
        return table

    def _read_raw(self) -> pd.DataFrame:
        if self.source is not None:
            if not hasattr(self.source, "groups"):
                msg = f"audit.groups.source={type(self.source).__name__} has no residents by group. {HOW_TO_PROVIDE}"
                raise InputError(msg)
            return self.source.groups()
        if self.path is None:
            msg = (
                "There is no group table, so exposure and coverage of groups are not available "
                f"(audit.groups.path=null). {HOW_TO_PROVIDE}"
            )
            raise InputError(msg)
        try:
            return read_text_table(self.path, self.sheet, "audit.groups.sheet")
        except InputError as error:
            msg = f"{error} {HOW_TO_PROVIDE}"
            raise InputError(msg) from error
