"""England and Wales, Census 2021: bulk tables by lower layer super output area (LSOA)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from ilp_models.audit.groups.counts import Paths, joined, need_columns, numbers, only_prefixed, paths_of, read_text
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.audit.groups.dimension import Dimension, group_rows, used_columns
from ilp_models.domain.errors import InputError

_CODE: Final = "geography code"
_NAME: Final = "geography"
_LSOA: Final = r"[EW]01\d{6}"
_SUFFIX: Final = r"; measures: Value$"


@dataclass(frozen=True)
class CensusBulkTables:
    """Topic summaries as Nomis and the Office for National Statistics publish them in bulk, such as TS021 and TS011.

    Areas are named by their LSOA code. The codes of 2011 and 2021 differ where areas were divided or merged: give a
    crosswalk with weights where the records carry the others. Counts are perturbed by the office, by a few persons.

    Parameters
    ----------
    path : str or sequence of str
        Files of LSOAs (``census2021-ts021-lsoa.csv``), with the columns geography, geography code and counts.
    dimensions : mapping of str to Dimension
        What is made of the columns; ``; measures: Value`` at their ends is left out.
    crosswalk : Crosswalk, optional
        From the codes of the file to those of the grid.
    only : sequence of str, optional
        How the names of the LSOAs to keep start, mostly with the local authority (``Leeds``); by default all.

    Raises
    ------
    InputError
        If there is no file at a path, or no dimension.
    """

    path: Paths
    dimensions: Mapping[str, Dimension]
    crosswalk: Crosswalk = field(default_factory=Crosswalk)
    only: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse files that are not there, before anything long is begun."""
        paths_of(self.path)
        used_columns(self.dimensions)

    def groups(self) -> pd.DataFrame:
        """Return the residents, or households, of each LSOA by group."""
        tables = [self._read(path) for path in paths_of(self.path)]
        where = f"The census table of audit.groups.source.path={self.path}"
        counts = numbers(joined(tables, used_columns(self.dimensions), where), where)
        return group_rows(self.dimensions, self.crosswalk.carried(counts))

    def _read(self, path: str) -> pd.DataFrame:
        table = read_text(path)
        need_columns(table, [_NAME, _CODE], path)
        strange = ~table[_CODE].str.fullmatch(_LSOA)
        if strange.any():
            msg = (
                f"{path}: {table.loc[strange, _CODE].iloc[0]!r} is no code of an LSOA; take the file whose name ends "
                "with -lsoa.csv."
            )
            raise InputError(msg)
        table.columns = table.columns.str.replace(_SUFFIX, "", regex=True)
        return only_prefixed(table, table[_NAME], self.only, path).set_index(_CODE)
