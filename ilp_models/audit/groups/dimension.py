"""Groups as sums of a publisher's columns: which columns make which group is said in settings, never in code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import InputError

Columns = str | Sequence[str]

_ROUNDING: Final = 5.0  # persons a column: census offices publish small counts rounded to 5
_TOLERANCE: Final = 0.01


@dataclass(frozen=True)
class Dimension:
    """The groups of one dimension, each the sum of one or several columns.

    Parameters
    ----------
    groups : mapping of str to str or sequence of str
        Columns of each group, by its name.
    residents : str or sequence of str, optional
        Columns that sum to all residents (or households) of the area; by default the sum of the groups.
    rest : str, optional
        Name of the group of all who are in none of the others; needs ``residents``.

    Raises
    ------
    InputError
        If there is no group, or a rest of nothing.
    """

    groups: Mapping[str, Columns]
    residents: Columns | None = None
    rest: str | None = None

    def __post_init__(self) -> None:
        """Refuse a dimension without groups, and a rest of nothing."""
        if not self.groups:
            msg = "A dimension has no group; name groups and their columns, or take the dimension out."
            raise InputError(msg)
        if self.rest is not None and self.residents is None:
            msg = f"The group {self.rest!r} is the rest of nothing; name the columns with all residents."
            raise InputError(msg)
        if self.rest in self.groups:
            msg = f"The group {self.rest!r} is both given by columns and the rest; choose one."
            raise InputError(msg)

    @property
    def columns(self) -> list[str]:
        """All columns that the dimension is made of, each once."""
        lists = [*self.groups.values(), *([] if self.residents is None else [self.residents])]
        return list(dict.fromkeys(name for one in lists for name in _listed(one)))

    def rows(self, counts: pd.DataFrame, margins: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the groups of each area."""
        wide = pd.DataFrame({name: counts[_listed(columns)].sum(axis=1) for name, columns in self.groups.items()})
        total = wide.sum(axis=1) if self.residents is None else counts[_listed(self.residents)].sum(axis=1)
        if self.rest is not None:
            wide[self.rest] = self._rest(wide, total)
        table = _long(wide, "population").assign(residents=np.tile(total.to_numpy(), wide.shape[1]))
        if margins is not None:
            table["margin"] = _long(self._margins(margins), "margin")["margin"]
        return table

    def _rest(self, wide: pd.DataFrame, total: pd.Series) -> pd.Series:
        left = total - wide.sum(axis=1)
        slack = np.maximum(_TOLERANCE * total, _ROUNDING * (wide.shape[1] + 1))
        if (left < -slack).any():
            area = left.index[left < -slack][0]
            msg = (
                f"Groups of area {area!r} sum to {wide.loc[area].sum():g} of {total[area]:g} residents, so nobody is "
                f"left for {self.rest!r}; check the columns, which may overlap or hold no counts."
            )
            raise InputError(msg)
        return left.clip(lower=0)

    def _margins(self, margins: pd.DataFrame) -> pd.DataFrame:
        squares = margins**2
        wide = pd.DataFrame({name: _sum_all(squares, columns) for name, columns in self.groups.items()})
        if self.rest is not None and self.residents is not None:
            wide[self.rest] = wide.sum(axis=1, skipna=False) + _sum_all(squares, self.residents)
        return wide**0.5


def group_rows(
    dimensions: Mapping[str, Dimension], counts: pd.DataFrame, margins: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the groups of all dimensions as one plain table."""
    made = [one.rows(counts, margins).assign(dimension=name) for name, one in dimensions.items()]
    return pd.concat(made, ignore_index=True)


def used_columns(dimensions: Mapping[str, Dimension]) -> list[str]:
    """Return the columns that the dimensions are made of, each once."""
    if not dimensions:
        msg = "No dimension is made of the publisher's table; declare some in audit.groups.source.dimensions."
        raise InputError(msg)
    return list(dict.fromkeys(name for one in dimensions.values() for name in one.columns))


def _listed(columns: Columns) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)


def _sum_all(table: pd.DataFrame, columns: Columns) -> pd.Series:
    return table[_listed(columns)].sum(axis=1, skipna=False)


def _long(wide: pd.DataFrame, value: str) -> pd.DataFrame:
    return wide.rename_axis("area").reset_index().melt("area", var_name="group", value_name=value)
