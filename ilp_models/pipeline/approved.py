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

    Parameters
    ----------
    source : str
        Folder of a run, or ``NAME@ALIAS`` of the tracking store, such as ``lightgbm@approved``.
    register : str
        File of the register.
    asked : mapping of str to object, optional
        What the forecast is about to be used for, to be compared with what was audited: ``unit``, ``share``, ``grid``
        (digest) or anything else in the header of the audit.
    trusted : str, optional
        File or folder with public keys of reviewers; where given, the approval must be signed by one of them.
    tracking : Tracker, optional
        The store that knows the alias.

    Returns
    -------
    Approved
        Forecast and decision.

    Raises
    ------
    WithheldError
        If it was never approved, expired or was withdrawn, an artefact was changed, or other terms were audited.
    InputError
        If the source is no run, or is an alias and no store was given.
    StorageError
        If the register is broken or the store cannot be used.

    Examples
    --------
    >>> load_approved("nowhere", "register.jsonl")
    Traceback (most recent call last):
        ...
    ilp_models.domain.errors.InputError: nowhere holds no forecast.parquet; run `ilp weekly` first, or name a run's ...
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
