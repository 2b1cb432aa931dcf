"""Who authorised a matrix of groups, for what purpose, on what legal basis, for whom and until when."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, Self

from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import Governance, is_blank, read_day, refuse_misleading_names

SMALLEST_GROUP: Final = 3  # persons, as in the United Nations Convention against Transnational Organized Crime, art. 2
EXPLANATIONS: Final[Mapping[str, str]] = {
    "authorised_by": "Person who authorised the assessment and answers for its use.",
    "prepared_by": "Person who prepared the matrix.",
    "reviewer": "Person who reviews it; not the one who prepared it.",
    "purpose": "What the assessment is used for.",
    "legal_basis": "The law or policy that allows it.",
    "recipients": "Who receives the result; separate several with semicolons.",
    "complaints": "Where complaints are received.",
    "review_date": "Day on which the use is reviewed again, such as 2027-01-31. The file expires on this day.",
    "retention_until": "Day until which the file may be kept, such as 2027-12-31.",
    "min_members": f"Smallest number of known members of a group that is assessed; {SMALLEST_GROUP} or more.",
}
_OWN_NAMES: Final = {"owner": "authorised_by", "trainer": "prepared_by"}  # where the shared check has other names
_PEOPLE: Final = ("authorised_by", "prepared_by", "reviewer")
_DATES: Final = ("review_date", "retention_until")
_TIER: Final = "strategic"
_MIDNIGHT: Final = " 00:00:00"  # of a day that a spreadsheet stores as a time


@dataclass(frozen=True)
class GroupAuthorisation:
    """The declarations at the top of a group file; all are required."""

    authorised_by: str
    prepared_by: str
    reviewer: str
    purpose: str
    legal_basis: str
    recipients: tuple[str, ...]
    complaints: str
    review_date: str
    retention_until: str
    min_members: int

    @classmethod
    def from_fields(cls, given: Mapping[str, str], where: str) -> Self:
        """Return the declarations of a file; InputError names those that are missing, unknown or unreadable."""
        known = [one.name for one in fields(cls)]
        if any(name not in known for name in given):
            msg = f"{where}: the authorisation has a field that is not known. Use {', '.join(known)}."
            raise InputError(msg)
        if missing := [name for name in known if is_blank(given.get(name, ""))]:
            msg = f"{where}: the authorisation lacks {', '.join(missing)}. Fill in every field."
            raise InputError(msg)
        texts = {name: " ".join(given[name].removesuffix(_MIDNIGHT).split()) for name in known}
        least = texts["min_members"]
        if not (least.isascii() and least.isdigit() and int(least[:6]) >= SMALLEST_GROUP):
            msg = (
                f"{where}: min_members must be a whole number of {SMALLEST_GROUP} or more. A matrix is about groups, "
                "and not about one or two persons."
            )
            raise InputError(msg)
        recipients = tuple(filter(None, map(str.strip, texts["recipients"].split(";"))))
        plain = {name: text for name, text in texts.items() if name not in ("min_members", "recipients")}
        refuse_misleading_names({f"{where}: {name}": plain[name] for name in _PEOPLE})
        for name in _DATES:
            read_day(f"{where}: {name}", plain[name])
        return cls(recipients=recipients, min_members=int(least), **plain)

    @property
    def governance(self) -> Governance:
        """The same declarations as the governance of a forecast has them, so that one check serves both."""
        return Governance(
            purpose=self.purpose,
            legal_basis=self.legal_basis,
            tier=_TIER,
            owner=self.authorised_by,
            trainer=self.prepared_by,
            reviewer=self.reviewer,
            complaints=self.complaints,
            review_date=self.review_date,
            retention_until=self.retention_until,
        )

    @property
    def until(self) -> str:
        """The first day on which the file may no longer be used, ISO 8601."""
        return min(self.review_date, self.retention_until)

    def check(self, now: datetime, where: str) -> None:
        """Raise InputError if the authorisation is incomplete, has expired, or was reviewed by who prepared it."""
        faults = self.governance.faults(now, _OWN_NAMES, "prepared the matrix")
        if faults:
            msg = (
                f"{where} cannot be used: {'; '.join(faults)}. Ask the person who authorised it to review and renew "
                "it, or delete the file."
            )
            raise InputError(msg)
