"""Checks of accuracy and level: skill against the baseline, sums, calibration."""

import numpy as np
import numpy.typing as npt

from ilp_models.audit.check_context import CheckContext
from ilp_models.domain.errors import IlpError
from ilp_models.domain.finding import ALL, Finding
from ilp_models.stats.bootstrap import Estimate
from ilp_models.stats.calibration import calibration_line

Floats = npt.NDArray[np.float64]


def check_baseline(evidence: CheckContext) -> list[Finding]:
    """Return whether the forecaster beats the baseline, in Poisson deviance and in PAI on the flagged land."""
    periods, least = len(evidence.replay.periods), evidence.minimum.periods
    thin = f"{periods} test periods of the {least} asked for" if periods < least else ""
    loss = evidence.resampling.ratio(*(_pooled(evidence.deviance_of(r)) for r in (evidence.replay, evidence.baseline)))
    skill = Estimate(1 - loss.value, 1 - loss.high, 1 - loss.low)
    hits = (_pooled(evidence.flags_of(r) * evidence.observed) for r in (evidence.replay, evidence.baseline))
    name = evidence.baseline.forecaster
    beaten = f"Improve the forecaster, or use another: it must beat {name}."
    advice = "Test more periods." if thin else beaten
    return [
        *_by_type(evidence, "deviance_skill", f"skill in deviance against {name}", skill, thin=thin, advice=advice),
        *_by_type(
            evidence,
            "pai_ratio",
            f"PAI on {evidence.share:.0%} of the land over that of {name}",
            evidence.resampling.ratio(*hits),
            thin=thin,
            advice=advice,
        ),
    ]


def check_sums(evidence: CheckContext) -> list[Finding]:
    """Return whether as many events happened as were expected."""
    expected = _pooled(np.asarray(evidence.replay.expected.values, dtype=float))
    ratio = evidence.resampling.ratio(expected, _pooled(evidence.observed))
    advice = "Look for a break in level or in recording practice, and refit."
    return _by_type(evidence, "sum_ratio", "expected over recorded events", ratio, advice=advice)


def check_calibration(evidence: CheckContext) -> list[Finding]:
    """Return whether high and low forecasts mean what they say."""
    expected = np.asarray(evidence.replay.expected.values, dtype=float)
    advice = "Below 1, high forecasts are too high: smooth more; above 1, they are too low: smooth less."
    findings = []
    for index, name in enumerate(evidence.scopes):
        part = slice(None) if name == ALL else slice(index, index + 1)
        thin, numbers = "", np.full((2, 3), np.nan)
        try:
            line = calibration_line(evidence.observed[part], expected[part], floor=evidence.floor)
            numbers[:, 0] = line.slope, line.intercept
            numbers[:, 1:] = line.intervals(evidence.resampling)
        except IlpError as error:
            thin = str(error).rstrip(".")
        events = float(evidence.observed[part].sum())
        for check, row in zip(("calibration_slope", "calibration_intercept"), numbers.tolist(), strict=True):
            title = check.replace("_", " ")
            where = {"crime_type": name, "evidence": events, "thin": thin, "advice": advice}
            findings.append(evidence.judged(check, title, (row[0], row[1], row[2]), **where))
    return findings


def _by_type(evidence: CheckContext, check: str, title: str, estimate: Estimate, **words: str) -> list[Finding]:
    events = _pooled(evidence.observed).sum(axis=0)
    rows = np.stack([estimate.value, estimate.low, estimate.high], axis=1).tolist()
    return [
        evidence.judged(check, title, (row[0], row[1], row[2]), crime_type=name, evidence=float(count), **words)
        for name, row, count in zip(evidence.scopes, rows, events, strict=True)
    ]


def _pooled(cube: Floats) -> Floats:
    """Return sums over cells, shape (periods, crime types and their pool)."""
    sums = cube.sum(axis=1).T
    return np.column_stack((sums, sums.sum(axis=1))) if sums.shape[1] > 1 else sums
