"""Whether the decision of a plan holds, and whether the register knows the plan."""

from collections.abc import Mapping
from typing import Any, Final

from ilp_models.audit.register.register import RegisterState
from ilp_models.pipeline.brief_parts.sources import AuditedWeek

_SAME: Final = ("forecast", "allocator", "objective", "periods", "overrides", "by_hand")
_SEAL: Final = 16  # shown digits of a decision


def plan_fault(content: Mapping[str, Any], register: RegisterState) -> str:
    """Return why a plan may not be used, by the register alone; empty if nothing in it speaks against the plan."""
    seal = str(content["decision"])
    lines = register.entries_of(seal)
    withdrawn = next((line for line in lines if line.act == "withdrawn"), None)
    if withdrawn is not None:
        reason = withdrawn.content.get("reason", "no reason given")
        return f"Its decision was withdrawn on {withdrawn.moment:%Y-%m-%d} by {withdrawn.who}: {reason}."
    if not any(line.act == "decided" for line in lines):
        return f"The register does not know its decision {seal[:_SEAL]}."
    terms = _terms(content)
    if not any(line.act == "allocated" and terms.items() <= dict(line.content).items() for line in lines):
        return "The register has no line of such a plan: the plan was changed, or was made with another register."
    return ""


def unchecked(content: Mapping[str, Any], week: AuditedWeek | None) -> str:
    """Return why a report cannot tell whether the decision of a plan is valid now; empty if it can."""
    seal = str(content["decision"])
    if week is None:
        return "This report has no weekly forecast, so it did not check the decision of the plan."
    if week.decision.seal != seal:
        return (
            f"The plan follows decision {seal[:_SEAL]}. The weekly forecast of this report has decision "
            f"{week.decision.short}."
        )
    return ""


def _terms(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the line of a plan in the register says about it."""
    budget, chosen = content["budget"], content["chosen"]
    return {
        **{name: content[name] for name in _SAME},
        "budget": f"{float(budget['amount']):g} {budget['unit']}",
        "chosen_by": chosen["who"],
        "chosen_why": chosen["why"],
    }
