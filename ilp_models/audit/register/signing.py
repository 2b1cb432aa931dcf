"""How a reviewer signs."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class ReviewerSignature:
    """How a reviewer signs.

    Parameters
    ----------
    reviewer : str
        Who approves: the reviewer named by the governance fields, never the trainer.
    reason : str
        Why.
    who : str
        The user's name on the machine.
    now : datetime
        The present, with its zone.
    key : Path, optional
        PEM file of an Ed25519 private key.
    """

    reviewer: str
    reason: str
    who: str
    now: datetime
    key: Path | None = None
