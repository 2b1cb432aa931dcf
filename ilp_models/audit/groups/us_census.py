"""United States: tables of the decennial census and the American Community Survey as data.census.gov gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.audit.groups.counts import Paths, joined, need_columns, numbers, only_prefixed, paths_of, read_text
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.audit.groups.dimension import Dimension, group_rows, used_columns
from ilp_models.domain.errors import InputError

_CODE: Final = "GEO_ID"
_GEO: Final = r"(?P<level>\d{3})\w{4}US(?P<geoid>\d+)"
_LEVELS: Final = {"140": "tracts", "150": "block groups"}
_CONTROLLED: Final = ("*****", "-555555555", "-555555555.0")  # an estimate held to a known count: no error of sampling


@dataclass(frozen=True)
class CensusDownloads:
    """Tables of tracts or block groups with a row of codes and a row of labels at their head.

    Areas are named by their GEOID, such as ``41051000100``. Columns ending with E hold estimates and those ending
    with M their margins of error at 90 %, which come along where every estimate has one.

    Parameters
    ----------
    path : str or sequence of str
        Data files (``ACSDT5Y2022.B03002-Data.csv``) with the columns GEO_ID, NAME and codes; several of the same areas.
    dimensions : mapping of str to Dimension
        What is made of the columns, by their codes (``B03002_003E``).
    crosswalk : Crosswalk, optional
        From GEOIDs to the names of the grid.
    only : sequence of str, optional
        How the GEOIDs to keep start, mostly with the county (``41051``); by default all.

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
        """Return the residents of each tract or block group by group."""
        tables = [self._read(path) for path in paths_of(self.path)]
        where, wanted = f"The census table of audit.groups.source.path={self.path}", used_columns(self.dimensions)
        counts = numbers(joined(tables, wanted, where), where)
        margins = self._margins(tables, wanted)
        if margins is not None:
            margins = self.crosswalk.carried(margins, squared=True)
        return group_rows(self.dimensions, self.crosswalk.carried(counts), margins)

    def _read(self, path: str) -> pd.DataFrame:
        table = read_text(path)
        need_columns(table, [_CODE], path)
        if len(table) and not table[_CODE].iloc[0][:1].isdigit():  # the second row repeats the names in words
            table = table.iloc[1:]
        found = table[_CODE].str.extract(f"^{_GEO}$")
        if table.empty or found["geoid"].isna().any():
            code = table.loc[found["geoid"].isna(), _CODE].iloc[0] if len(table) else ""
            msg = f"{path}: {code!r} is no GEO_ID such as 1400000US41051000100; give the data file of a download."
            raise InputError(msg)
        levels = sorted(set(found["level"]))
        if len(levels) > 1 or levels[0] not in _LEVELS:
            kinds = " or ".join(f"{name} ({level})" for level, name in _LEVELS.items())
            msg = f"{path} holds areas of the levels {', '.join(levels)}; download either {kinds}, nothing else."
            raise InputError(msg)
        table = table.assign(**{_CODE: found["geoid"]})
        return only_prefixed(table, table[_CODE], self.only, path).set_index(_CODE)

    @staticmethod
    def _margins(tables: Sequence[pd.DataFrame], wanted: Sequence[str]) -> pd.DataFrame | None:
        """Return margins of error under the names of their estimates, None where an estimate has none."""
        known = {name for table in tables for name in table.columns}
        names = {f"{name[:-1]}M": name for name in wanted if name.endswith("E")}
        if len(names) < len(wanted) or not known.issuperset(names):
            return None
        text = joined(tables, list(names), "The margins of error").rename(columns=names)
        free = text.isin(_CONTROLLED)
        values = text.apply(lambda column: pd.to_numeric(column.str.replace(",", ""), errors="coerce")).mask(free, 0.0)
        return pd.DataFrame(values.where(values >= 0, np.nan).astype(float))
