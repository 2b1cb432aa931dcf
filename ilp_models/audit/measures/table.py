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
    """Return all measures of groups, at several shares of land and in every unit that cells can be ranked in.

    Parameters
    ----------
    evidence : Evidence
        Forecasts of the forecaster and the baseline, recorded events and residents; without harm of events there is no
        unit ``harm``.
    shares : sequence of float, default (0.01, 0.05, 0.10, 0.20)
        Shares of the active land.

    Returns
    -------
    DataFrame
        Columns ``COLUMNS``, one row a measure. ``group`` is empty where a dimension is measured, and ``dimension`` too
        where the map is; what does not depend on the map, such as errors of forecasts, has no ``share`` and ``unit``.
        ``baseline`` is the same measure of the baseline (not for calibration lines). ``enough`` says whether the
        evidence is what the audit asks for: 200 weighted events and half of the group in 10 areas, of each group
        where a dimension is measured. Intervals are NaN where there are too few periods or areas; of a Gini
        coefficient and of calibration lines there are those over weeks only. The gate uses the week interval,
        plain; claims need the other two, see :mod:`ilp_models.audit.measures.intervals`.

    Raises
    ------
    InputError
        If there are no residents, or a weight of harm is missing or no number.
    """
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
