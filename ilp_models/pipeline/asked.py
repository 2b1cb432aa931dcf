"""Asking for what an earlier run left: its forecast, and the decision that the register bears out."""

import getpass
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from ilp_models.audit.keys import read_public_keys
from ilp_models.audit.permission import permitted
from ilp_models.audit.register import Register
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.export.geoparquet import read_forecast, read_places, read_provenance
from ilp_models.export.marking import Provenance
from ilp_models.export.table import Places
from ilp_models.pipeline.study import now


@dataclass(frozen=True, eq=False)
class Left:
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
    places: Places
    provenance: Provenance

    @classmethod
    def by(cls, source: str) -> "Left":
        """Return what a run of ``weekly``, ``audit`` or ``forecast`` left in its folder.

        Parameters
        ----------
        source : str
            The folder.

        Returns
        -------
        Left
            The forecast, checked against its digest.

        Raises
        ------
        InputError
            If the folder holds no forecast.
        """
        path = Path(source, "forecast.parquet")
        if not path.is_file():
            way_out = "run `ilp weekly` first, or name a run's folder with source=FOLDER"
            msg = f"{source} holds no forecast.parquet; {way_out}."
            raise InputError(msg)
        return cls(Path(source), read_forecast(path), read_places(path), read_provenance(path))

    def decision(self) -> Decision:
        """Return the decision beside the forecast, worked out anew from its findings; the register is not asked.

        Returns
        -------
        Decision
            As the gate made it.

        Raises
        ------
        WithheldError
            If there is none, or it cannot be read, was edited, or claims what its findings do not bear out.
        """
        path = self.folder / "decision.json"
        try:
            return Decision.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            msg = "This needs a decision and there is none; run the audit, or export with grade=research."
            raise WithheldError(msg) from error
        except ValueError as error:
            msg = f"{path} cannot be read ({error}); run the audit again."
            raise WithheldError(msg) from error

    def permitted(self, register: str, trusted: str | None = None) -> Decision:
        """Return the decision if it permits this very forecast now, by its findings and by the register.

        Parameters
        ----------
        register : str
            File of the register.
        trusted : str, optional
            File or folder with the public keys of reviewers; where given, a signed approval is needed.

        Returns
        -------
        Decision
            With its approval where there is one.

        Raises
        ------
        WithheldError
            If anything speaks against it.
        """
        keys = read_public_keys(Path(trusted)) if trusted else []
        # its own findings first: who may not act at all need not be told about registers
        decision, moment = self.decision(), now()
        if not decision.admitted and not decision.reviews:
            decision.permits(self.forecast, moment)
        known = permitted(Register(Path(register)), decision, moment, keys)
        known.permits(self.forecast, moment)
        return known


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of what an approval covers: the forecast, the decision and every file of the model.

    Parameters
    ----------
    folder : Path
        Folder of a run.

    Returns
    -------
    dict of str to str
        By path below the folder.
    """
    files = [folder / "forecast.parquet", folder / "decision.json", *sorted(folder.glob("model/**/*"))]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def user() -> str:
    """Return the user's name on the machine, for lines of the register.

    Returns
    -------
    str
        A number where there is no name.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container may run under a number that has no name
        return f"user {os.getuid()}"
