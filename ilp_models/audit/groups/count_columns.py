"""Groups of residents as sums of the count columns of a table. Settings define the groups, not the code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from ilp_models.audit.groups.counts import (
    Paths,
    check_columns,
    existing_paths,
    join_tables,
    parse_counts,
    select_areas,
)
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.domain.errors import InputError
from ilp_models.domain.text_table import read_text_table

Columns = str | Sequence[str]

_ROUNDING: Final = 5.0  # persons per column: census offices round small counts to 5
_TOLERANCE: Final = 0.01


@dataclass(frozen=True)
class Dimension:
    """The groups of one dimension. Each group is the sum of one or several columns.

    Parameters
    ----------
    groups : mapping of str to str or sequence of str
        For each group, by name, its column or columns.
    residents : str or sequence of str, optional
        Columns that sum to all residents (or households) of the area. Default: the sum of the groups.
    rest : str, optional
        Name of a further group: residents in none of the other groups. It needs ``residents``.

    Raises
    ------
    InputError
        If there is no group, or if ``rest`` is set without ``residents`` or has the name of a group.

    Examples
    --------
    >>> Dimension({"immigrants": "imm", "born here": ["born_city", "born_country"]}).columns
    ['imm', 'born_city', 'born_country']
    """

    groups: Mapping[str, Columns]
    residents: Columns | None = None
    rest: str | None = None

    def __post_init__(self) -> None:
        """Check that there is a group and that ``rest`` can be computed."""
        if not self.groups:
            msg = (
                "A dimension in audit.groups.source.dimensions has no group. Name its groups and columns, or remove it."
            )
            raise InputError(msg)
        if self.rest is not None and self.residents is None:
            msg = f"The group rest={self.rest!r} needs all residents of an area. Set `residents` of the dimension."
            raise InputError(msg)
        if self.rest in self.groups:
            msg = f"The group {self.rest!r} is in `groups` and is also `rest`. Remove one of the two."
            raise InputError(msg)

    @property
    def columns(self) -> list[str]:
        """The columns that the dimension uses, without duplicates."""
        lists = [*self.groups.values(), *([] if self.residents is None else [self.residents])]
        return list(dict.fromkeys(name for columns in lists for name in _as_list(columns)))

    def rows(self, counts: pd.DataFrame, margins: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return one row per area and group: area, group, population, residents and, with margins, margin."""
        wide = pd.DataFrame({name: counts[_as_list(columns)].sum(axis=1) for name, columns in self.groups.items()})
        total = wide.sum(axis=1) if self.residents is None else counts[_as_list(self.residents)].sum(axis=1)
        if self.rest is not None:
            wide[self.rest] = self._rest(wide, total)
        table = _to_long(wide, "population").assign(residents=np.tile(total.to_numpy(), wide.shape[1]))
        if margins is not None:
            table["margin"] = _to_long(self._margins(margins), "margin")["margin"]
        return table

    def _rest(self, wide: pd.DataFrame, total: pd.Series) -> pd.Series:
        left = total - wide.sum(axis=1)
        slack = np.maximum(_TOLERANCE * total, _ROUNDING * (wide.shape[1] + 1))
        if (left < -slack).any():
            area = left.index[left < -slack][0]
            msg = (
                f"Groups of area {area!r} sum to {wide.loc[area].sum():g} of {total[area]:g} residents, so the group "
                f"{self.rest!r} would be negative. Check the columns: they may overlap, or may not be counts."
            )
            raise InputError(msg)
        return left.clip(lower=0)

    def _margins(self, margins: pd.DataFrame) -> pd.DataFrame:
        squares = margins**2
        wide = pd.DataFrame({name: _strict_sum(squares, columns) for name, columns in self.groups.items()})
        if self.rest is not None and self.residents is not None:
            wide[self.rest] = wide.sum(axis=1, skipna=False) + _strict_sum(squares, self.residents)
        return wide**0.5


def group_rows(
    dimensions: Mapping[str, Dimension], counts: pd.DataFrame, margins: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the groups of all dimensions as one long table."""
    tables = [one.rows(counts, margins).assign(dimension=name) for name, one in dimensions.items()]
    return pd.concat(tables, ignore_index=True)


def used_columns(dimensions: Mapping[str, Dimension]) -> list[str]:
    """Return the columns that the dimensions use, without duplicates."""
    if not dimensions:
        msg = "audit.groups.source.dimensions is empty: no group is defined. Define at least one dimension."
        raise InputError(msg)
    return list(dict.fromkeys(name for one in dimensions.values() for name in one.columns))


@dataclass(frozen=True)
class CountColumns:
    """A table of any country with one row per area and one column per count of residents.

    Parameters
    ----------
    path : str or sequence of str
        CSV file, spreadsheet or Parquet file, or several files of the same areas.
    area : str
        Column with the names of the areas.
    dimensions : mapping of str to Dimension
        For each dimension, by name, which columns make which group.
    crosswalk : Crosswalk, optional
        Converts area names of the file to area names of the grid. Default: the names are the same.
    only : sequence of str, default ()
        Prefixes of area names to keep. Default: all areas.
    sheet : str, optional
        Sheet of spreadsheets; by default the only visible one that is not empty.

    Raises
    ------
    InputError
        If a file does not exist or no dimension is given.
    """

    table_settings: ClassVar[Mapping[str, Any]] = {"residents": "residents"}

    path: Paths
    area: str
    dimensions: Mapping[str, Dimension]
    crosswalk: Crosswalk = field(default_factory=Crosswalk)
    only: Sequence[str] = ()
    sheet: str | None = None

    def __post_init__(self) -> None:
        """Check the files and dimensions before a long computation starts."""
        existing_paths(self.path)
        used_columns(self.dimensions)

    def groups(self) -> pd.DataFrame:
        """Return the residents of each area by group."""
        tables = []
        for path in existing_paths(self.path):
            table = read_text_table(path, self.sheet, "audit.groups.source.sheet")
            check_columns(table, [self.area], path)
            if (table[self.area] == "").any():
                msg = f"{path} has a row without an area name in column {self.area!r}. Name every area."
                raise InputError(msg)
            tables.append(select_areas(table, table[self.area], self.only, path).set_index(self.area))
        where = f"The table of audit.groups.source.path={self.path}"
        counts = parse_counts(join_tables(tables, used_columns(self.dimensions), where), where)
        return group_rows(self.dimensions, self.crosswalk.convert(counts))


def _as_list(columns: Columns) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)


def _strict_sum(table: pd.DataFrame, columns: Columns) -> pd.Series:
    """Return the sum of columns by row; NaN if one of them is NaN."""
    return table[_as_list(columns)].sum(axis=1, skipna=False)


def _to_long(wide: pd.DataFrame, value: str) -> pd.DataFrame:
    return wide.rename_axis("area").reset_index().melt("area", var_name="group", value_name=value)
