"""The page of an approval: who approved a forecast, what was accepted and why; the run itself stays as it was."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ilp_models.domain.decision import Approval, Decision
from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.report.formatting import number, sentence
from ilp_models.report.front_page import Place
from ilp_models.report.page import write_page

APPROVAL: Final = "approval.html"


@dataclass(frozen=True, eq=False)
class ApprovalPage:
    """Everything that the page of an approval shows."""

    period: str
    decision: Decision
    approval: Approval
    register: str
    run: str  # folder of the run, which is not changed
    totals: tuple[tuple[str, float], ...]  # expected crimes by type, the largest first
    places: tuple[Place, ...]
    until: datetime  # when the approval ends, with a time zone
    stands_until: datetime | None = None  # for later decisions; None if it is for this one alone
    terms: tuple[str, ...] = ()  # of a standing approval, in words

    def write(self, folder: Path) -> Path:
        """Write the page and return its path."""
        path = folder / APPROVAL
        accepted = [one for one in self.decision.obstacles if one.check in self.approval.reviews]
        write_page(
            path, "approval.html.j2", page=self, accepted=accepted, caveat=CAVEAT, scope=sentence(SCOPE), short=number
        )
        return path
