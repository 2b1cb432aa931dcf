"""Checks of what a model was made from and on: tainted records, and areal units that change the findings."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ilp_models.audit.check_context import CheckContext, none_allowed
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.dimension import tally_flags
from ilp_models.audit.measures.group_sums import Basis
from ilp_models.audit.measures.intervals import Drawn
from ilp_models.audit.sensitivity.flagging import AREAL_UNIT, TAINTED_PERIODS, FlaggedMap
from ilp_models.audit.sensitivity.variants import areal_units
from ilp_models.domain.finding import Finding
from ilp_models.domain.governance import TaintedPeriod


def check_tainted_periods(tainted: Sequence[TaintedPeriod], start: pd.Timestamp, end: pd.Timestamp) -> list[Finding]:
    """Return whether the model was trained on records of a period that is declared tainted."""
    title = "days of training inside a tainted period"
    inside, named = set[pd.Timestamp](), []
    for one in tainted:
        first = max(pd.Timestamp(one.start), start.normalize())
        last = min(pd.Timestamp(one.end) + pd.Timedelta(days=1), end)
        days = pd.date_range(first, last, inclusive="left").normalize() if first < last else pd.DatetimeIndex([])
        inside.update(days)
        named += [f"{one.start} to {one.end} ({one.why})"] if len(days) else []
    span = float(np.ceil((end - start) / pd.Timedelta(days=1)))
    reason = (
        f"Trained on records of {'; '.join(named)}. Start the records later, or leave the period out and train again."
        if named
        else f"None of {len(tainted)} tainted periods declared lies in the records from {start.date()} to {end.date()}."
    )
    return [none_allowed(TAINTED_PERIODS, title, len(inside), reason, evidence=span)]


def check_areal_unit(evidence: CheckContext) -> list[Finding]:
    """Return how many exposure ratios change sides of 1 on other areal units."""
    title = "exposure ratios that change sides of 1 on other areal units"
    units = areal_units(evidence)
    changed, compared_pairs = [], 0
    audited = _sides(FlaggedMap.from_context(evidence), evidence)
    for name, flagging in units:
        for key, side in _sides(flagging, evidence).items():
            if key in audited:
                compared_pairs += 1
                mine, ours = side, audited[key]
                known = bool(mine[1] or ours[1])
                changed += [f"{'/'.join(key)} on {name}"] if known and mine[0] * ours[0] < 0 else []
    count = float(len(changed)) if compared_pairs else float("nan")
    subject = f"{title} ({', '.join(changed[:5])})" if changed else title
    lacking = "the grid areas above its cells (grid.parents)" if evidence.residents else "a group table (audit.groups)"
    thin = "" if compared_pairs else f"there is no other unit to compare with; give {lacking}"
    advice = "Say on which unit the allocation is made, and report both."
    numbers = (count, count, count)
    return [evidence.judged(AREAL_UNIT, subject, numbers, thin=thin, advice=advice, evidence=float(compared_pairs))]


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
