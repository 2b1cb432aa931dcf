"""Context of the checks: forecasts, records, residents, explanation, settings and limits of one audit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.flagging import HARM, UNITS, FlaggingRule, with_total
from ilp_models.audit.register.earlier import RegisterSnapshot
from ilp_models.audit.residents import Residents
from ilp_models.domain.allocation import PlannedPeriods
from ilp_models.domain.checks import CATALOGUE
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.features import Column
from ilp_models.domain.finding import ALL, Finding, Limit, Shortfall, State
from ilp_models.domain.governance import Governance
from ilp_models.domain.grid import Grid
from ilp_models.domain.harm_weights import WEIGHT, HarmWeights, align_weights
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.domain.timing import Timing
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import poisson_deviance

if TYPE_CHECKING:
    from ilp_models.audit.feedback.feedback import FeedbackOutcome

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MinEvidence:
    """Minimum evidence of a finding. With less, the value is shown but its state is insufficient.

    Parameters
    ----------
    periods : int, default 52
        Test periods for a comparison with the baseline.
    events : float, default 200
        Recorded events where a group lives, weighted by its share of residents.
    areas : int, default 10
        Smallest number of areas that together hold half of a group.

    Raises
    ------
    InputError
        If one is not a number >= 0.

    Examples
    --------
    >>> MinEvidence(events=100).events
    100
    """

    periods: int = 52
    events: float = 200
    areas: int = 10

    def __post_init__(self) -> None:
        """Refuse negative numbers and NaN."""
        if not all(number >= 0 for number in vars(self).values()):
            msg = f"audit.min_evidence needs numbers >= 0, not {vars(self)}."
            raise InputError(msg)

    def met(self, events: Floats, areas: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return whether each group has enough events and areas."""
        return (events >= self.events) & (areas >= self.areas)


@dataclass(frozen=True, eq=False)
class CheckOptions:
    """Settings of single checks, and inputs of them that are not numbers of the replays."""

    allowed_families: Sequence[str] = ()  # feature families that a model may use
    forbidden_terms: Sequence[str] = ()  # words that no column may be named after
    enforcement_types: Sequence[str] = ()  # kinds of crime types that are recorded where police patrol
    underreporting_group: tuple[str, str] | None = None  # reports less; every group in turn if None
    governance: Governance = field(default_factory=Governance)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    trained: tuple[pd.Timestamp, pd.Timestamp] | None = None  # half-open span of the training records
    reporting_rates: Floats | None = None  # share of events reported, by cell
    feedback: "FeedbackOutcome | None" = None
    no_feedback: str = "it was not simulated"  # why there is no feedback outcome
    no_groups: str = ""  # why the group table cannot be read
    overused: pd.DataFrame | None = None  # cells with records at over-used points; None if the records were not read
    timing: Timing | None = None  # None if unknown
    register: RegisterSnapshot | None = None  # None if the register was not read
    changed: tuple[str, ...] = ()  # settings that differ from the defaults
    group_table: str = ""  # digest of the group table


@dataclass(frozen=True, eq=False)
class CheckContext:
    """Everything that a check reads. Every check is a function of it and returns findings."""

    replay: Replay  # of the forecaster audited
    baseline: Replay  # over the same units
    grid: Grid
    explanation: Explanation | None
    features: tuple[Column, ...] | None  # columns that the forecaster uses; None where unknown
    limits: Mapping[str, Limit]  # by check; the catalogue's default without an entry
    min_evidence: MinEvidence
    bootstrap: Bootstrap
    land_share: float  # share of the active land that is flagged
    rank_by: str  # what cells are ranked by
    floor: float  # smaller forecasts are read as this many events in logarithms
    residents: tuple[Residents, ...] = ()  # one a dimension
    harm: Mapping[str, float] = field(default_factory=dict)  # of one crime, by crime type, in the set that ranks
    harm_sets: tuple[HarmWeights, ...] = ()  # of every chosen harm set
    share_of: str = "land"  # or "cells"
    plan: PlannedPeriods | None = None  # of the audited rule; None: the top areas of each crime type
    baseline_plan: PlannedPeriods | None = None  # of the same rule applied to the baseline's forecasts
    options: CheckOptions = field(default_factory=CheckOptions)

    def __post_init__(self) -> None:
        """Refuse replays of different units."""
        ours, theirs = self.replay.expected.indexes, self.baseline.expected.indexes
        differing = [name for name in DIMS if not ours[name].equals(theirs[name])]
        if differing or self.replay.lead != self.baseline.lead:
            names = f"{self.replay.forecaster} and {self.baseline.forecaster}"
            msg = f"The replays of {names} differ in {differing or 'lead'}; replay both over the same units."
            raise InputError(msg)
        if (self.plan is None) is not (self.baseline_plan is None):
            msg = "Only one of the two replays was planned by a rule. Plan both, or neither."
            raise InputError(msg)
        if not ours["cell"].equals(self.grid.cells):
            msg = f"The replay of {self.replay.forecaster} has other cells than the grid; give the grid it was made on."
            raise InputError(msg)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The crime types and, where there are several, their pool ``all``."""
        types = self.replay.crime_types
        return (*types, ALL) if len(types) > 1 else types

    @cached_property
    def observed(self) -> Floats:
        """Recorded events, shape (crime types, cells, periods)."""
        return np.asarray(self.replay.observed.values, dtype=float)

    @cached_property
    def flags(self) -> Floats:
        """Covered fraction of each cell under the audited rule, shape (scopes, cells, periods).

        Without another rule, each crime type has a map of its own top areas, and all types together have a map of
        theirs, which is what an allocation covers. Under another rule every scope has the same plan.
        """
        return self.ranked_flags if self.plan is None else self._planned(self.plan)

    @cached_property
    def baseline_flags(self) -> Floats:
        """The same for the forecasts of the baseline."""
        return self.flags_of(self.baseline) if self.baseline_plan is None else self._planned(self.baseline_plan)

    @cached_property
    def ranked_flags(self) -> Floats:
        """Flagged fraction of each cell by the ranking of the audited forecaster alone, shape (scopes, ...)."""
        return self.flags_of(self.replay)

    def _planned(self, plan: PlannedPeriods) -> Floats:
        return np.broadcast_to(plan.share, (len(self.scopes), *plan.share.shape))

    def flags_without(self, types: Sequence[int]) -> Floats:
        """Return the flags of some crime types, by position, and of these types together."""
        if self.plan is not None:
            return self.flags[: len(types) + (len(types) > 1)]
        expected = with_total(np.asarray(self.replay.expected.values, dtype=float)[list(types)])
        rule = self.flagging_rule()
        rule = rule if rule.harm is None else replace(rule, harm=rule.harm[list(types)])
        return rule.flagged(expected, self.land_share)[0]

    @property
    def harms(self) -> Floats | None:
        """Harm of one crime of each crime type in the set that ranks; None where none is chosen."""
        return align_weights(self.harm, self.replay.crime_types) if self.harm else None

    @property
    def harm_rankings(self) -> dict[str, Floats]:
        """The weights of every ranking by harm: ``harm`` is the set that ranks, others are each set and reading."""
        types, ranking = self.replay.crime_types, self.harms
        rankings = {} if ranking is None else {HARM: ranking}
        for one in self.harm_sets:
            for reading in one.readings:
                end = "" if reading == WEIGHT else f"_{reading}"
                rankings[f"{HARM}_{one.name}{end}"] = one.aligned(types, reading)
        return rankings

    def deviance_of(self, replay: Replay) -> Floats:
        """Return the Poisson deviance of each unit."""
        return poisson_deviance(self.observed, replay.expected.values, self.floor)

    def flags_of(self, replay: Replay) -> Floats:
        """Return the flagged fraction of each cell by a forecaster, with the audited ranking and share."""
        expected = with_total(np.asarray(replay.expected.values, dtype=float))
        return self.flagging_rule().flagged(expected, self.land_share)[0]

    def flagging_rule(self, rank_by: str | None = None) -> FlaggingRule:
        """Return how cells are ranked and flagged, in the audited ranking or another, also one of a harm set."""
        people, ranked = self.residents[0].total if self.residents else None, rank_by or self.rank_by
        harm = None if ranked in UNITS else self.harm_rankings.get(ranked)
        return FlaggingRule(self.grid.area_m2, ranked if harm is None else HARM, self.share_of, people, harm)

    def finding(
        self,
        check: str,
        numbers: tuple[float, float, float],
        *,
        shortfall: str | Sequence[Shortfall] = (),
        advice: str | None = None,
        **fields: Any,
    ) -> Finding:
        """Return a finding on value, low and high, judged by the limit of its check; more fields as of a Finding.

        The advice is the catalogue's unless one is given. A shortfall makes the state insufficient.
        """
        entry = CATALOGUE[check]
        limit = self.limits.get(check, entry.limit) if entry.adjustable else entry.limit
        lacking = tuple(shortfall) if not isinstance(shortfall, str) else (Shortfall(shortfall),) if shortfall else ()
        state = State.INSUFFICIENT if lacking else limit.judge(*numbers)
        if state is State.INSUFFICIENT and not lacking:
            if math.isfinite(numbers[0]):
                lacking, advice = (Shortfall("too few test periods for an interval"),), "Test more periods."
            else:
                lacking = (Shortfall("the value cannot be calculated"),)
        if state is State.PASS:
            advice = ""
        elif advice is None:
            advice = entry.advice
        return Finding(check, state, *numbers, limit, shortfall=lacking, advice=advice, **fields)

    def count_finding(self, check: str, count: float, detail: str, evidence: float = math.nan) -> Finding:
        """Return a finding on an exact count, such as columns that are not allowed."""
        return self.finding(check, (count,) * 3, detail=detail, evidence=evidence)
