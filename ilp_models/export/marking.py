"""What every exported file says about itself: its grade, where it came from, what it does not show."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from ilp_models.domain.decision import Decision
from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.forecast import RiskForecast

GRADES: Final = ("research", "allocation")
NO_DECISION: Final = "none"


@dataclass(frozen=True)
class Provenance:
    """Where a forecast came from, in plain text.

    Parameters
    ----------
    recipe : str
        Fingerprint of the recipe that made the forecast.
    data : str
        Digest of the events.
    code : str
        Version of the code: package version and git commit.
    created : str
        When the forecast was made, ISO 8601 with its zone.
    attribution : str
        The licence line that the publisher of the records asks for.
    protocol : str
        One line on how the forecaster was scored: grid, cell size, periods, cutoff rule, n, interval.
    """

    recipe: str
    data: str
    code: str
    created: str
    attribution: str
    protocol: str


@dataclass(frozen=True)
class Marking:
    """The grade of an export and the facts that travel inside each of its files.

    Parameters
    ----------
    grade : str
        ``research`` or ``allocation``.
    decision : str
        Id of the decision on this very forecast, ``none`` without one.
    facts : mapping of str to str
        Provenance, scope and caveat by name.
    """

    grade: str
    decision: str
    facts: Mapping[str, str]

    @property
    def headline(self) -> str:
        """The line to show on the face of a layer: what it may be used for and what it speaks of."""
        return f"{self.facts['use']}; {SCOPE}"


def mark(
    forecast: RiskForecast, provenance: Provenance, decision: Decision | None, grade: str, now: datetime | None = None
) -> Marking:
    """Return the marking of an export, or refuse the grade."""
    if provenance.recipe != forecast.recipe:
        msg = f"Provenance of recipe {provenance.recipe} cannot go with a forecast of {forecast.recipe}; use its own."
        raise InputError(msg)
    digest = forecast.digest()
    if grade == "allocation":
        if decision is None:
            msg = "grade=allocation needs a decision and there is none; run the audit, or export with grade=research."
            raise WithheldError(msg)
        decision.require_permission(forecast, now or datetime.now(UTC))
    covers = decision is not None and decision.forecast == digest
    name = decision.short if decision is not None and covers else NO_DECISION
    changed = "" if decision is None or not covers else "; ".join(decision.report.changed)
    until = decision.valid_until.isoformat() if decision is not None and grade == "allocation" else NO_DECISION
    approval = None if decision is None or grade == "research" else decision.approval
    facts = {
        "grade": grade,
        "use": RESEARCH_ONLY if grade == "research" else f"admitted for resource allocation until {until}",
        "scope": SCOPE,
        "caveat": CAVEAT,
        "decision": name,
        "valid_until": until,
        "approval": NO_DECISION if approval is None else f"by {approval.reviewer}: {approval.reason}",
        "audit_settings": changed or ("none" if name == NO_DECISION else "the usual ones"),
        "units": "expected and q05 to q95: events per cell and period; share: part of the sum over all cells",
        "forecaster": forecast.forecaster,
        "forecast": digest,
        "cutoff": str(forecast.cutoff),
        **asdict(provenance),
    }
    return Marking(grade, name, facts)
