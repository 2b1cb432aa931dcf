"""Every measure of every group as one long table: for shares of land and ranking units, beside the baseline."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import HARM, UNITS
from ilp_models.audit.measures.concentration import gini, permanent_cells
from ilp_models.audit.measures.dimension import DimensionMeasures, Row
from ilp_models.audit.measures.intervals import Measured
from ilp_models.domain.errors import InputError
from ilp_models.stats.bootstrap import Estimate

Floats = npt.NDArray[np.float64]

SHARES: Final = (0.01, 0.05, 0.10, 0.20)
COLUMNS: Final = (
    *("crime_type", "share", "unit", "dimension", "group", "residents", "areas", "events", "enough"),
    *("measure", "value", "baseline", "week_low", "week_high", "area_low", "area_high"),
    *("chance_low", "chance_high", "p_chance", "p_adjusted"),
)


def measure_groups(evidence: CheckContext, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """Return all measures of groups, at several shares of land and in every unit that cells can be ranked in."""
    if not evidence.residents:
        msg = "Groups can be measured only where residents are known; set audit.groups.path=FILE."
        raise InputError(msg)
    harm = evidence.harms
    parts = [DimensionMeasures.from_context(evidence, one) for one in evidence.residents]
    rows: list[Row] = []
    for unit in (*UNITS, *([HARM] if harm is not None else [])):
        cut = replace(evidence.cut(None if unit == HARM else unit), unit=unit, harm=harm)
        own, other = (
            cut.flagged(np.asarray(one.expected.values, dtype=float), *shares)
            for one in (evidence.replay, evidence.baseline)
        )
        for share, flags, theirs in zip(shares, own, other, strict=True):
            where: Row = {"share": share, "unit": unit}
            rows += [row | where for row in _of_map(evidence, flags, theirs)]
            for part in parts:
                part.add(where, flags, theirs)
    for part in parts:
        rows += part.rows()
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))


def _of_map(evidence: CheckContext, flags: Floats, theirs: Floats) -> Iterator[Row]:
    counts = permanent_cells(flags).sum(axis=1).astype(float)
    measures: dict[str, tuple[Estimate, Floats]] = {
        "gini": (gini(flags, evidence.resampling), gini(theirs, evidence.resampling).value),
        "permanent_cells": (
            Estimate(counts, np.full_like(counts, np.nan), np.full_like(counts, np.nan)),
            permanent_cells(theirs).sum(axis=1).astype(float),
        ),
    }
    for name, (estimate, baseline) in measures.items():
        measured = Measured.from_weeks(estimate)
        for row, scope in enumerate(evidence.scopes):
            about: Row = {"crime_type": scope, "dimension": "", "group": "", "measure": name}
            yield about | measured.at(row) | {"baseline": float(baseline[row]), "enough": True}
