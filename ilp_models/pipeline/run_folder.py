"""Asking for what an earlier run left: its forecast, and the decision that the register bears out."""

import getpass
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ilp_models.audit.register.approvals import decision_in_state, registered_decision
from ilp_models.audit.register.register import Register, RegisterState
from ilp_models.audit.register.signatures import read_public_keys
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.export.geoparquet import read_stored
from ilp_models.export.marking import Provenance
from ilp_models.export.table import CellTable
from ilp_models.pipeline.clock import now

PLACES: Final = "places"  # in the header of a report: the digest of where the cells of the forecast lie


@dataclass(frozen=True, eq=False)
class RunFolder:
    """What a run left.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    forecast : RiskForecast
        Its forecast.
    places : Places
        Cells with their geometry.
    provenance : Provenance
        Where the forecast came from.
    """

    folder: Path
    forecast: RiskForecast
    places: CellTable
    provenance: Provenance

    @classmethod
    def from_path(cls, source: str) -> "RunFolder":
        """Return what a run of ``weekly``, ``audit`` or ``forecast`` left in its folder."""
        path = Path(source, "forecast.parquet")
        if not path.is_file():
            way_out = "run `ilp weekly` first, or name a run's folder with source=FOLDER"
            msg = f"{source} holds no forecast.parquet; {way_out}."
            raise InputError(msg)
        return cls(Path(source), *read_stored(path))

    def decision(self) -> Decision:
        """Return the decision beside the forecast, worked out anew from its findings; the register is not asked."""
        path = self.folder / "decision.json"
        try:
            return Decision.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            msg = "This needs a decision and there is none; run the audit, or export with grade=research."
            raise WithheldError(msg) from error
        except (OSError, RecursionError, ValueError) as error:
            msg = f"{path} cannot be read ({error}); run the audit again."
            raise WithheldError(msg) from error

    def permitted_decision(self, register: str, trusted: str | None = None) -> Decision:
        """Return the decision if it permits this very forecast now, by its findings and by the register."""
        keys = _keys(trusted)
        # its own findings first: who may not act at all need not be told about registers
        decision, moment = self.decision(), now()
        if not decision.admitted and not decision.reviews:
            decision.require_permission(self.forecast, moment)
        known = registered_decision(Register(Path(register)), decision, moment, keys)
        known.require_permission(self.forecast, moment)
        self.check_forecast(decision)
        if known.approval is not None:
            _check_files(self.folder, known, Register(Path(register)))
        return known

    def check_forecast(self, decision: Decision) -> None:
        """Return nothing if the forecast and its places are those decided on, and refuse otherwise."""
        path = self.folder / "forecast.parquet"
        if decision.forecast != self.forecast.digest():
            msg = f"{path} is another forecast than the one decided on; restore that file, or audit again."
        elif decision.report.header.get(PLACES) != self.places.digest():
            msg = f"{path} shows its cells elsewhere than they were audited; restore that file, or audit again."
        else:
            return
        raise WithheldError(msg)

    def asked_again(self, decision: Decision, trusted: str | None = None) -> Callable[[RegisterState], None]:
        """Return what to ask the register while the line of an act is written, as it may know more by then."""

        def ask(standing: RegisterState) -> None:
            decision_in_state(standing, decision, now(), _keys(trusted)).require_permission(self.forecast, now())

        return ask


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that an approval covers."""
    files = [
        folder / "forecast.parquet",
        folder / "decision.json",
        folder / "explanation.parquet",
        *sorted(folder.glob("model/**/*")),
        *sorted(folder.glob("audit/**/*")),
    ]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def _check_files(folder: Path, decision: Decision, register: Register) -> None:
    approval = decision.approval
    lines = [one for one in register.verify().entries_of(decision.seal) if one.act == "approved"]
    line = next(one for one in lines if approval is not None and one.moment == approval.moment)
    then, today = line.content.get("files") or {}, digests(folder)
    changed = sorted(name for name in {*then, *today} if then.get(name) != today.get(name))
    if changed:
        msg = f"{changed[0]} is not what was approved: it was changed, added or removed since; run the audit again."
        raise WithheldError(msg)


def _keys(trusted: str | None) -> list[Ed25519PublicKey]:
    # an empty name, as of a variable that was not set, is no wish to do without keys
    return [] if trusted is None else read_public_keys(Path(trusted))


def as_text(word: object) -> str:
    """Return what was typed as text, as a setting that looks like a number or null comes as one."""
    return "" if word is None else str(word)


def user() -> str:
    """Return the user's name on the machine, for lines of the register."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container may run under a number that has no name
        return f"user {os.getuid()}"
