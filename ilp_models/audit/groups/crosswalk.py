"""From the areas of a publisher to the areas of a grid."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from ilp_models.audit.groups.counts import read_text
from ilp_models.domain.errors import InputError

_TOLERANCE: Final = 0.01  # of a sum of published weights, which are rounded


@dataclass(frozen=True)
class Crosswalk:
    """A list of pairs: other spellings of names, or codes of one census and of another.

    Parameters
    ----------
    path : str, optional
        CSV or Parquet file; without it areas keep their names.
    published : str, default "published"
        Column with the publisher's area.
    grid : str, default "grid"
        Column with the area of the grid.
    weight : str, optional
        Column with the share of a published area's residents that belongs to the area of the grid. Without it, no
        published area may be in two pairs.

    Raises
    ------
    InputError
        If there is no file at the path.
    """

    path: str | None = None
    published: str = "published"
    grid: str = "grid"
    weight: str | None = None

    def __post_init__(self) -> None:
        """Refuse a file that is not there, before anything long is begun."""
        if self.path is not None and not Path(self.path).is_file():
            msg = f"audit.groups.source.crosswalk.path={self.path}: there is no such file."
            raise InputError(msg)

    def carried(self, counts: pd.DataFrame, *, squared: bool = False) -> pd.DataFrame:
        """Return counts by areas of the grid."""
        if self.path is None:
            return counts
        pairs = self._pairs()
        self._refuse_lost(pairs, counts.index)
        pairs = pairs[pairs["published"].isin(counts.index)]
        names = pd.Index(pairs["grid"].unique())
        rows, columns = (
            names.get_indexer(pd.Index(pairs["grid"])),
            counts.index.get_indexer(pd.Index(pairs["published"])),
        )
        matrix = csr_matrix((pairs["weight"].to_numpy(), (rows, columns)), shape=(len(names), len(counts)))
        values = counts.to_numpy(dtype=float)
        carried = np.sqrt(matrix.multiply(matrix) @ values**2) if squared else matrix @ values
        return pd.DataFrame(carried, index=names, columns=counts.columns)

    def _pairs(self) -> pd.DataFrame:
        table = read_text(str(self.path))
        names = {self.published: "published", self.grid: "grid"}
        if self.weight is not None:
            names[self.weight] = "weight"
        lacking = [name for name in names if name not in table]
        if lacking:
            msg = f"The crosswalk {self.path} lacks the columns {lacking}; it has {list(table.columns)}."
            raise InputError(msg)
        pairs = table[list(names)].rename(columns=names)
        blank = (pairs[["published", "grid"]] == "").any(axis=1)
        if blank.any():
            msg = f"The crosswalk {self.path} has no partner in row {int(np.argmax(blank)) + 1}; give both names."
            raise InputError(msg)
        return self._weighted(pairs.drop_duplicates())

    def _weighted(self, pairs: pd.DataFrame) -> pd.DataFrame:
        if self.weight is None:
            divided = pairs["published"][pairs["published"].duplicated()]
            if len(divided):
                msg = (
                    f"The crosswalk {self.path} divides {divided.nunique()} areas, such as {divided.iloc[0]!r}; name "
                    "the column with the share of residents in each part (audit.groups.source.crosswalk.weight)."
                )
                raise InputError(msg)
            return pairs.assign(weight=1.0)
        weight = pd.to_numeric(pairs["weight"], errors="coerce")
        sums = weight.groupby(pairs["published"]).sum(min_count=1)
        bad = sums.index[~((sums - 1).abs() <= _TOLERANCE)]
        if not (weight >= 0).all() or len(bad):
            where = pairs.loc[~(weight >= 0), "published"].tolist() or list(bad)
            msg = (
                f"The crosswalk {self.path} gives {where[0]!r} the weight {sums[where[0]]:.4g} in all; the weights of "
                "an area must be shares >= 0 that sum to 1."
            )
            raise InputError(msg)
        return pairs.assign(weight=weight / sums.loc[pairs["published"]].to_numpy())

    def _refuse_lost(self, pairs: pd.DataFrame, areas: pd.Index) -> None:
        lost = areas[~areas.isin(pairs["published"])]
        if len(lost):
            names = ", ".join(map(repr, lost[:5]))
            msg = (
                f"{len(lost)} of {len(areas)} published areas are not in the crosswalk {self.path}, such as {names}: "
                "their residents would be lost. Take a lookup with a row for every area, old and new."
            )
            raise InputError(msg)
        here = pairs["published"].isin(areas) | (pairs["weight"] == 0)
        partly = pairs[~here & pairs["grid"].isin(pairs.loc[here, "grid"])]
        if len(partly):
            first = partly.iloc[0]
            msg = (
                f"{partly['grid'].nunique()} areas of the grid lack a part: {first['grid']!r} is made of "
                f"{first['published']!r}, which the published table does not hold. Complete the table."
            )
            raise InputError(msg)
