"""What the register knows of a trial: whether its design was fixed before the first day, and earlier evaluations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pandas as pd

from ilp_models.audit.register.declarations import DECLARED, deadline
from ilp_models.audit.register.register import Register, RegisterEntry, RegisterState
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.domain.trial_finding import TrialFinding
from ilp_models.evaluation.outcomes import TrialCounts
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.registration import user

EVALUATED: Final = "evaluated"
TRIAL: Final = "trial"  # key of the content of both lines; `extent` above it would make a declaration of an audit


@dataclass(frozen=True)
class TrialRegistration:
    """The line of a design, and the lines of its evaluations.

    Attributes
    ----------
    in_time : bool
        Whether the design was registered before its first day.
    moment : datetime, optional
        When it was registered.
    findings : tuple of TrialFinding
        What is wrong with the registration.
    evaluations : tuple of RegisterEntry
        Earlier evaluations, oldest first.
    """

    in_time: bool
    moment: datetime | None
    findings: tuple[TrialFinding, ...]
    evaluations: tuple[RegisterEntry, ...] = ()

    @classmethod
    def of_design(cls, design: TrialDesign, register: Register | None, *, simulated: bool) -> "TrialRegistration":
        """Return what the register knows of a design; StorageError if the register was changed."""
        if register is None:
            return cls(in_time=False, moment=None, findings=(TrialFinding("no register"),))
        lines = register.verify().lines
        own = [line for line in lines if line.decision == design.digest()]
        declared = next((line for line in own if line.act == DECLARED), None)
        evaluations = tuple(line for line in own if line.act == EVALUATED)
        others = _of_same_trial(design, lines)
        if declared is None:
            finding = TrialFinding("not registered")
            if others:
                facts = {"other": others[-1].decision[:16], "given": design.digest()[:16]}
                finding = TrialFinding("changed after registration", facts)
            return cls(in_time=False, moment=None, findings=(finding,), evaluations=evaluations)
        begins = deadline(design.first_period, design.time_zone, declared.moment, simulated=simulated)
        late = begins <= declared.moment
        facts = {"day": f"{declared.moment:%Y-%m-%d}", "start": design.start}
        findings = (TrialFinding("registered late", facts),) if late else ()
        return cls(not late, declared.moment, findings, evaluations)

    def revisions(self, counts: TrialCounts) -> Iterator[TrialFinding]:
        """Yield how the counts differ from those of the last evaluation."""
        if not self.evaluations:
            return
        last = self.evaluations[-1]
        known = _sums_in(last)
        current = period_sums(counts)
        both = [(known[day], current[day]) for day in known if day in current]
        pairs = [(old, new) for before, after in both for old, new in zip(before, after, strict=False)]
        changed = sum(old != new for old, new in pairs)
        if changed:
            facts = {"day": f"{last.moment:%Y-%m-%d}", "changed": changed, "total": len(pairs)}
            yield TrialFinding("outcome revised", {**facts, "difference": sum(new - old for old, new in pairs)})


def _of_same_trial(design: TrialDesign, lines: tuple[RegisterEntry, ...]) -> list[RegisterEntry]:
    """Return declared designs with the same first day and some of the same units."""
    found = []
    for line in lines:
        known = line.content.get(TRIAL) if line.act == DECLARED else None
        if isinstance(known, dict) and known.get("start") == design.start:
            assignment = known.get("assignment")
            if isinstance(assignment, dict) and set(assignment) & set(design.units):
                found.append(line)
    return found


def _sums_in(line: RegisterEntry) -> Mapping[str, list[float]]:
    content = line.content.get(TRIAL)
    sums = content.get("sums") if isinstance(content, dict) else None
    return sums if isinstance(sums, dict) else {}


def period_sums(counts: TrialCounts) -> dict[str, list[float]]:
    """Return the main outcome by first day of the period: units that are ever treated, and the others."""
    ever = counts.design.treated.any(axis=1)
    values = counts.counts(counts.reported)
    first = counts.design.first_period - counts.periods_before
    days = pd.period_range(first, periods=values.shape[1])
    return {
        f"{day.start_time:%Y-%m-%d}": [float(column[ever].sum()), float(column[~ever].sum())]
        for day, column in zip(days, values.T, strict=True)
    }


def register_evaluation(design: TrialDesign, register: Register, content: Mapping[str, Any]) -> str:
    """Write the line of an evaluation to the register and return its digest."""

    def check(state: RegisterState) -> None:
        del state  # an evaluation may be repeated: each has its line

    return register.append(RegisterEntry(EVALUATED, user(), design.digest(), now(), {TRIAL: dict(content)}), check)
