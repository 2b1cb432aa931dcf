"""Mark exported files with their grade, decision, provenance and caveats."""

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
    """Where a forecast came from, as text."""

    recipe: str  # fingerprint
    data: str  # digest of the events
    code: str  # package version and git commit
    created: str  # ISO 8601 with time zone
    attribution: str  # licence text of the publisher
    protocol: str  # how the forecaster was scored, in one line


@dataclass(frozen=True)
class Marking:
    """Grade, decision and facts (provenance, scope, caveats) of an export; part of each file."""

    grade: str  # ``research`` or ``allocation``
    decision: str  # id of the decision on this forecast, or ``none``
    facts: Mapping[str, str]
    decimal: str = "point"  # decimal mark of CSV files: ``point`` or ``comma``

    @property
    def headline(self) -> str:
        """The permitted use and the scope in one line, as the title of a layer."""
        return f"{self.facts['use']}; {SCOPE}"

    @property
    def note(self) -> str:
        """The headline and the caveat, as the description of a style."""
        return f"{self.headline}. {self.facts['caveat']}"


def mark(
    forecast: RiskForecast, provenance: Provenance, decision: Decision | None, grade: str, now: datetime | None = None
) -> Marking:
    """Return the marking of an export; raise WithheldError if the decision does not permit the grade."""
    if provenance.recipe != forecast.recipe:
        msg = (
            f"The provenance has recipe {provenance.recipe} and the forecast has recipe {forecast.recipe}. Use the "
            "provenance of this forecast."
        )
        raise InputError(msg)
    digest = forecast.digest()
    if grade == "allocation":
        if decision is None:
            msg = "grade=allocation needs a decision, and this forecast has none. Run the audit or use grade=research."
            raise WithheldError(msg)
        decision.require_permission(forecast, now or datetime.now(UTC))
    same_forecast = decision is not None and decision.forecast == digest
    name = decision.short if decision is not None and same_forecast else NO_DECISION
    changed = "" if decision is None or not same_forecast else "; ".join(decision.report.changed)
    until = decision.valid_until.isoformat() if decision is not None and grade == "allocation" else NO_DECISION
    approval = None if decision is None or grade == "research" else decision.approval
    earlier = NO_DECISION if decision is None or not same_forecast else _earlier_text(decision)
    facts = {
        "grade": grade,
        "use": RESEARCH_ONLY if grade == "research" else f"{_permission(decision)} until {until}",
        "scope": SCOPE,
        "caveat": CAVEAT,
        "decision": name,
        "valid_until": until,
        "approval": NO_DECISION if approval is None else f"by {approval.reviewer}: {approval.reason}",
        "earlier_decisions": earlier,
        "audit_settings": changed or ("none" if name == NO_DECISION else "defaults"),
        "units": "expected and q05 to q95: crimes per cell and period; share: share of the sum over all cells",
        "forecaster": forecast.forecaster,
        "forecast": digest,
        "cutoff": str(forecast.cutoff),
        **asdict(provenance),
    }
    return Marking(grade, name, facts)


def _permission(decision: Decision | None) -> str:
    """Return how an export was permitted; a withheld forecast stays withheld after its approval."""
    by_gate = decision is None or decision.admitted
    return f"{'admitted' if by_gate else 'approved by a reviewer'} for resource allocation"


def _earlier_text(decision: Decision) -> str:
    """Return which decisions on the same data the register had, with states and seals."""
    known = (decision.report.header.get("register") or {}).get("earlier") or []
    withheld = [one for one in known if one["failed"] or one["reviewed"]]
    states = [f"{one['decision'][:16]} ({', '.join([*one['failed'], *one['reviewed']])})" for one in withheld]
    return "; ".join([f"{len(known)} on the same data, {len(withheld)} withheld by a check", *states])
