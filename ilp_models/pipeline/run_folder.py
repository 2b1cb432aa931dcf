"""Read the folder of an earlier run, and load a forecast that a reviewer approved."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.register.approvals import decision_in_state, registered_decision
from ilp_models.audit.register.register import Register, RegisterState
from ilp_models.audit.register.signatures import read_public_keys
from ilp_models.audit.residents import Residents
from ilp_models.domain.decision import Decision
from ilp_models.domain.digest import folder_digests
from ilp_models.domain.errors import UNFINISHED, InputError, StorageError, WithheldError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.parquet_file import open_parquet
from ilp_models.domain.tracking import Tracker
from ilp_models.export.geoparquet import RUN_FORMAT
from ilp_models.export.marking import Provenance
from ilp_models.export.reader import read_stored
from ilp_models.export.table import CellTable
from ilp_models.pipeline.audit_archive import read_audit_input
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.registration import REGISTER

REASONS: Final = "reasons.parquet"
EVIDENCE: Final = (REASONS, "explanation.parquet", "model/**/*", "audit/**/*")  # what a decision rests on
APPROVED: Final = ("forecast.parquet", "decision.json", *EVIDENCE)  # what an approval covers
PLACES: Final = "places"  # in the header of a report: the digest of where the cells of the forecast lie


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The folder of an earlier run, with its forecast."""

    folder: Path
    forecast: RiskForecast
    places: CellTable
    provenance: Provenance
    run_format: int = RUN_FORMAT

    @classmethod
    def from_path(cls, source: str | Path) -> "RunFolder":
        """Read the folder of a run of `weekly`, `audit` or `forecast`."""
        path = Path(source, "forecast.parquet")
        if Path(source, UNFINISHED).exists():
            msg = f"{source} is of a run that has not finished, so its files may be incomplete. Run it again."
            raise StorageError(msg)
        if not path.is_file():
            msg = (
                f"{source} has no forecast.parquet. Run `ilp weekly` first, or name a run's folder with source=FOLDER."
            )
            raise InputError(msg)
        return cls(Path(source), *read_stored(file_in_folder(Path(source), path.name)))

    def audit_input(self) -> AuditInput | None:
        """Return what the audit of the run looked at, or None where there was no audit."""
        self.require_format()
        archive = self.folder / "audit"
        return read_audit_input(archive)[0] if (archive / "subject.json").is_file() else None

    def require_format(self) -> None:
        """Raise WithheldError unless this version can read the decision, the audit and the model of the run."""
        if self.run_format == RUN_FORMAT:
            return
        if self.run_format < RUN_FORMAT:
            when, remedy = "an earlier", "Run `ilp weekly` again with this version."
        else:
            when, remedy = "a later", "Use that version, or run `ilp weekly` again with this one."
        msg = (
            f"{self.folder} was written by {when} version ({self.provenance.code}), and this version cannot read its "
            f"decision and its audit. {remedy}"
        )
        raise WithheldError(msg)

    def reasons(self) -> pd.DataFrame | None:
        """Return known counts and reasons of each cell, or None for a run of an earlier version."""
        path = self.folder / REASONS
        if not path.is_file():
            return None
        with open_parquet(file_in_folder(self.folder, path.name)) as parquet:
            return pd.DataFrame(parquet.read().to_pandas())

    def decision(self) -> Decision:
        """Return the decision on the forecast, recomputed from its findings; the register is not consulted."""
        self.require_format()
        path = self.folder / "decision.json"
        if not os.path.lexists(path):
            msg = f"{self.folder} has no decision.json."
            raise WithheldError(msg, "Run the audit, or export with grade=research.")
        try:
            text = file_in_folder(self.folder, path.name).read_text(encoding="utf-8")
            return Decision.from_dict(json.loads(text))
        except (OSError, RecursionError, StorageError, ValueError) as error:
            msg = f"{path} cannot be read ({error}). Run the audit again."
            raise WithheldError(msg) from error

    def permitted_decision(self, register: Register, trusted_keys: str | None = None) -> Decision:
        """Return the decision if its findings and the register allow this forecast to be used now."""
        # its own findings first: a withheld forecast needs no message about registers
        decision = self.decision()
        if not decision.admitted and not decision.reviews:
            decision.require_permission(self.forecast, now())
        return self.active_decision(
            register, trusted_keys, lambda known: known.require_permission(self.forecast, now())
        )

    def active_decision(
        self, register: Register, trusted_keys: str | None = None, check: Callable[[Decision], None] | None = None
    ) -> Decision:
        """Return the decision as the register knows it, once forecast and files are those that were decided on.

        It may have expired; ``check`` can ask for more.
        """
        decision = self.decision()
        known = registered_decision(register, decision, now(), _keys(trusted_keys))
        if check is not None:
            check(known)
        self.check_forecast(decision)
        self.check_evidence(decision, register)
        if known.approval is not None:
            _compare(known.approval.files, folder_digests(self.folder, APPROVED), "approval")
        return known

    def check_evidence(self, decision: Decision, register: Register) -> None:
        """Raise WithheldError unless what the decision rests on is as it was when its line was written.

        The line precedes the forecast and `decision.json`, which are compared by their content.
        """
        lines = (one for one in register.verify().entries_of(decision.seal) if one.act == "decided")
        for line in lines:
            _compare(dict(line.content.get("files") or {}), folder_digests(self.folder, EVIDENCE), "decision")

    def check_forecast(self, decision: Decision) -> None:
        """Raise WithheldError unless the forecast and its cells are those that were decided on."""
        path = self.folder / "forecast.parquet"
        if decision.forecast != self.forecast.digest():
            msg = f"{path} is not the forecast that was decided on. Restore that file, or run the audit again."
        elif decision.report.header.get(PLACES) != self.places.digest():
            msg = f"{path} shows its cells in other places than audited. Restore that file, or run the audit again."
        else:
            return
        raise WithheldError(msg)

    def recheck(self, decision: Decision, trusted_keys: str | None = None) -> Callable[[RegisterState], None]:
        """Return the check to repeat while a line is written: the register may have changed since."""

        def check(state: RegisterState) -> None:
            decision_in_state(state, decision, now(), _keys(trusted_keys)).require_permission(self.forecast, now())

        return check


def archived_residents(archive: AuditInput | None, decision: Decision, cells: pd.Index) -> tuple[Residents, ...]:
    """Return the residents that were audited on the cells of the forecast, from the archive of the run."""
    if not decision.report.groups:
        return ()
    header, found = decision.report.header, None
    if archive is not None:
        same = {**header, "grid": archive.grid.digest(), "group_table": archive.group_table} == dict(header)
        on_cells = archive.residents if archive.grid.cells.equals(cells) else archive.residents_ahead
        found = on_cells if same else None
    if found is None or len(found[0].total) != len(cells):
        msg = (
            "The residents that this decision depends on are missing from the run. Ask for a complete copy of the run."
        )
        raise WithheldError(msg)
    return found


def _compare(then: Mapping[str, str], today: Mapping[str, str], act: str) -> None:
    """Raise WithheldError with the first file that differs."""
    changed = sorted(name for name in {*then, *today} if then.get(name) != today.get(name))
    if changed:
        msg = f"{changed[0]} was changed, added or removed since the {act}. Run the audit again."
        raise WithheldError(msg)


def _keys(trusted_keys: str | None) -> list[Ed25519PublicKey]:
    # an empty name, as of an unset variable, must not switch the keys off
    return [] if trusted_keys is None else read_public_keys(Path(trusted_keys))


@dataclass(frozen=True, eq=False)
class Approved:
    """A forecast that a reviewer approved for resource allocation, every part of it verified."""

    forecast: RiskForecast
    decision: Decision
    folder: Path


def load_approved(
    source: str | Path,
    *,
    register: str | Path | Register = REGISTER,
    settings: Mapping[str, object] | None = None,
    trusted_keys: str | None = None,
    tracking: Tracker | None = None,
) -> Approved:
    """Load an approved forecast and verify every part of it again.

    It must be in the register, approved, not withdrawn, still valid, and the same to the last byte as when it was
    approved. An alias of the tracking store only says where to look.

    Parameters
    ----------
    source : str or Path
        Folder of the run, or ``name@alias`` of the tracking store.
    register : str, Path or Register, default "outputs/register.jsonl"
        The register of decisions; ``Register(path, last=DIGEST)`` also requires the line with that digest.
    settings : mapping, optional
        Settings that the audit must have had, such as ``{"land_share": 0.05}``.
    trusted_keys : str, optional
        File or folder with public keys of reviewers; the approval must then be signed by one of them.
    tracking : Tracker, optional
        The tracking store that knows the alias.

    Returns
    -------
    Approved
        Forecast, decision and folder.

    Raises
    ------
    WithheldError
        If any of this does not hold.

    Examples
    --------
    A forecast that was not audited has no decision yet:

    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=12).read()
    >>> forecast = ilp.make_forecast(ilp.MovingAverage(4), events, ilp.SquareGrid(1000))
    >>> file = forecast.to_file(folder / "forecast.parquet")
    >>> try:
    ...     ilp.load_approved(folder)
    ... except ilp.WithheldError as error:
    ...     print(error.advice)
    Run the audit, or export with grade=research.
    """
    earlier = RunFolder.from_path(_folder(str(source), tracking))
    decision = earlier.permitted_decision(Register.from_path(register), trusted_keys)
    if decision.approval is None:
        msg = f"Decision {decision.short} was not approved by a reviewer. See `ilp approve`."
        raise WithheldError(msg)
    decision.require_same_settings(settings or {})
    return Approved(earlier.forecast, decision, earlier.folder)


def _folder(source: str, tracking: Tracker | None) -> str:
    name, at, alias = source.rpartition("@")
    if not at or Path(source).exists():
        return source
    if tracking is None:
        msg = f"{source} is an alias. Pass the tracking store that knows it, or the folder of the run."
        raise InputError(msg)
    return tracking.promoted(name, alias)
