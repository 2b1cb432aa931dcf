"""Crosswalk: convert counts by published area to counts by area of the grid."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import InputError
from ilp_models.domain.local_file import local_file
from ilp_models.domain.text_table import read_text_table

_TOLERANCE: Final = 0.01  # of a sum of published weights, which are rounded


@dataclass(frozen=True)
class Crosswalk:
    """A lookup table from published areas to areas of the grid: other spellings, or codes of another census year.

    Parameters
    ----------
    path : str, optional
        CSV file, spreadsheet or Parquet file. Default: no conversion, area names stay the same.
    published : str, default "published"
        Column with the name of the published area.
    grid : str, default "grid"
        Column with the name of the area in the grid.
    weight : str, optional
        Column with the share (0 to 1) of a published area's residents that belongs to the area of the grid. Without
        it, a published area may appear in one row only.

    Raises
    ------
    InputError
        If the file does not exist.
    """

    path: str | None = None
    published: str = "published"
    grid: str = "grid"
    weight: str | None = None

    def __post_init__(self) -> None:
        """Check that the file exists before a long computation starts."""
        if self.path is not None:
            local_file(self.path, "audit.groups.source.crosswalk.path=")

    def convert(self, counts: pd.DataFrame, *, squared: bool = False) -> pd.DataFrame:
        """Return the counts by area of the grid; ``squared`` adds margins of error as the root of a sum of squares."""
        if self.path is None:
            return counts
        pairs = self._read_pairs()
        self._check_complete(pairs, counts.index)
        pairs = pairs[pairs["published"].isin(counts.index)]
        names = pd.Index(pairs["grid"].unique())
        rows, columns = (
            names.get_indexer(pd.Index(pairs["grid"])),
            counts.index.get_indexer(pd.Index(pairs["published"])),
        )
        matrix = csr_matrix((pairs["weight"].to_numpy(), (rows, columns)), shape=(len(names), len(counts)))
        values = counts.to_numpy(dtype=float)
        converted = np.sqrt(matrix.multiply(matrix) @ values**2) if squared else matrix @ values
        return pd.DataFrame(converted, index=names, columns=counts.columns)

    def _read_pairs(self) -> pd.DataFrame:
        table = read_text_table(str(self.path))
        names = {self.published: "published", self.grid: "grid"}
        if self.weight is not None:
            names[self.weight] = "weight"
        missing = [name for name in names if name not in table]
        if missing:
            msg = (
                f"The crosswalk {self.path} lacks the columns {missing} (columns: {list(table.columns)}). Set the "
                "column names in audit.groups.source.crosswalk."
            )
            raise InputError(msg)
        pairs = table[list(names)].rename(columns=names)
        blank = (pairs[["published", "grid"]] == "").any(axis=1)
        if blank.any():
            msg = f"The crosswalk {self.path} has an empty name in row {int(np.argmax(blank)) + 1}. Give both names."
            raise InputError(msg)
        return self._with_weights(pairs.drop_duplicates())

    def _with_weights(self, pairs: pd.DataFrame) -> pd.DataFrame:
        if self.weight is None:
            divided = pairs["published"][pairs["published"].duplicated()]
            if len(divided):
                msg = (
                    f"The crosswalk {self.path} divides {divided.nunique()} areas, such as {divided.iloc[0]!r}. Name "
                    "the column with the share of residents in each part: audit.groups.source.crosswalk.weight."
                )
                raise InputError(msg)
            return pairs.assign(weight=1.0)
        weight = pd.to_numeric(pairs["weight"], errors="coerce")
        sums = weight.groupby(pairs["published"]).sum(min_count=1)
        bad = sums.index[~((sums - 1).abs() <= _TOLERANCE)]
        if not (weight >= 0).all() or len(bad):
            where = pairs.loc[~(weight >= 0), "published"].tolist() or list(bad)
            msg = (
                f"In the crosswalk {self.path}, the weights of {where[0]!r} sum to {sums[where[0]]:.4g}. The weights "
                "of an area must be shares >= 0 that sum to 1."
            )
            raise InputError(msg)
        return pairs.assign(weight=weight / sums.loc[pairs["published"]].to_numpy())

    def _check_complete(self, pairs: pd.DataFrame, areas: pd.Index) -> None:
        lost = areas[~areas.isin(pairs["published"])]
        if len(lost):
            names = ", ".join(map(repr, lost[:5]))
            msg = (
                f"{len(lost)} of {len(areas)} published areas are not in the crosswalk {self.path}, such as {names}. "
                "Their residents would be lost. Use a lookup table with a row for every area, old and new."
            )
            raise InputError(msg)
        present = pairs["published"].isin(areas) | (pairs["weight"] == 0)
        partial = pairs[~present & pairs["grid"].isin(pairs.loc[present, "grid"])]
        if len(partial):
            first = partial.iloc[0]
            msg = (
                f"{partial['grid'].nunique()} areas of the grid lack a part: {first['grid']!r} includes "
                f"{first['published']!r}, which is not in the published table. Add the missing areas to the table."
            )
            raise InputError(msg)
