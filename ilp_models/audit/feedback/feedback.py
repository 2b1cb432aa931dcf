"""Feedback of a forecaster under one flagging rule: settings of the simulation, its outcome, and the checks on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from ilp_models.audit.check_context import CheckContext
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Finding

Floats = npt.NDArray[np.float64]

COMPLETE, FOLLOWED, WEIGHTED = "complete", "followed", "weighted"
COLUMNS: Final = ("replicate", "records", "period", "crime_type", "distance", "rank_correlation")


@dataclass(frozen=True)
class Feedback:
    """Settings of the feedback simulation.

    Parameters
    ----------
    periods : int, default 104
        Number of simulated periods. With as many as ``training_periods``, the last fit uses simulated records only.
    refit_every : int, default 26
        Periods between two fits. The map of the period after a fit is patrolled until the next fit.
    replicates : int, default 3
        Number of independent simulations; the interval is between them.
    training_periods : int, default 104
        Periods that the forecaster is fitted on. Those before the simulation are recorded completely.
    unpatrolled_reporting_rate : float or mapping of str to float, optional
        Probability (0 to 1) that an event outside patrolled areas is recorded, for all crime types or by crime type.
        Default: unknown.
    exploration : float, default 0
        Share of the flagged areas (0 to 1) that is drawn at random instead of by rank.
    confidence : float, default 0.95
        Confidence of the interval between replicates.
    seed : int, default 0
        Seed of all random draws.

    Raises
    ------
    InputError
        If a setting is out of its range.

    Examples
    --------
    >>> Feedback(unpatrolled_reporting_rate=0.6).reporting_rate("Robbery")
    0.6
    """

    periods: int = 104
    refit_every: int = 26
    replicates: int = 3
    training_periods: int = 104
    unpatrolled_reporting_rate: float | Mapping[str, float] | None = None
    exploration: float = 0.0
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 1 <= self.refit_every <= self.periods or self.replicates < 1 or self.training_periods < 1:
            msg = (
                "audit.feedback needs 1 <= refit_every <= periods, replicates >= 1 and training_periods >= 1, not "
                f"refit_every={self.refit_every}, periods={self.periods}, replicates={self.replicates}, "
                f"training_periods={self.training_periods}."
            )
            raise InputError(msg)
        setting = self.unpatrolled_reporting_rate
        rates = setting.values() if isinstance(setting, Mapping) else (setting or 0.0,)
        if not all(0 <= rate <= 1 for rate in (*rates, self.exploration)) or not 0 < self.confidence < 1:
            msg = (
                "audit.feedback needs unpatrolled_reporting_rate and exploration from 0 to 1 and 0 < confidence < 1, "
                f"not unpatrolled_reporting_rate={setting}, exploration={self.exploration}, "
                f"confidence={self.confidence}."
            )
            raise InputError(msg)

    def reporting_rate(self, crime_type: str) -> float | None:
        """Return the reporting rate of one crime type outside patrolled areas; None if it is unknown."""
        rate = self.unpatrolled_reporting_rate
        return rate.get(crime_type) if isinstance(rate, Mapping) else rate

    def check_crime_types(self, crime_types: tuple[str, ...]) -> None:
        """Raise InputError for a reporting rate of a type that is not a crime type."""
        setting = self.unpatrolled_reporting_rate
        unknown_types = sorted(set(setting) - set(crime_types)) if isinstance(setting, Mapping) else []
        if unknown_types:
            msg = (
                f"audit.feedback.unpatrolled_reporting_rate names {unknown_types[0]!r}, which is not a crime type. "
                f"Choose from {', '.join(crime_types)}."
            )
            raise InputError(msg)

    def reporting_rates(self, crime_types: tuple[str, ...]) -> Floats:
        """Return the reporting rates of crime types outside patrolled areas; 0 if unknown."""
        self.check_crime_types(crime_types)
        rates = [self.reporting_rate(name) for name in crime_types]
        missing = [name for name, rate in zip(crime_types, rates, strict=True) if rate is None]
        if missing and self.exploration == 0:
            msg = (
                f"The reporting rate of {missing[0]} outside patrolled areas is unknown and patrols follow the ranking "
                "only, so feedback cannot be bounded. Set audit.feedback.unpatrolled_reporting_rate, such as from a "
                "victimisation survey, or set audit.feedback.exploration above 0."
            )
            raise InputError(msg)
        return np.array([rate or 0.0 for rate in rates], dtype=float)


@dataclass(frozen=True, eq=False)
class PatrolRule:
    """The rule by which areas are flagged and patrolled in the simulation."""

    land_share: float  # share of the land flagged in each period, for each crime type
    rank_by: str = "count"  # as in FlaggingRule
    residents: Floats | None = None  # residents of each cell of the real grid, for rank_by="per_resident"
    share_of: str = "land"  # what the share is a share of: land or cells
    harm: Floats | None = None  # harm of one event of each crime type, for rank_by="harm"
    planner: "Planner | None" = None  # plans of another rule; None: the top areas of each crime type


class Planner(Protocol):
    """The audited allocation rule on the cells of the next forecast."""

    def covered(self, expected: Floats, draw: int) -> Floats:
        """Return the covered share of each cell, shape (cells,), for expected counts (crime types, cells)."""
        ...


@dataclass(frozen=True, eq=False)
class FeedbackOutcome:
    """The simulated distances between forecast and true shares of areas.

    ``trajectory`` has the columns of ``COLUMNS``: for each replicate, kind of ``records`` (``complete``, ``followed``,
    ``weighted``), ``period`` of a fit and crime type, the total variation distance and Spearman's rank correlation.
    ``observed`` has one row per crime type. ``patrolled`` is the share of areas patrolled at least once, even in part.
    ``observed`` is the share of areas patrolled at least once, or with reports. ``reporting`` is NaN if the rate is
    unknown and taken as 0.
    """

    settings: Feedback
    areas: str  # kind of areas: a level of parent areas, "cell" or "block"
    trajectory: pd.DataFrame
    observed: pd.DataFrame

    def final_distances(self, crime_type: str, records: str) -> Floats:
        """Return the distance of each replicate at the last fit."""
        rows = self.trajectory
        rows = rows[(rows["crime_type"] == crime_type) & (rows["records"] == records)]
        return np.asarray(rows.loc[rows["period"] == rows["period"].max(), "distance"], dtype=float)

    def excess(self, crime_type: str, records: str = FOLLOWED) -> tuple[float, float, float]:
        """Return the distance that feedback adds, and the ends of its interval.

        Sampling noise alone separates a forecast from the truth. The excess is the difference from a simulation of the
        same events with complete records.
        """
        distances = self.final_distances(crime_type, records)
        if len(distances) == 0:
            return float("nan"), float("nan"), float("nan")
        added = distances - self.final_distances(crime_type, COMPLETE)
        mean, count = float(added.mean()), len(added)
        if count == 1:
            return mean, float("nan"), float("nan")
        quantile = special.stdtrit(count - 1, (1 + self.settings.confidence) / 2)
        margin = quantile * added.std(ddof=1) / np.sqrt(count)
        return mean, mean - float(margin), mean + float(margin)


def check_feedback(context: CheckContext) -> list[Finding]:
    """Return the findings on feedback: the distance it adds, and the share of areas that are observed."""
    return [finding for name in context.scopes for finding in _check_crime_type(context, name)]


def _check_crime_type(context: CheckContext, name: str) -> list[Finding]:
    outcome = context.options.feedback
    if outcome is None:
        none, shortfall = (float("nan"),) * 3, context.options.no_feedback.rstrip(".")
        checks = ("feedback_distance", "feedback_observed")
        return [context.finding(one, none, crime_type=name, shortfall=shortfall, advice="") for one in checks]
    row = outcome.observed[outcome.observed["crime_type"] == name].iloc[0]
    observed, areas = float(row["observed"]), float(row["areas"])
    where: dict[str, Any] = {"crime_type": name}
    if np.isnan(float(row["reporting"])):
        where["shortfall"] = "the share of events reported outside patrolled areas is unknown"
        where["advice"] = "Set audit.feedback.unpatrolled_reporting_rate."
    replicates = float(outcome.settings.replicates)
    findings = [
        context.finding("feedback_distance", outcome.excess(name), evidence=replicates, **where),
        context.finding("feedback_observed", (observed,) * 3, evidence=areas, **where),
    ]
    if len(outcome.final_distances(name, WEIGHTED)):
        excess = outcome.excess(name, WEIGHTED)
        findings.append(context.finding("feedback_corrected", excess, evidence=replicates, **where))
    return findings
