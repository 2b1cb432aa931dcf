"""Loading what a reviewer approved, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.tracking import Tracker
from ilp_models.pipeline.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class Approved:
    """A forecast that a reviewer approved for allocation, with all that was asked verified.

    Parameters
    ----------
    forecast : RiskForecast
        The very forecast that was audited.
    decision : Decision
        With its approval.
    folder : Path
        Folder of the run; ``model`` in it holds the bundle.
    """

    forecast: RiskForecast
    decision: Decision
    folder: Path


def load_approved(
    source: str,
    register: str,
    asked: Mapping[str, object] | None = None,
    trusted: str | None = None,
    tracking: Tracker | None = None,
) -> Approved:
    """Return an approved forecast, every part of it verified again.

    An alias of the tracking store only says where to look: whatever lies there must be in the register, approved, not
    withdrawn, in time, and the same to the last byte as when it was approved.
    """
    left = RunFolder.from_path(_folder(source, tracking))
    decision = left.permitted_decision(register, trusted)
    if decision.approval is None:
        msg = f"Decision {decision.short} was not approved by a reviewer, whatever an alias says; see `ilp approve`."
        raise WithheldError(msg)
    decision.require_same_settings(asked or {})
    return Approved(left.forecast, decision, left.folder)


def _folder(source: str, tracking: Tracker | None) -> str:
    name, at, alias = source.rpartition("@")
    if not at or Path(source).exists():
        return source
    if tracking is None:
        msg = f"{source} is an alias; give the tracking store that knows it, or the folder of the run."
        raise InputError(msg)
    return tracking.promoted(name, alias)
