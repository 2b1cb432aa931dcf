"""Checks of what a model was made from and on: tainted records, and areal units that change the findings."""

import numpy as np
import pandas as pd

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.measures.intervals import Drawn
from ilp_models.audit.sensitivity.flagging import AREAL_UNIT, TAINTED_PERIODS, FlaggedMap
from ilp_models.audit.sensitivity.variants import areal_units
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Finding


def check_tainted_periods(context: CheckContext) -> list[Finding]:
    """Return the days of training inside a period that governance declares tainted."""
    if context.options.trained is None:
        msg = "The span of the training records is unknown. Audit a run that states it."
        raise InputError(msg)
    tainted, (start, end) = context.options.governance.tainted, context.options.trained
    inside, named = set[pd.Timestamp](), []
    for one in tainted:
        first = max(pd.Timestamp(one.start), start.normalize())
        last = min(pd.Timestamp(one.end) + pd.Timedelta(days=1), end)
        days = pd.date_range(first, last, inclusive="left").normalize() if first < last else pd.DatetimeIndex([])
        inside.update(days)
        named += [f"{one.start} to {one.end} ({one.why})"] if len(days) else []
    span = float(np.ceil((end - start) / pd.Timedelta(days=1)))
    detail = (
        f"Trained on records of {'; '.join(named)}."
        if named
        else f"None of the {len(tainted)} declared periods is in the records from {start.date()} to {end.date()}."
    )
    return [context.count_finding(TAINTED_PERIODS, len(inside), detail, evidence=span)]


def check_areal_unit(context: CheckContext) -> list[Finding]:
    """Return how many exposure ratios change sides of 1 on other areal units."""
    changed, pairs = [], 0
    audited = _sides(FlaggedMap.from_context(context), context)
    for name, flagging in areal_units(context):
        for key, side in _sides(flagging, context).items():
            if key in audited:
                pairs += 1
                clear = bool(side[1] or audited[key][1])
                changed += [f"{'/'.join(key)} on {name}"] if clear and side[0] * audited[key][0] < 0 else []
    count = float(len(changed)) if pairs else float("nan")
    lacking = "areas above the cells (grid.parents)" if context.residents else "a group table (audit.groups)"
    return [
        context.finding(
            AREAL_UNIT,
            (count, count, count),
            evidence=float(pairs),
            shortfall="" if pairs else f"there is no other areal unit; give {lacking}",
            detail=f"Changed: {', '.join(changed[:5])}." if changed else "",
        )
    ]


def _sides(flagging: FlaggedMap, evidence: CheckContext) -> dict[tuple[str, str, str], tuple[float, bool]]:
    """Return on which side of 1 each exposure ratio lies, and whether its interval says so too."""
    sides = {}
    for one in flagging.residents:
        tally = tally_flags(Basis.from_residents(one), flagging.flags, flagging.observed)
        ratio = Drawn.from_weeks(tally, evidence.resampling).estimate(formulas.exposure_ratio)
        for row, scope in enumerate(flagging.scopes):
            for column, group in enumerate(one.groups):
                value, low, high = (float(part[row, column]) for part in (ratio.value, ratio.low, ratio.high))
                if np.isfinite(value):
                    sides[scope, one.dimension, group] = np.sign(value - 1), not low <= 1 <= high
    return sides
