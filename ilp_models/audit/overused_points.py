"""Check of flagged cells whose records lie mostly at single points: busy places, or artefacts of recording."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.domain.finding import Finding
from ilp_models.domain.overused_points import MOSTLY

_NO_VALUE: Final = (float("nan"),) * 3
_SHOWN: Final = 5


def check_overused_points(context: CheckContext) -> list[Finding]:
    """Return how many flagged cells have at least half of a type's records at over-used points."""
    table = context.options.overused
    if table is None:
        return [context.finding("overused_points", _NO_VALUE, shortfall="the points of the records were not read")]
    mostly = table[table["share"] >= MOSTLY]
    found = mostly[_flagged(context, mostly)].sort_values(["share", "at_points"], ascending=False, kind="stable")
    texts = [
        f"{row['crime_type']} in {row['cell']}: {row['at_points']:,} of {row['events']:,} records"
        for row in found.head(_SHOWN).to_dict("records")
    ]
    more = f"; and {len(found) - _SHOWN} more (audit/overused_points.parquet)" if len(found) > _SHOWN else ""
    detail = f"At single points: {'; '.join(texts)}{more}." if texts else "No flagged cell depends on single points."
    return [context.count_finding("overused_points", float(len(found)), detail, evidence=float(len(table)))]


def _flagged(context: CheckContext, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return whether each cell is flagged in the last audited period, or in more than half of all."""
    flags = context.flags > 0
    ranked = flags[..., -1] | (flags.mean(axis=2) > 0.5)
    kind = pd.Index(context.replay.crime_types).get_indexer(pd.Index(rows["crime_type"].astype(str)))
    cell = context.grid.cells.astype(str).get_indexer(pd.Index(rows["cell"].astype(str)))
    known = (kind >= 0) & (cell >= 0)
    return np.asarray(known & ranked[kind, cell])
