"""United States: tables of the decennial census and the American Community Survey from data.census.gov."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
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

_CODE: Final = "GEO_ID"
_GEO: Final = r"(?P<level>\d{3})\w{4}US(?P<geoid>\d+)"
_LEVELS: Final = {"140": "tracts", "150": "block groups"}
_CONTROLLED: Final = ("*****", "-555555555", "-555555555.0")  # an estimate set to a known count: no sampling error
DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "race and Hispanic origin": Dimension(
        {
            "American Indian or Alaska Native": "B03002_005E",
            "Asian or Pacific Islander": ["B03002_006E", "B03002_007E"],
            "Black": "B03002_004E",
            "Hispanic or Latino": "B03002_012E",
            "White": "B03002_003E",
            "several or another race": ["B03002_008E", "B03002_009E"],
        },
        residents="B03002_001E",
    ),
    "poverty": Dimension(
        {"below the poverty line": "B17001_002E"}, residents="B17001_001E", rest="above the poverty line"
    ),
}


@dataclass(frozen=True)
class CensusDownloads:
    """Tables of tracts or block groups with a row of codes and a row of labels at the top.

    Areas have their GEOID as name, such as ``41051000100``. Columns that end with E are estimates. Columns that end
    with M are their 90 % margins of error; they are read if every estimate has one.

    Parameters
    ----------
    path : str or sequence of str
        Data files (``ACSDT5Y2022.B03002-Data.csv``) with the columns GEO_ID, NAME and codes; several files of the same
        areas.
    dimensions : mapping of str to Dimension, optional
        Which columns make which group, by their codes (``B03002_003E``). Default: race and Hispanic origin (B03002),
        and poverty (B17001).
    crosswalk : Crosswalk, optional
        Converts GEOIDs to names of the grid. Default: no conversion.
    only : sequence of str, default ()
        Prefixes of GEOIDs to keep, such as the county ``41051``. Default: all areas.

    Raises
    ------
    InputError
        If a file does not exist or no dimension is given.
    """

    table_settings: ClassVar[Mapping[str, Any]] = {"residents": "residents", "unmatched": "refuse"}
    publisher: ClassVar[str] = "U.S. Census Bureau"

    path: Paths
    dimensions: Mapping[str, Dimension] = field(default_factory=lambda: DIMENSIONS)
    crosswalk: Crosswalk = field(default_factory=lambda: Crosswalk(published="geoid", grid="area"))
    only: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the files and dimensions before a long computation starts."""
        existing_paths(self.path)
        used_columns(self.dimensions)

    def groups(self) -> pd.DataFrame:
        """Return the residents of each tract or block group by group."""
        tables = [self._read(path) for path in existing_paths(self.path)]
        where, wanted = f"The census table of audit.groups.source.path={self.path}", used_columns(self.dimensions)
        counts = parse_counts(join_tables(tables, wanted, where), where)
        margins = self._margins(tables, wanted)
        if margins is not None:
            margins = self.crosswalk.convert(margins, squared=True)
        return group_rows(self.dimensions, self.crosswalk.convert(counts), margins)

    def _read(self, path: str) -> pd.DataFrame:
        table = read_text_table(path)
        check_columns(table, [_CODE], path)
        if len(table) and not table[_CODE].iloc[0][:1].isdigit():  # the second row repeats the names as labels
            table = table.iloc[1:]
        found = table[_CODE].str.extract(f"^{_GEO}$")
        if table.empty or found["geoid"].isna().any():
            code = table.loc[found["geoid"].isna(), _CODE].iloc[0] if len(table) else ""
            msg = (
                f"{path}: {code!r} in column {_CODE} is not a GEO_ID such as 1400000US41051000100. Give the data file "
                "of a download (its name ends with -Data.csv)."
            )
            raise InputError(msg)
        levels = sorted(set(found["level"]))
        if len(levels) > 1 or levels[0] not in _LEVELS:
            kinds = " or ".join(f"{name} ({level})" for level, name in _LEVELS.items())
            msg = f"{path} has areas of the summary levels {', '.join(levels)}. Download only {kinds}."
            raise InputError(msg)
        table = table.assign(**{_CODE: found["geoid"]})
        return select_areas(table, table[_CODE], self.only, path).set_index(_CODE)

    @staticmethod
    def _margins(tables: Sequence[pd.DataFrame], wanted: Sequence[str]) -> pd.DataFrame | None:
        """Return the margins of error under the names of their estimates; None if an estimate has no margin."""
        available = {name for table in tables for name in table.columns}
        names = {f"{name[:-1]}M": name for name in wanted if name.endswith("E")}
        if len(names) < len(wanted) or not available.issuperset(names):
            return None
        text = join_tables(tables, list(names), "The margins of error").rename(columns=names)
        controlled = text.isin(_CONTROLLED)
        values = text.apply(lambda column: pd.to_numeric(column.str.replace(",", ""), errors="coerce"))
        values = values.mask(controlled, 0.0)
        return pd.DataFrame(values.where(values >= 0, np.nan).astype(float))
