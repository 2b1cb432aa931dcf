"""The table of effects: the main result, secondary outcomes with adjusted p-values, and other estimators as checks."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import NotRunError
from ilp_models.domain.trial import Bools, Effect, TrialData
from ilp_models.domain.trial_finding import TrialFinding
from ilp_models.evaluation.differences import DifferenceInDifferences
from ilp_models.evaluation.displacement import DisplacementDifference
from ilp_models.evaluation.intention_to_treat import IntentionToTreat
from ilp_models.evaluation.outcomes import MAIN, Outcome
from ilp_models.evaluation.robustness import NONE, conclusion, holm
from ilp_models.evaluation.synthetic_control import SyntheticControl

COLUMNS: Final = (
    *("role", "outcome", "kind", "estimator", "ratio", "ratio_low", "ratio_high"),
    *("events", "events_low", "events_high", "p_value", "p_adjusted", "conclusion", "treated_count", "unit"),
)
SECONDARY: Final = "secondary"
CHECK: Final = "check"
_MATCHED_BLOCKS: Final = 13  # of the past, in a synthetic control: four weeks of a year


@dataclass(frozen=True, eq=False)
class EffectTable:
    """Effects of a trial on its outcomes.

    Attributes
    ----------
    main : Outcome
        The outcome that decides.
    others : sequence of (Outcome, str)
        Secondary outcomes, each with what its counts are in, such as ``events``.
    zones : TrialData, optional
        The main outcome in the zones around the units.
    randomised : bool
        Whether the assignment was drawn, and registered before the first day.
    confidence : float
        Of all intervals.
    """

    main: Outcome
    others: Sequence[tuple[Outcome, str]]
    zones: TrialData | None
    randomised: bool
    confidence: float
    _failures: list[TrialFinding] = field(default_factory=list)

    def _estimate(self, trial: TrialData) -> Effect:
        """Return the effect by the estimator of the main result."""
        if self.randomised:
            return IntentionToTreat().estimate(trial, self.confidence, self._draws)
        return DifferenceInDifferences().estimate(trial, self.confidence)

    @cached_property
    def _draws(self) -> Bools:
        return IntentionToTreat().other_assignments(self.main.trial)

    @cached_property
    def effect(self) -> Effect:
        """The main effect."""
        return self._estimate(self.main.trial)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each outcome and estimator, in the order main, secondary, checks."""
        rows = [self._row(MAIN, self.main, "events", self.effect)]
        rows += [self._row(SECONDARY, one, unit, self._estimate(one.trial)) for one, unit in self.others]
        rows += [self._row(CHECK, self.main, "events", one) for one in self._checks()]
        table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
        second = (table["role"] == SECONDARY).to_numpy()
        adjusted = np.full(len(table), np.nan)
        adjusted[second] = holm(table.loc[second, "p_value"].tolist())
        unclear = second & ~(adjusted <= 1 - self.confidence)
        table["p_adjusted"] = adjusted
        table.loc[unclear, "conclusion"] = NONE
        self._compare(table)
        return table

    def _compare(self, table: pd.DataFrame) -> None:
        """Note which checks disagree; without a draw, an effect then counts as not shown."""
        checks = table[(table["role"] == CHECK) & table["ratio"].notna()]
        other = checks.loc[checks["conclusion"] != table.loc[0, "conclusion"], "estimator"]
        if not len(other):
            return
        facts = {"estimator": table.loc[0, "estimator"], "others": ", ".join(other)}
        self._failures.append(TrialFinding("estimators disagree", facts))
        if not self.randomised:
            self._failures.append(TrialFinding("agreement needed"))
            table.loc[0, "conclusion"] = NONE

    def findings(self) -> list[TrialFinding]:
        """Return which checks could not be computed, and why."""
        return [*self._failures] if self.table is not None else []

    def _checks(self) -> Iterator[Effect]:
        trial, confidence = self.main.trial, self.confidence
        ever = trial.treated.any(axis=1)
        if self.randomised:
            yield DifferenceInDifferences().estimate(trial, confidence)
        if not trial.treated[ever].all():
            reason = "units change between treatment and control, so that it is not defined."
            for one in (DisplacementDifference, SyntheticControl):
                self._failures.append(TrialFinding("not estimated", {"estimator": one.name, "reason": reason}))
            return
        yield DisplacementDifference().estimate(trial, confidence)
        if self.zones is not None:
            found = DisplacementDifference().estimate(trial, confidence, self.zones)
            yield replace(found, estimator=f"{found.estimator} with zones")
        try:
            size = max(1, -(-trial.before.shape[1] // _MATCHED_BLOCKS))
            yield SyntheticControl(match_periods=size).estimate(trial, confidence)
        except NotRunError as error:
            facts = {"estimator": SyntheticControl.name, "reason": str(error)}
            self._failures.append(TrialFinding("not estimated", facts))

    def _row(self, role: str, outcome: Outcome, unit: str, effect: Effect) -> dict[str, Any]:
        trial = outcome.trial
        kept = trial.treated & trial.scheme.analysed(trial.treated) & (trial.blocks >= 0)[:, None]
        return {
            "role": role,
            "outcome": outcome.name,
            "kind": outcome.kind,
            **asdict(effect),
            "conclusion": conclusion(effect, self.confidence),
            "treated_count": float(trial.during[kept].sum()),
            "unit": unit,
        }
