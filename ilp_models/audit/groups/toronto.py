"""City of Toronto, Neighbourhood Profiles: one column a neighbourhood, one row a characteristic."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.audit.groups.counts import need_columns, numbers, paths_of, read_text
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.audit.groups.dimension import Dimension, group_rows, used_columns
from ilp_models.domain.errors import InputError

_CITY: Final = "City of Toronto"
_LABELS: Final = ("Topic", "Characteristic")
_ROUNDED: Final = 5.0  # persons, at random, each count
_LOST: Final = 0.001  # of the city; the smallest neighbourhood holds more
_NO_COUNT: Final = re.compile(r"\b(average|median|rate|ratio|prevalence|density|change|percent\w*)\b|%|\$", re.I)
_UNIVERSE: Final = re.compile(r"\d+% (sample )?data")  # how many were asked, as the rows of totals say


@dataclass(frozen=True)
class NeighbourhoodProfiles:
    """The file that the City publishes, in its own layout (2016, 140 neighbourhoods).

    A row is named by its topic and its characteristic, ``Topic: Characteristic``. Averages, medians and rates are
    refused: those of neighbourhoods are blank or, as the average after-tax income, sums over tracts.

    Parameters
    ----------
    path : str
        CSV file with the columns Topic, Characteristic, City of Toronto, and the neighbourhoods after it.
    dimensions : mapping of str to Dimension
        What is made of the rows.
    crosswalk : Crosswalk, optional
        From the City's names to those of the grid, which spells some in other ways.

    Raises
    ------
    InputError
        If there is no file at the path, no dimension, or a row is no count.
    """

    path: str
    dimensions: Mapping[str, Dimension]
    crosswalk: Crosswalk = field(default_factory=Crosswalk)

    def __post_init__(self) -> None:
        """Refuse a file that is not there, and rows that are no counts."""
        paths_of(self.path)
        bad = [name for name in used_columns(self.dimensions) if _NO_COUNT.search(_UNIVERSE.sub("", name))]
        if bad:
            msg = (
                f"{bad[0]!r} is no count of residents: averages, medians and rates of neighbourhoods are blank or sums "
                "over tracts (an after-tax income of $427,037). Take the rows with numbers of persons."
            )
            raise InputError(msg)

    def groups(self) -> pd.DataFrame:
        """Return the residents of each neighbourhood by group."""
        table = read_text(self.path)
        need_columns(table, [*_LABELS, _CITY], self.path)
        places = list(table.columns[table.columns.get_loc(_CITY) :])  # the city first
        rows = table.assign(row=table["Topic"] + ": " + table["Characteristic"]).set_index("row")[places]
        wanted = used_columns(self.dimensions)
        need_columns(rows.T, wanted, f"{self.path}, among its rows,")
        rows = rows.loc[rows.index.isin(wanted)]
        if not rows.index.is_unique:
            name = rows.index[rows.index.duplicated()][0]
            msg = f"{self.path} holds {name!r} more than once, for different people; take a row that stands alone."
            raise InputError(msg)
        counts = numbers(rows.T, self.path)
        self._check_city(counts)
        return group_rows(self.dimensions, self.crosswalk.carried(counts.drop(index=_CITY)))

    def _check_city(self, counts: pd.DataFrame) -> None:
        city, parts = counts.loc[_CITY], counts.drop(index=_CITY)
        apart = (parts.sum() - city).abs()
        bad = apart > _LOST * city + _ROUNDED * np.sqrt(len(parts))
        if bad.any():
            name = bad.index[bad][0]
            msg = (
                f"{self.path}: {name!r} sums to {parts[name].sum():g} over {len(parts)} neighbourhoods, and the city "
                f"has {city[name]:g}; a neighbourhood is missing or the row holds no counts."
            )
            raise InputError(msg)
