"""What a reader of a trial must know: findings on design, records, register and dose as fields, and their sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# The sentence of each finding; serious ones are on the first page.
_SERIOUS: Final[Mapping[str, str]] = {
    "not registered": "The register has no design with this digest. The result is observational.",
    "no register": "No register was given, so it is not known whether the design was fixed before the first day. The "
    "result is observational.",
    "registered late": "The design was registered on {day}, after the first day of the trial ({start}). The result is "
    "observational.",
    "changed after registration": "The register has another design with the same first day: {other}. The one given is "
    "{given}. Assignment or terms were changed after the registration, so the result is observational.",
    "not randomised": "Units were not assigned by lot. Other reasons can explain a difference.",
    "one treated unit": "Only one unit is treated. What happens there for other reasons cannot be separated from the "
    "effect.",
    "few assignments": "The scheme allows so few different assignments of these units that no p-value can be below "
    "{least:.2f}. This trial cannot show an effect of any size.",
    "not over": "The records hold {periods} of {planned} periods of the trial. A look before the end finds an effect "
    "by chance more often.",
    "no events": "No event is recorded in the units before and during the trial. Nothing can be said about an effect.",
    "few events": "The units have {events} recorded events during the trial. Intervals are wide.",
    "estimators disagree": "Estimators that do not agree with {estimator}: {others}. Find out why before you act.",
    "agreement needed": "Without an assignment by lot, an effect counts as shown only if all estimators agree.",
    "outcome revised": "Records changed since the evaluation of {day}: {changed} of {total} counts differ, and the sum "
    "changed by {difference:+g} events.",
    "dose outside": "{units} of {total} units had {hours:,.1f} hours in periods without treatment ({share:.0%} of all "
    "hours). This contamination moves the estimate towards no effect.",
    "dose missing": "{missing} of {total} treated unit-periods have no recorded dose. The main result compares units "
    "as they were assigned, so it is the effect of assigning, not of patrolling.",
    "dose too high": "{rows} rows of the dose table have more hours than their patrol units can work in a whole period "
    "(one unit where crews is empty). The first is row {row}, {hours:,.1f} hours. Are they minutes?",
    "signed below power": "The trial was signed although its power is below the least power: {reason} ({who}).",
}
_NOTES: Final[Mapping[str, str]] = {
    "short past": "The records hold {periods} of {planned} periods before the trial.",
    "last night cut": "The records end before the last night shift, which ends on {needed}. Crimes after midnight of "
    "this night are missing in both arms.",
    "few units": "An arm has {units} units. Errors that are clustered by unit are too small with fewer than 10.",
    "zone cells missing": "{cells} cells of zones are not in the grid. They are left out.",
    "shared zones": "{cells} cells lie in zones of units with different assignments. They are left out.",
    "outside the grid": "{events:,} events of these periods lie outside the grid. They are not counted.",
    "found by patrols": "Patrols find {types}. More patrols raise these records, so they are reported apart.",
    "not estimated": "{estimator}: {reason}",
    "no dose": "No dose table was given. Whether treated places were patrolled, and only these, is not known.",
    "recorded dose": "The dose table has {rows:,} rows and {hours:,.1f} hours.",
    "dose not reported": "Rows without hours, on top of these: {rows:,}. They count as not reported, not as 0 hours.",
    "dose elsewhere": "{hours:,.1f} hours were in cells of no unit, {zone:,.1f} of them in zones.",
    "dose at another time": "{rows} rows of the dose table are outside the recorded periods of the trial.",
    "columns dropped": "Columns of the dose table that are not used were dropped: {columns}.",
    "dose suppressed": "{places} places were served by one patrol unit only. Their hours are not shown.",
    "no crews": "The dose table has no column crews, so that no place served by one patrol unit can be hidden.",
}


@dataclass(frozen=True)
class TrialFinding:
    """One finding on a trial.

    Attributes
    ----------
    check : str
        What was found, such as ``dose outside``.
    facts : mapping
        Numbers and names of the finding.
    """

    check: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def serious(self) -> bool:
        """Whether it limits what may be said about the effect."""
        return self.check in _SERIOUS

    @property
    def text(self) -> str:
        """The finding as a sentence."""
        return {**_SERIOUS, **_NOTES}[self.check].format(**self.facts)
