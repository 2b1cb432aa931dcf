"""Feedback of one forecaster under one way of flagging: what it learns from records that follow its own maps.

How it is simulated, what came of it (:mod:`ilp_models.audit.feedback.simulation` makes it) and what that means for the
gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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
    """How feedback is simulated.

    Parameters
    ----------
    periods : int, default 104
        Periods simulated; as many as are remembered, so that in the end nothing of the past recorded in full is left.
    every : int, default 26
        Periods between two fits; the map of the period after a fit is patrolled until the next.
    replicates : int, default 3
        Independent simulations; the interval is between them.
    memory : int, default 104
        Periods that the forecaster is fitted on; those before the simulation are recorded in full.
    reporting : float or mapping of str to float, optional
        Chance that an event outside patrolled land is recorded, for all crime types or by type; unknown without it.
    exploration : float, default 0
        Share of the flagged land that is drawn at random instead of by rank.
    level : float, default 0.95
        Probability that the interval is made for.
    seed : int, default 0
        Seed of all draws.

    Raises
    ------
    InputError
        If a setting is out of its range.
    """

    periods: int = 104
    every: int = 26
    replicates: int = 3
    memory: int = 104
    reporting: float | Mapping[str, float] | None = None
    exploration: float = 0.0
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if not 1 <= self.every <= self.periods or self.replicates < 1 or self.memory < 1:
            msg = (
                "audit.feedback needs 1 <= every <= periods, replicates >= 1 and memory >= 1, not "
                f"every={self.every}, periods={self.periods}, replicates={self.replicates}, memory={self.memory}."
            )
            raise InputError(msg)
        rates = self.reporting.values() if isinstance(self.reporting, Mapping) else (self.reporting or 0.0,)
        if not all(0 <= rate <= 1 for rate in (*rates, self.exploration)) or not 0 < self.level < 1:
            msg = (
                "audit.feedback needs reporting and exploration from 0 to 1 and 0 < level < 1, not "
                f"reporting={self.reporting}, exploration={self.exploration}, level={self.level}."
            )
            raise InputError(msg)

    def rate_of(self, crime_type: str) -> float | None:
        """Return the chance of a report of one crime type."""
        return self.reporting.get(crime_type) if isinstance(self.reporting, Mapping) else self.reporting

    def reported(self, crime_types: tuple[str, ...]) -> Floats:
        """Return the chance that an event outside patrolled land is recorded; 0 where it is unknown."""
        strange = sorted(set(self.reporting) - set(crime_types)) if isinstance(self.reporting, Mapping) else []
        if strange:
            msg = f"audit.feedback.reporting names {strange[0]!r}; the crime types are {', '.join(crime_types)}."
            raise InputError(msg)
        known = [self.rate_of(name) for name in crime_types]
        lacking = [name for name, rate in zip(crime_types, known, strict=True) if rate is None]
        if lacking and self.exploration == 0:
            msg = (
                f"How many events of {lacking[0]} are reported where nobody patrols is unknown, and no patrol goes "
                "anywhere else than by rank, so that feedback cannot be bounded. Set audit.feedback.reporting, such as "
                "from a survey of victims, or audit.feedback.exploration above 0."
            )
            raise InputError(msg)
        return np.array([rate or 0.0 for rate in known], dtype=float)


@dataclass(frozen=True, eq=False)
class PatrolRule:
    """What land is patrolled: that which a map flags.

    Parameters
    ----------
    share : float
        Share of the land flagged in each period, for each crime type.
    unit : str, default "count"
        What areas are ranked by; see :class:`ilp_models.audit.flagging.FlaggingRule`.
    residents : ndarray of float64, optional
        Residents of each cell of the real grid, for ``per_resident``.
    share_of : str, default "land"
        What a share is a share of: ``land`` or ``cells``.
    harm : ndarray of float64, optional
        Harm of one event of each crime type, for the unit ``harm``.
    """

    share: float
    unit: str = "count"
    residents: Floats | None = None
    share_of: str = "land"
    harm: Floats | None = None


@dataclass(frozen=True, eq=False)
class FeedbackOutcome:
    """What the forecaster learned, with everything recorded, with records that follow patrols, and with weights.

    Parameters
    ----------
    settings : Feedback
        How it was simulated.
    areas : str
        What the areas are: a level of parent areas, ``cell`` or ``block``.
    trajectory : DataFrame
        The columns of ``COLUMNS``: for each replicate, kind of ``records`` (``complete``, ``followed``, ``weighted``),
        ``period`` of a fit and crime type (and ``all``) the total variation distance between forecast and true shares
        of areas, and Spearman's correlation of both.
    observed : DataFrame
        By crime type (and ``all``, their mean): ``areas``, ``patrolled`` (share of areas patrolled at least once, even
        in part), ``observed`` (patrolled at least once, or with reports) and ``reporting`` (NaN where it is unknown
        and nothing was taken to be reported).
    """

    settings: Feedback
    areas: str
    trajectory: pd.DataFrame
    observed: pd.DataFrame

    def final(self, crime_type: str, records: str) -> Floats:
        """Return the distance at the last fit."""
        rows = self.trajectory
        rows = rows[(rows["crime_type"] == crime_type) & (rows["records"] == records)]
        return np.asarray(rows.loc[rows["period"] == rows["period"].max(), "distance"], dtype=float)

    def excess(self, crime_type: str, records: str = FOLLOWED) -> tuple[float, float, float]:
        """Return how much further from the truth the forecast ends than with everything recorded.

        Sampling noise alone keeps any forecast from the truth; what feedback adds is the difference to the same
        simulation, with the same events, in which all of them are recorded.
        """
        apart = self.final(crime_type, records)
        if len(apart) == 0:
            return float("nan"), float("nan"), float("nan")
        apart = apart - self.final(crime_type, COMPLETE)
        mean, count = float(apart.mean()), len(apart)
        if count == 1:
            return mean, float("nan"), float("nan")
        reach = special.stdtrit(count - 1, (1 + self.settings.level) / 2) * apart.std(ddof=1) / np.sqrt(count)
        return mean, mean - float(reach), mean + float(reach)


def check_feedback(context: CheckContext) -> list[Finding]:
    """Return how far records that follow its own maps would move the forecaster from the true rates."""
    return [finding for name in context.scopes for finding in _of_type(context, name)]


def _of_type(context: CheckContext, name: str) -> list[Finding]:
    outcome = context.options.feedback
    if outcome is None:
        none, shortfall = (float("nan"),) * 3, context.options.no_feedback.rstrip(".")
        checks = ("feedback_distance", "feedback_observed")
        return [context.finding(one, none, crime_type=name, shortfall=shortfall, advice="") for one in checks]
    row = outcome.observed[outcome.observed["crime_type"] == name].iloc[0]
    observed, areas = float(row["observed"]), float(row["areas"])
    where: dict[str, Any] = {"crime_type": name}
    if np.isnan(float(row["reporting"])):
        where["shortfall"] = "the share of events reported off patrolled land is unknown"
        where["advice"] = "Set audit.feedback.reporting."
    replicates = float(outcome.settings.replicates)
    findings = [
        context.finding("feedback_distance", outcome.excess(name), evidence=replicates, **where),
        context.finding("feedback_observed", (observed,) * 3, evidence=areas, **where),
    ]
    if len(outcome.final(name, WEIGHTED)):
        excess = outcome.excess(name, WEIGHTED)
        findings.append(context.finding("feedback_corrected", excess, evidence=replicates, **where))
    return findings
