"""Checks of accuracy: skill against the baseline, expected to recorded ratio, calibration."""

import numpy as np
import numpy.typing as npt

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import with_total
from ilp_models.domain.errors import IlpError
from ilp_models.domain.finding import ALL, Finding, Shortfall
from ilp_models.stats.bootstrap import Estimate
from ilp_models.stats.calibration import calibration_line

Floats = npt.NDArray[np.float64]


def check_baseline(context: CheckContext) -> list[Finding]:
    """Return skill and PAI ratio against the baseline, and the share of the recorded events in flagged areas."""
    periods, needed, name = len(context.replay.periods), context.min_evidence.periods, context.baseline.forecaster
    shortfall = (Shortfall("test periods", periods, needed),) if periods < needed else ()
    loss = context.bootstrap.ratio(*(_pooled(context.deviance_of(r)) for r in (context.replay, context.baseline)))
    skill = Estimate(1 - loss.value, 1 - loss.high, 1 - loss.low)
    recorded = with_total(context.observed)
    own, other = ((flags * recorded).sum(axis=1).T for flags in (context.flags, context.baseline_flags))
    captured = context.bootstrap.ratio(own, other)
    covered = context.bootstrap.ratio(own, recorded.sum(axis=1).T)
    advice = "Test more periods." if shortfall else f"Improve the forecaster or use another: it must beat {name}."
    return [
        *_by_type(context, "deviance_skill", skill, shortfall, advice),
        *_by_type(context, "pai_ratio", captured, shortfall, advice),
        *_by_type(context, "events_covered", covered),
    ]


def check_sums(context: CheckContext) -> list[Finding]:
    """Return the ratio of expected to recorded events."""
    expected = _pooled(np.asarray(context.replay.expected.values, dtype=float))
    return _by_type(context, "sum_ratio", context.bootstrap.ratio(expected, _pooled(context.observed)))


def check_calibration(context: CheckContext) -> list[Finding]:
    """Return the slope and intercept of the Poisson calibration regression."""
    expected = np.asarray(context.replay.expected.values, dtype=float)
    findings = []
    for index, name in enumerate(context.scopes):
        part = slice(None) if name == ALL else slice(index, index + 1)
        shortfall, numbers = "", np.full((2, 3), np.nan)
        try:
            line = calibration_line(context.observed[part], expected[part], floor=context.floor)
            numbers[:, 0] = line.slope, line.intercept
            numbers[:, 1:] = line.intervals(context.bootstrap)
        except IlpError as error:
            shortfall = str(error).rstrip(".")
        events = float(context.observed[part].sum())
        findings += [
            context.finding(check, (row[0], row[1], row[2]), crime_type=name, evidence=events, shortfall=shortfall)
            for check, row in zip(("calibration_slope", "calibration_intercept"), numbers.tolist(), strict=True)
        ]
    return findings


def _by_type(
    context: CheckContext,
    check: str,
    estimate: Estimate,
    shortfall: tuple[Shortfall, ...] = (),
    advice: str | None = None,
) -> list[Finding]:
    events = _pooled(context.observed).sum(axis=0)
    rows = np.stack([estimate.value, estimate.low, estimate.high], axis=1).tolist()
    return [
        context.finding(
            check,
            (row[0], row[1], row[2]),
            crime_type=name,
            evidence=float(count),
            shortfall=shortfall,
            advice=advice,
        )
        for name, row, count in zip(context.scopes, rows, events, strict=True)
    ]


def _pooled(cube: Floats) -> Floats:
    """Return sums over cells, shape (periods, crime types and their pool)."""
    sums = cube.sum(axis=1).T
    return np.column_stack((sums, sums.sum(axis=1))) if sums.shape[1] > 1 else sums
