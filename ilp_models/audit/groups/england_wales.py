"""England and Wales, Census 2021: bulk tables by lower layer super output area (LSOA)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pandas as pd

from ilp_models.audit.groups.count_columns import Dimension, group_rows, used_columns
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

_CODE: Final = "geography code"
_NAME: Final = "geography"
_LSOA: Final = r"[EW]01\d{6}"
_SUFFIX: Final = r"; measures: Value$"
_ETHNICITY: Final = "Ethnic group: "
_DEPRIVATION: Final = "Household deprivation: Household is "
DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "ethnicity": Dimension(
        {
            "Asian": f"{_ETHNICITY}Asian, Asian British or Asian Welsh",
            "Black": f"{_ETHNICITY}Black, Black British, Black Welsh, Caribbean or African",
            "mixed": f"{_ETHNICITY}Mixed or Multiple ethnic groups",
            "White": f"{_ETHNICITY}White",
            "another ethnic group": f"{_ETHNICITY}Other ethnic group",
        },
        residents=f"{_ETHNICITY}Total: All usual residents",
    ),
    "household deprivation": Dimension(
        {
            "not deprived": f"{_DEPRIVATION}not deprived in any dimension",
            "deprived in one dimension": f"{_DEPRIVATION}deprived in one dimension",
            "deprived in two or more dimensions": [
                f"{_DEPRIVATION}deprived in {count} dimensions" for count in ("two", "three", "four")
            ],
        },
        residents="Household deprivation: Total: All households",
    ),
}


@dataclass(frozen=True)
class CensusBulkTables:
    """Topic summaries in the bulk format of Nomis and the Office for National Statistics, such as TS021 and TS011.

    Areas have their LSOA code as name. Codes of 2011 and 2021 differ where areas were divided or merged: if the records
    carry codes of 2011, give a crosswalk with weights. The office perturbs counts by a few persons.

    Parameters
    ----------
    path : str or sequence of str
        Files by LSOA (``census2021-ts021-lsoa.csv``) with the columns geography, geography code and counts.
    dimensions : mapping of str to Dimension, optional
        Which columns make which group; without ``; measures: Value`` at the end of column names. Default: ethnicity
        (TS021) and household deprivation (TS011).
    crosswalk : Crosswalk, optional
        Converts codes of the file to codes of the grid. Default: no conversion.
    only : sequence of str, default ()
        Prefixes of LSOA names to keep, such as the local authority ``Leeds``. Default: all LSOAs.

    Raises
    ------
    InputError
        If a file does not exist or no dimension is given.
    """

    table_settings: ClassVar[Mapping[str, Any]] = {"residents": "residents", "unmatched": "refuse"}
    publisher: ClassVar[str] = "Office for National Statistics, Census 2021"

    path: Paths
    dimensions: Mapping[str, Dimension] = field(default_factory=lambda: DIMENSIONS)
    crosswalk: Crosswalk = field(default_factory=lambda: Crosswalk(published="LSOA21CD", grid="LSOA11CD"))
    only: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the files and dimensions before a long computation starts."""
        existing_paths(self.path)
        used_columns(self.dimensions)

    def groups(self) -> pd.DataFrame:
        """Return the residents, or households, of each LSOA by group."""
        tables = [self._read(path) for path in existing_paths(self.path)]
        where = f"The census table of audit.groups.source.path={self.path}"
        counts = parse_counts(join_tables(tables, used_columns(self.dimensions), where), where)
        return group_rows(self.dimensions, self.crosswalk.convert(counts))

    def _read(self, path: str) -> pd.DataFrame:
        table = read_text_table(path)
        check_columns(table, [_NAME, _CODE], path)
        invalid = ~table[_CODE].str.fullmatch(_LSOA)
        if invalid.any():
            msg = (
                f"{path}: {table.loc[invalid, _CODE].iloc[0]!r} in column {_CODE!r} is not an LSOA code. Use the file "
                "whose name ends with -lsoa.csv."
            )
            raise InputError(msg)
        table.columns = table.columns.str.replace(_SUFFIX, "", regex=True)
        return select_areas(table, table[_NAME], self.only, path).set_index(_CODE)
