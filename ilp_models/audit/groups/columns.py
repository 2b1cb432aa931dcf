"""A plain table with one row an area and one column a count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ilp_models.audit.groups.counts import Paths, joined, need_columns, numbers, only_prefixed, paths_of, read_text
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.audit.groups.dimension import Dimension, group_rows, used_columns
from ilp_models.domain.errors import InputError


@dataclass(frozen=True)
class CountColumns:
    """Counts of residents in columns, one row an area.

    Parameters
    ----------
    path : str or sequence of str
        CSV or Parquet file, or several of the same areas.
    area : str
        Column with the names of the areas.
    dimensions : mapping of str to Dimension
        What is made of the columns.
    crosswalk : Crosswalk, optional
        From the names of the file to those of the grid.
    only : sequence of str, optional
        How the names of the areas to keep start; by default all are kept.

    Raises
    ------
    InputError
        If there is no file at a path, or no dimension.
    """

    path: Paths
    area: str
    dimensions: Mapping[str, Dimension]
    crosswalk: Crosswalk = field(default_factory=Crosswalk)
    only: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse files that are not there, before anything long is begun."""
        paths_of(self.path)
        used_columns(self.dimensions)

    def groups(self) -> pd.DataFrame:
        """Return the residents of each area by group."""
        tables = []
        for path in paths_of(self.path):
            table = read_text(path)
            need_columns(table, [self.area], path)
            if (table[self.area] == "").any():
                msg = f"{path} has a row without a name in {self.area!r}; name every area."
                raise InputError(msg)
            tables.append(only_prefixed(table, table[self.area], self.only, path).set_index(self.area))
        where = f"The table of audit.groups.source.path={self.path}"
        counts = numbers(joined(tables, used_columns(self.dimensions), where), where)
        return group_rows(self.dimensions, self.crosswalk.carried(counts))
