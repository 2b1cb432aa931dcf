"""City of Toronto, Neighbourhood Profiles: one column per neighbourhood, one row per characteristic."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from ilp_models.audit.groups.count_columns import Dimension, group_rows, used_columns
from ilp_models.audit.groups.counts import check_columns, existing_paths, parse_counts
from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.domain.errors import InputError
from ilp_models.domain.text_table import read_text_table

_CITY: Final = "City of Toronto"
_LABELS: Final = ("Topic", "Characteristic")
_ROUNDED: Final = 5.0  # persons: each count is rounded at random to this base
_LOST: Final = 0.001  # share of the city; the smallest neighbourhood is larger
_NOT_A_COUNT: Final = re.compile(r"\b(average|median|rate|ratio|prevalence|density|change|percent\w*)\b|%|\$", re.I)
_SAMPLE: Final = re.compile(r"\d+% (sample )?data")  # rows of totals name the size of the sample
_MINORITY: Final = "Visible minority population: "
_STATUS: Final = "Immigrant status and period of immigration"
_HOUSEHOLDS: Final = "for the population in private households"
DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "ethnicity": Dimension(
        {
            **{
                name: f"{_MINORITY}{name}"
                for name in ("Arab", "Black", "Chinese", "Filipino", "Japanese", "Korean", "Latin American")
            },
            **{name: f"{_MINORITY}{name}" for name in ("South Asian", "Southeast Asian", "West Asian")},
            "several or another visible minority": [
                f"{_MINORITY}Multiple visible minorities",
                f"{_MINORITY}Visible minority; n.i.e.",
            ],
            "not a visible minority": f"{_MINORITY}Not a visible minority",
        },
        residents=f"{_MINORITY}Total - Visible minority {_HOUSEHOLDS} - 25% sample data",
    ),
    "immigration": Dimension(
        {
            "immigrants": f"{_STATUS}: Immigrants",
            "non-immigrants": f"{_STATUS}: Non-immigrants",
            "non-permanent residents": f"{_STATUS}: Non-permanent residents",
        },
        residents=f"{_STATUS}: Total - {_STATUS} {_HOUSEHOLDS} - 25% sample data",
    ),
    "indigenous identity": Dimension(
        {"Indigenous": "Aboriginal population: Aboriginal identity"},
        residents=f"Aboriginal population: Total - Aboriginal identity {_HOUSEHOLDS} - 25% sample data",
        rest="not Indigenous",
    ),
    "low income": Dimension(
        {"low income": "Low income in 2015: In low income based on the Low-income measure, after tax (LIM-AT)"},
        residents=(
            f"Low income in 2015: Total - Low-income status in 2015 {_HOUSEHOLDS} to whom low-income concepts are "
            "applicable - 100% data"
        ),
        rest="not low income",
    ),
}


@dataclass(frozen=True)
class NeighbourhoodProfiles:
    """The file of the City of Toronto in its published format (2016, 140 neighbourhoods).

    A row has the name ``Topic: Characteristic``. Averages, medians and rates are refused: for neighbourhoods they are
    blank or, like the average after-tax income, sums over tracts.

    Parameters
    ----------
    path : str
        CSV file with the columns Topic, Characteristic, City of Toronto, and then one column per neighbourhood.
    dimensions : mapping of str to Dimension, optional
        Which rows make which group. Default: ethnicity, immigration, Indigenous identity and low income.
    crosswalk : Crosswalk, optional
        Converts names of the City to names of the grid, which spells some differently. Default: no conversion.

    Raises
    ------
    InputError
        If the file does not exist, no dimension is given, or a row is not a count.
    """

    table_settings: ClassVar[Mapping[str, Any]] = {"residents": "residents", "unmatched": "refuse", "rounding": 5}
    publisher: ClassVar[str] = "City of Toronto, Neighbourhood Profiles 2016"

    path: str
    dimensions: Mapping[str, Dimension] = field(default_factory=lambda: DIMENSIONS)
    crosswalk: Crosswalk = field(default_factory=lambda: Crosswalk(published="census_name", grid="event_name"))

    def __post_init__(self) -> None:
        """Check that the file exists and that the rows are counts."""
        existing_paths(self.path)
        bad = [name for name in used_columns(self.dimensions) if _NOT_A_COUNT.search(_SAMPLE.sub("", name))]
        if bad:
            msg = (
                f"{bad[0]!r} in audit.groups.source.dimensions is not a count of residents. Averages, medians and "
                "rates of neighbourhoods are blank or sums over tracts (an after-tax income of $427,037). Use rows "
                "that count persons."
            )
            raise InputError(msg)

    def groups(self) -> pd.DataFrame:
        """Return the residents of each neighbourhood by group."""
        table = read_text_table(self.path)
        check_columns(table, [*_LABELS, _CITY], self.path)
        places = list(table.columns[table.columns.get_loc(_CITY) :])  # the city first, then its neighbourhoods
        rows = table.assign(row=table["Topic"] + ": " + table["Characteristic"]).set_index("row")[places]
        wanted = used_columns(self.dimensions)
        check_columns(rows.T, wanted, f"{self.path}, among its rows,")
        rows = rows.loc[rows.index.isin(wanted)]
        if not rows.index.is_unique:
            name = rows.index[rows.index.duplicated()][0]
            msg = f"{self.path} has several rows {name!r}, for different populations. Use a row with a unique name."
            raise InputError(msg)
        counts = parse_counts(rows.T, self.path)
        self._check_city_totals(counts)
        return group_rows(self.dimensions, self.crosswalk.convert(counts.drop(index=_CITY)))

    def _check_city_totals(self, counts: pd.DataFrame) -> None:
        city, parts = counts.loc[_CITY], counts.drop(index=_CITY)
        difference = (parts.sum() - city).abs()
        bad = difference > _LOST * city + _ROUNDED * np.sqrt(len(parts))
        if bad.any():
            name = bad.index[bad][0]
            msg = (
                f"{self.path}: row {name!r} sums to {parts[name].sum():g} over {len(parts)} neighbourhoods, but the "
                f"city has {city[name]:g}. A neighbourhood is missing, or the row is not a count: check the file."
            )
            raise InputError(msg)
