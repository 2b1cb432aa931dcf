"""The tracking store as a mirror of the register: tags and aliases that people may look at and nothing relies on."""

from pathlib import Path

from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import StorageError
from ilp_models.domain.tracking import Tracker


def mirror(tracking: Tracker, alias: str, decision: Decision, folder: Path) -> list[str]:
    """Return what went wrong while telling the tracking store, if anything did."""
    tags = {
        "audit.status": "admitted" if decision.admitted else "review" if decision.reviews else "withheld",
        "audit.decision": decision.seal,
        "audit.recipe": decision.recipe,
        "audit.forecast": decision.forecast,
        "audit.expires": decision.valid_until.isoformat(),
        "audit.alias": alias,
    }
    try:
        tracking.promote(decision.forecaster, alias, folder, tags)
    except StorageError as error:
        return [f"The tracking store was not told: {error}"]
    return []
