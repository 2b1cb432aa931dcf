"""Who lives where: a table of residents by area and group, and its residents on the cells of a grid."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.residents import Residents
from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid, parent_labels

Floats = npt.NDArray[np.float64]

WAY_OUT: Final = (
    "Provide a CSV or Parquet file with the columns area, dimension, group, population - one row for each area and "
    "group, areas named as the grid's parent areas - and set audit.groups.path=FILE."
)
_ROUNDING: Final = 5.0  # persons a group: census offices publish small counts rounded to 5


class GroupSource(Protocol):
    """A source of events that also knows the residents of its areas."""

    def groups(self) -> pd.DataFrame:
        """Return the residents of each area by group.

        Returns
        -------
        DataFrame
            One row an area, dimension and group.
        """
        ...


@dataclass(frozen=True)
class GroupTable:
    """A plain table of residents by area and group, one row for each area, dimension and group.

    Parameters
    ----------
    path : str, optional
        CSV or Parquet file. Without ``path`` and ``source`` there is no table, and the gate withholds.
    source : GroupSource, optional
        A source with a ``groups()`` table instead of a file, such as the simulated city.
    area, dimension, group, population : str
        Column names. The population is a count of residents, >= 0.
    residents : str, optional
        Column with all residents of the area (the same in each of its rows). By default the sum over the groups.
    overlapping : sequence of str, optional
        Dimensions whose groups overlap; these need ``residents``. All others must sum to the residents.
    level : str, optional
        Level of parent areas of the grid that the table names; by default the first. A grid without parents is
        matched by the names of its cells.
    tolerance : float, default 0.01
        Largest relative difference of the groups' sum from the residents of an area (or 5 persons a group, as
        published counts are rounded).

    Raises
    ------
    InputError
        If both a path and a source are given, or there is no file at the path.
    """

    path: str | None = None
    source: GroupSource | None = None
    area: str = "area"
    dimension: str = "dimension"
    group: str = "group"
    population: str = "population"
    residents: str | None = None
    overlapping: Sequence[str] = ()
    level: str | None = None
    tolerance: float = 0.01

    def __post_init__(self) -> None:
        """Refuse two tables."""
        if self.path is not None and self.source is not None:
            msg = "audit.groups has both a path and a source; set one of them to null."
            raise InputError(msg)
        if self.path is not None and not Path(self.path).is_file():  # said now, not after hours of replay
            msg = f"audit.groups.path={self.path}: there is no such file. {WAY_OUT}"
            raise InputError(msg)

    def read(self) -> pd.DataFrame:
        """Return the validated table.

        Returns
        -------
        DataFrame
            Columns area, dimension, group (text), population, residents (persons).

        Raises
        ------
        InputError
            If there is no table, it cannot be read, a row is missing, nameless, repeated or negative, or groups do not
            sum.
        """
        raw = self._raw()
        names = {getattr(self, name): name for name in ("area", "dimension", "group", "population")}
        if self.residents is not None:
            names[self.residents] = "residents"
        missing = [name for name in names if name not in raw.columns]
        if missing:
            msg = f"The group table lacks the columns {missing}; it has {list(raw.columns)}. {WAY_OUT}"
            raise InputError(msg)
        table = raw[list(names)].rename(columns=names)
        for name in ("area", "dimension", "group"):
            table[name] = table[name].astype(str).str.strip()
        for name in table.columns.intersection(["population", "residents"]):
            table[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
        self._check_rows(table)
        if "residents" not in table:
            table["residents"] = table.groupby(["dimension", "area"])["population"].transform("sum")
        self._check_sums(table)
        return table.sort_values(["dimension", "area", "group"], ignore_index=True)

    def on(self, grid: Grid) -> tuple[Residents, ...]:
        """Return the residents of each cell, dimension by dimension.

        The residents of an area are spread over its active cells in proportion to ground area, so that each cell
        has the shares of its area.

        Parameters
        ----------
        grid : Grid
            Cells with parent areas.

        Returns
        -------
        tuple of Residents
            One for each dimension of the table.

        Raises
        ------
        InputError
            As :meth:`read`, and if no area of the table is an area of the grid.
        """
        table = self.read()
        labels = pd.Index(grid.cells.astype(str) if grid.parents.empty else parent_labels(grid, self.level))
        if not labels.isin(table["area"]).any():
            msg = (
                f"No area of the group table is an area of the grid: the table has {table['area'].iloc[0]!r}, the grid "
                f"{str(labels[0])!r}. Give this city's table, with areas named alike, or set audit.groups.level."
            )
            raise InputError(msg)
        return tuple(
            _spread(str(name), rows, labels, grid.area_m2) for name, rows in table.groupby("dimension", sort=True)
        )

    def digest(self) -> str:
        """Return a SHA-256 of the validated table.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return hashlib.sha256(self.read().to_csv(index=False).encode()).hexdigest()

    def _raw(self) -> pd.DataFrame:
        if self.source is not None:
            if not hasattr(self.source, "groups"):
                msg = f"{type(self.source).__name__} knows no groups. {WAY_OUT}"
                raise InputError(msg)
            return self.source.groups()
        if self.path is None:
            msg = f"There is no group table, so exposure and coverage of groups cannot be audited. {WAY_OUT}"
            raise InputError(msg)
        path = Path(self.path)
        try:
            return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=False)
        except (OSError, ValueError) as error:
            msg = f"The group table {path} cannot be read ({error}). {WAY_OUT}"
            raise InputError(msg) from error

    def _check_rows(self, table: pd.DataFrame) -> None:
        numbers = table[table.columns.intersection(["population", "residents"])]
        bad = ~(numbers.ge(0) & numbers.lt(np.inf)).all(axis=1)
        if table.empty or bad.any():
            where = "no row at all" if table.empty else f"a bad population at {_row(table, bad)}"
            msg = f"The group table has {where}; give a count >= 0 of residents in each row."
            raise InputError(msg)
        names = table[["area", "dimension", "group"]]
        blank = (names.isna() | names.isin(["", "nan"])).any(axis=1)
        if blank.any():
            msg = f"The group table has a row without a name, at {_row(table, blank)}; name area, dimension and group."
            raise InputError(msg)
        twice = table.duplicated(["area", "dimension", "group"])
        if twice.any():
            msg = f"The group table repeats {_row(table, twice)}; keep one row for each area and group."
            raise InputError(msg)
        for name, rows in table.groupby("dimension"):
            counts = rows.groupby("area")["group"].size()
            if counts.min() != counts.max():
                msg = (
                    f"Area {counts.idxmin()!r} lacks a group of dimension {name!r}; write a row with population 0 "
                    "where nobody of a group lives."
                )
                raise InputError(msg)

    def _check_sums(self, table: pd.DataFrame) -> None:
        unstated = [name for name in self.overlapping if self.residents is None]
        if unstated:
            msg = (
                f"Groups of {unstated[0]!r} overlap, so name the column with all residents: audit.groups.residents=..."
            )
            raise InputError(msg)
        exclusive = table[~table["dimension"].isin(list(self.overlapping))]
        areas = exclusive.groupby(["dimension", "area"]).agg(
            total=("population", "sum"), groups=("group", "size"), low=("residents", "min"), high=("residents", "max")
        )
        slack = np.maximum(self.tolerance * areas["high"], _ROUNDING * areas["groups"])
        bad = (np.abs(areas["total"] - areas["high"]) > slack) | (areas["low"] != areas["high"])
        if bad.any():
            dimension, area = areas.index[bad][0]
            row = areas[bad].iloc[0]
            msg = (
                f"Groups of {dimension!r} in area {area!r} sum to {row['total']:g} of {row['high']:g} residents; mend "
                "the counts, add the group that is left out, or declare the dimension in audit.groups.overlapping."
            )
            raise InputError(msg)
        people = table.groupby(["dimension", "group"])["population"].sum()
        if (people == 0).any():
            msg = f"Nobody belongs to group {people.index[people == 0][0]}; leave the group out."
            raise InputError(msg)


def _spread(dimension: str, rows: pd.DataFrame, labels: pd.Index, area_m2: Floats) -> Residents:
    """Spread the residents of areas over their cells by ground area."""
    wide = rows.pivot_table(index="area", columns="group", values="population", sort=True)
    total = rows.groupby("area")["residents"].max().reindex(wide.index).to_numpy()
    by_area = wide.to_numpy()
    place = wide.index.get_indexer(labels)
    known = place >= 0
    land = np.bincount(place[known], weights=area_m2[known], minlength=len(wide))
    part = np.zeros(len(labels))
    part[known] = area_m2[known] / land[place[known]]
    settled = total[land > 0].sum()
    unplaced = total[land == 0].sum()
    unnamed = settled / land.sum() * area_m2[~known].sum() if land.sum() else 0.0
    everyone = settled + unplaced + unnamed
    return Residents(
        dimension=dimension,
        groups=tuple(map(str, wide.columns)),
        by_group=np.where(known[:, None], by_area[place] * part[:, None], 0.0),
        total=np.where(known, total[place] * part, 0.0),
        by_area=by_area[land > 0],
        missing=float((unplaced + unnamed) / everyone) if everyone else np.nan,
    )


def _row(table: pd.DataFrame, bad: pd.Series) -> str:
    first = table.loc[bad, ["area", "dimension", "group"]].iloc[0]
    return " / ".join(map(str, first))
