"""How an audit measured, as plain values that a decision binds."""

from dataclasses import asdict
from typing import Any

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.feedback.feedback import Feedback
from ilp_models.domain.governance import Governance


def header_of(evidence: CheckContext, feedback: Feedback, governance: Governance) -> dict[str, Any]:
    """Return the header of an audit's report."""
    starts = evidence.replay.periods.start_time
    return {
        "baseline": evidence.baseline.forecaster,
        "baseline_recipe": evidence.baseline.recipe,
        "unit": evidence.unit,
        "share": evidence.share,
        "share_of": evidence.share_of,
        "harm": dict(evidence.harm),
        "lead": evidence.replay.lead,
        "first_period": starts[0].isoformat(),
        "last_period": starts[-1].isoformat(),
        "periods": len(starts),
        "grid": evidence.grid.digest(),
        "minimum": asdict(evidence.minimum),
        "resampling": asdict(evidence.resampling),
        "floor": evidence.floor,
        "feedback": asdict(feedback),
        "governance": governance.to_dict(),
    }
