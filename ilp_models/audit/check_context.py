"""What the checks of an audit work on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ilp_models.audit.flagging import HARM, FlaggingRule
from ilp_models.audit.residents import Residents
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.features import Column
from ilp_models.domain.finding import ALL, Finding, Limit, State
from ilp_models.domain.grid import Grid
from ilp_models.domain.harm import harm_weights
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import Replay
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import poisson_deviance

Floats = npt.NDArray[np.float64]

NO_LIMIT: Final = Limit()
NONE_ALLOWED: Final = Limit(fail_above=0, neutral=0)


@dataclass(frozen=True)
class MinEvidence:
    """The least evidence that a number may rest on; with less it is shown but its state is insufficient.

    Parameters
    ----------
    periods : int, default 52
        Test periods for a comparison with the baseline.
    events : float, default 200
        Recorded events weighted by a group's share of residents.
    areas : int, default 10
        Areas that hold half of a group.

    Raises
    ------
    InputError
        If one is not a number >= 0.
    """

    periods: int = 52
    events: float = 200
    areas: int = 10

    def __post_init__(self) -> None:
        """Refuse a minimum that nothing falls short of, such as NaN."""
        if not all(number >= 0 for number in vars(self).values()):
            msg = f"audit.minimum needs numbers >= 0, not {vars(self)}."
            raise InputError(msg)

    def met(self, events: Floats, areas: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return which groups have enough events and areas."""
        return (events >= self.events) & (areas >= self.areas)


@dataclass(frozen=True, eq=False)
class CheckContext:
    """Replays, residents and explanation of one forecaster, with the limits it is held against.

    Parameters
    ----------
    replay, baseline : Replay
        The forecaster audited, and the baseline, over the same units.
    grid : Grid
        The cells of both.
    explanation : Explanation or None
        Attributions of the forecaster, where it can be explained.
    features : tuple of Column or None
        Columns that the forecaster uses; none known where it is None.
    limits : mapping of str to Limit
        By check.
    minimum : Minimum
        The least evidence.
    resampling : Resampling
        Draws of periods.
    share : float
        Share of the active land that is flagged.
    unit : str
        What cells are ranked by.
    floor : float
        Smaller forecasts are read as this many events where logarithms are taken.
    residents : tuple of Residents, optional
        One a dimension of the group table; empty without one.
    harm : mapping of str to float, optional
        Harm of one event by crime type, for the unit ``harm``.
    share_of : str, default "land"
        What a share is a share of: ``land`` or ``cells``.

    Raises
    ------
    InputError
        If the replays and the grid are not of the same units.
    """

    replay: Replay
    baseline: Replay
    grid: Grid
    explanation: Explanation | None
    features: tuple[Column, ...] | None
    limits: Mapping[str, Limit]
    minimum: MinEvidence
    resampling: Bootstrap
    share: float
    unit: str
    floor: float
    residents: tuple[Residents, ...] = ()
    harm: Mapping[str, float] = field(default_factory=dict)
    share_of: str = "land"

    def __post_init__(self) -> None:
        """Refuse to compare unlike with unlike."""
        ours, theirs = self.replay.expected.indexes, self.baseline.expected.indexes
        differing = [name for name in DIMS if not ours[name].equals(theirs[name])]
        if differing or self.replay.lead != self.baseline.lead:
            names = f"{self.replay.forecaster} and {self.baseline.forecaster}"
            msg = f"The replays of {names} differ in {differing or 'lead'}; replay both over the same units."
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
        """Flagged fraction of each cell by the audited forecaster, shape (crime types, cells, periods)."""
        return self.flags_of(self.replay)

    @cached_property
    def baseline_flags(self) -> Floats:
        """Flagged fraction of each cell by the baseline, shape (crime types, cells, periods)."""
        return self.flags_of(self.baseline)

    @property
    def harms(self) -> Floats | None:
        """Harm of one event of each crime type, None where none is given."""
        return harm_weights(self.harm, self.replay.crime_types, "audit.harm") if self.harm else None

    def deviance_of(self, replay: Replay) -> Floats:
        """Return the Poisson deviance of each unit."""
        return poisson_deviance(self.observed, replay.expected.values, self.floor)

    def flags_of(self, replay: Replay) -> Floats:
        """Return the flagged fraction of each cell by a forecaster, in the audited unit and share."""
        return self.cut().flagged(np.asarray(replay.expected.values, dtype=float), self.share)[0]

    def cut(self, unit: str | None = None) -> FlaggingRule:
        """Return how maps are cut."""
        people, ranked = self.residents[0].total if self.residents else None, unit or self.unit
        harm = self.harms if ranked == HARM else None
        return FlaggingRule(self.grid.area_m2, ranked, self.share_of, people, harm)

    def judged(self, check: str, title: str, numbers: tuple[float, float, float], **where: Any) -> Finding:
        """Return a finding judged by the limit of its check."""
        thin, advice = where.pop("thin", ""), where.pop("advice", "")
        limit = self.limits.get(check, NO_LIMIT)
        state = State.INSUFFICIENT if thin else limit.judge(*numbers)
        subject = ", ".join(filter(None, (where.get("crime_type"), where.get("dimension"), where.get("group"))))
        reason = f"{subject + ': ' if subject else ''}{title} {_spoken(*numbers, limit)}"
        reason += f" ({limit.words() or 'reported only'})."
        if state is State.INSUFFICIENT:
            if not thin and math.isfinite(numbers[0]):
                thin, advice = "too few test periods for an interval", "Test more periods."
            reason += f" Too little evidence: {thin or 'a number cannot be worked out'}."
        if state is not State.PASS and advice:
            reason += f" {advice}"
        return Finding(check, title, state, reason, *numbers, limit=limit, **where)


def none_allowed(check: str, title: str, count: float, reason: str, evidence: float = math.nan) -> Finding:
    """Return a finding on a count of which more than none fails, whatever the settings."""
    state = NONE_ALLOWED.judge(count, count, count)
    return Finding(check, title, state, reason, count, count, count, NONE_ALLOWED, evidence=evidence)


def _spoken(estimate: float, low: float, high: float, limit: Limit) -> str:
    if not math.isfinite(estimate):
        return "has no value"
    bounds = (limit.fail_below, limit.warn_below, limit.warn_above, limit.fail_above)
    # a number just beyond a bound would read as the bound itself
    digits = next((count for count in range(3, 9) if float(f"{estimate:.{count}g}") not in bounds), 3)
    exact = low == estimate == high
    interval = "" if exact else f" [{low:.3g}, {high:.3g}]" if math.isfinite(low + high) else " without an interval"
    return f"is {estimate:.{digits}g}{interval}"
