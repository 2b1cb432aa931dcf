"""What changes if residents report fewer events in some places than in others.

Forecasts are of recorded events. Divided by the share that is reported, they rank places by what happens there
(Akpinar, De-Arteaga and Chouldechova 2021). Where nobody has measured that share, a band stands in for it: it falls
linearly with the rank of a group's share among residents, from 1 + delta to 1 - delta times its mean.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.flagging import COLUMNS, REPORTING_RATES, FlaggedMap, compared, overlap
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Finding
from ilp_models.stats.bootstrap import Estimate

Floats = npt.NDArray[np.float64]

DELTAS: Final = (0.0, 0.1, 0.2, 0.3, 0.4)
GATED: Final = 0.3


def band(residents: Residents, group: str, delta: float) -> Floats:
    """Return the share of events reported in each cell, relative to its mean, if it falls with a group's share."""
    if group not in residents.groups or not 0 <= delta < 1:
        msg = f"No band of {group!r} in {residents.dimension} with delta={delta}; name a group, and 0 <= delta < 1."
        raise InputError(msg)
    lived = residents.total > 0
    rank = rankdata(residents.shares[lived, residents.groups.index(group)])
    result = np.ones(len(residents.total))
    if len(rank) > 1:
        result[lived] = 1 - 2 * delta * ((rank - 1) / (len(rank) - 1) - 0.5)
    return result


def vary_reporting(
    evidence: CheckContext,
    rates: Floats | None = None,
    deprived: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Return the measures of maps that are ranked by forecasts over the share reported."""
    audited = FlaggedMap.from_context(evidence)
    settings = [
        (f"delta {delta:g}, {name} reports less" if name else "given", shares)
        for delta in (DELTAS if rates is None else (0.0,))
        for name, shares in _assumed(evidence, rates, deprived, delta)
    ]
    tables = [
        compared(audited, replace(audited, flags=_corrected(evidence, shares)), REPORTING_RATES, setting)
        for setting, shares in settings
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def check_reporting(context: CheckContext) -> list[Finding]:
    """Return how much of the flagged land stays flagged if reporting differs between places."""
    cases = _assumed(context, context.options.reporting_rates, context.options.deprived, GATED)
    if not cases:
        shortfall = "there is neither a group table nor a table of reporting rates"
        none = (float("nan"),) * 3
        return [
            context.finding("reporting_sensitivity", none, crime_type=name, shortfall=shortfall)
            for name in context.scopes
        ]
    names = [name for name, _ in cases]
    overlaps = [_overlap(context, shares) for _, shares in cases]
    findings = []
    for row, scope in enumerate(context.scopes):
        worst = min(range(len(cases)), key=lambda at: _rank(overlaps[at].value[row]))
        one, name = overlaps[worst], names[worst]
        detail = f"Assumed: areas of {name} report less (delta {GATED:g})." if name else "With the given rates."
        numbers = float(one.value[row]), float(one.low[row]), float(one.high[row])
        findings.append(context.finding("reporting_sensitivity", numbers, crime_type=scope, detail=detail))
    return findings


def _rank(value: float) -> float:
    return -1.0 if np.isnan(value) else float(value)  # what cannot be worked out must not hide behind another group


def _assumed(
    evidence: CheckContext, rates: Floats | None, deprived: tuple[str, str] | None, delta: float
) -> list[tuple[str, Floats]]:
    """Return who is taken to report less, and the share reported in each cell."""
    if rates is not None:
        return [("", rates)]
    pairs = [
        (residents, group)
        for residents in evidence.residents
        for group in residents.groups
        if deprived is None or (residents.dimension, group) == tuple(deprived)
    ]
    if deprived is not None and evidence.residents and not pairs:
        known = ", ".join(f"{one.dimension}/{group}" for one in evidence.residents for group in one.groups)
        msg = f"The group table has no group {'/'.join(deprived)}; name one of {known}."
        raise InputError(msg)
    return [(f"{one.dimension} {group}", band(one, group, delta)) for one, group in pairs]


def _corrected(evidence: CheckContext, rates: Floats) -> Floats:
    shares = np.asarray(rates, dtype=float)
    if shares.shape != evidence.grid.area_m2.shape or not (np.isfinite(shares) & (shares > 0)).all():
        msg = f"Reporting rates are one a cell ({len(evidence.grid)}), above 0 and finite; mend audit.reporting_rates."
        raise InputError(msg)
    expected = evidence.replay.expected
    return evidence.flags_of(replace(evidence.replay, expected=expected / shares[:, None]))


def _overlap(evidence: CheckContext, rates: Floats) -> Estimate:
    return evidence.resampling.ratio(*overlap(evidence.flags, _corrected(evidence, rates), evidence.grid.area_m2))
