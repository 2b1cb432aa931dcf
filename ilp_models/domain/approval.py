"""A reviewer's signature under a decision."""

from dataclasses import dataclass
from datetime import datetime

from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import says_nothing


@dataclass(frozen=True)
class Approval:
    """What a reviewer took responsibility for.

    Parameters
    ----------
    decision : str
        Seal of the decision.
    reviewer : str
        Who approved it.
    reason : str
        Why; never empty.
    reviews : tuple of str
        Checks in state review that were accepted by this.
    moment : datetime
        When, with its zone.
    key : str, default ""
        Fingerprint of the public key that signed it; empty where nothing was signed.

    Raises
    ------
    InputError
        If nobody or no reason is given, or the moment has no zone.
    """

    decision: str
    reviewer: str
    reason: str
    reviews: tuple[str, ...]
    moment: datetime
    key: str = ""

    def __post_init__(self) -> None:
        """Refuse an approval that explains nothing."""
        if not self.decision or says_nothing(self.reviewer) or says_nothing(self.reason):
            msg = "An approval needs the decision, who approves it and why; give reviewer=NAME and reason='...'."
        elif self.moment.tzinfo is None:
            msg = "An approval needs a time with a zone, such as 2026-01-05T08:00:00+00:00."
        else:
            return
        raise InputError(msg)
