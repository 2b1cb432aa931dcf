"""The decision that follows from an audit for one forecast."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from ilp_models.domain.approval import Approval
from ilp_models.domain.audit import AuditReport
from ilp_models.domain.checks import REQUIRED
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import Finding
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.objection import Objection, objections

_TOLD: Final = 2  # reasons in a line; the page and the file have all


@dataclass(frozen=True)
class Decision:
    """Whether one forecast may be used for resource allocation; made by the gate, and never admitting by a flag.

    ``admitted`` is worked out from the findings whenever it is asked for.

    Parameters
    ----------
    report : AuditReport
        The audit it rests on.
    forecaster, recipe : str
        Forecaster of the forecast decided on, and fingerprint of its recipe.
    forecast : str
        Digest of that very forecast.
    crime_types : tuple of str
        Crime types of that forecast; each must have been audited.
    cutoff : str
        Cutoff of that forecast, ISO 8601.
    periods : int
        Number of periods of that forecast; audits speak of the first after a cutoff only.
    issued, valid_until : datetime
        The decision's time span, with their zone.
    approval : Approval, optional
        A reviewer's signature, which is not part of what the decision says: it lies in the register.

    Raises
    ------
    InputError
        If a moment has no zone.
    """

    report: AuditReport
    forecaster: str
    recipe: str
    forecast: str
    crime_types: tuple[str, ...]
    cutoff: str
    periods: int
    issued: datetime
    valid_until: datetime
    approval: Approval | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse moments that could be read in two ways."""
        if self.issued.tzinfo is None or self.valid_until.tzinfo is None:
            msg = "A decision needs times with a zone, such as 2026-01-05T08:00:00+00:00."
            raise InputError(msg)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings it rests on."""
        return self.report.findings

    @property
    def admitted(self) -> bool:
        """Whether every demand of the gate is met."""
        return next(self._objections(), None) is None

    @property
    def seal(self) -> str:
        """SHA-256 of everything the decision says: its name in files and in the register."""
        return str(self.to_dict()["seal"])

    @property
    def short(self) -> str:
        """The first 16 digits of the seal, under which people are told of the decision."""
        return self.seal[:16]

    @property
    def reviews(self) -> tuple[str, ...]:
        """Checks that a reviewer may accept with a reason, if these are all that speaks against the forecast."""
        against = tuple(self._objections())
        return tuple(one.check for one in against) if all(one.reviewable for one in against) else ()

    @property
    def approved(self) -> bool:
        """Whether a reviewer's approval covers this decision and everything that speaks against the forecast."""
        if self.approval is None or self.approval.decision != self.seal:
            return False
        return self.admitted or (bool(self.reviews) and set(self.reviews) <= set(self.approval.reviews))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is withheld, one line a check, or that every required check passed; and what was changed in them."""
        passed = f"All {len(REQUIRED)} required checks passed for every crime type and group."
        changed = f"The audit was not the usual one: {'; '.join(self.report.changed)}."
        against = tuple(one.line for one in self._objections())
        return (*(against or (passed,)), *([changed] if self.report.changed else []))

    @property
    def summary(self) -> str:
        """The first reasons in one line, and how many more there are."""
        more = len(self.reasons) - _TOLD
        return " ".join([*self.reasons[:_TOLD], *([f"And {more} more in decision.json."] if more > 0 else [])])

    def require_permission(self, forecast: RiskForecast, now: datetime) -> None:
        """Return nothing if the decision admits a forecast at a moment, and refuse otherwise.

        Parameters
        ----------
        forecast : RiskForecast
            What is about to be used for resource allocation.
        now : datetime
            The present, with its zone.

        Raises
        ------
        WithheldError
            If the decision withholds, has expired or is not yet issued, or is on another forecast.
        """
        if not self.admitted and not self.approved:
            way_out = " A reviewer may accept this with `ilp approve`." if self.reviews else ""
            msg = f"The model is withheld from resource allocation: {self.summary}{way_out}"
        elif self.forecast != forecast.digest() or self.recipe != forecast.recipe:
            msg = (
                f"The decision admits forecast {self.forecast[:12]} of recipe {self.recipe}, not this one of recipe "
                f"{forecast.recipe}; run the audit on this forecast."
            )
        elif not self.issued <= now < self.valid_until:
            msg = f"The decision is valid from {self.issued} to {self.valid_until}, not at {now}; run the audit again."
        else:
            return
        raise WithheldError(msg)

    def require_same_settings(self, asked: Mapping[str, object]) -> None:
        """Return nothing if what is asked for is what was audited, and refuse otherwise.

        Parameters
        ----------
        asked : mapping of str to object
            Any of the report's header, such as ``unit``, ``share``, ``grid`` or ``group_table``.

        Raises
        ------
        WithheldError
            If one differs from what was audited.
        """
        audited = self.report.header
        for name, value in asked.items():
            if name not in audited or audited[name] != value:
                msg = (
                    f"The audit was made with {name}={audited.get(name, 'nothing known')}, not {value}; use what was "
                    "audited, or audit again."
                )
                raise WithheldError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``decision.json``.

        Returns
        -------
        dict
            Plain JSON values; ``seal`` is a SHA-256 of the rest, which shows an edit but is no signature.
        """
        report = self.report.to_dict()
        plain = {
            "admitted": self.admitted,
            "reasons": list(self.reasons),
            "findings": report.pop("findings"),
            "recipe": self.recipe,
            "issued": self.issued.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            **{name: getattr(self, name) for name in ("forecaster", "forecast", "cutoff", "periods")},
            "crime_types": list(self.crime_types),
            "audit": report,
        }
        return plain | {"seal": _seal(plain)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the decision that :meth:`to_dict` wrote, worked out anew.

        Parameters
        ----------
        plain : mapping
            Content of ``decision.json``.

        Returns
        -------
        Decision
            Admitted only if its findings say so.

        Raises
        ------
        WithheldError
            If it cannot be read, was edited, or claims what its findings do not bear out.
        """
        way_out = "the decision is not valid; run the audit again."
        try:
            decision = cls(
                report=AuditReport.from_dict({**plain["audit"], "findings": plain["findings"]}),
                forecaster=str(plain["forecaster"]),
                recipe=str(plain["recipe"]),
                forecast=str(plain["forecast"]),
                cutoff=str(plain["cutoff"]),
                crime_types=tuple(map(str, plain["crime_types"])),
                periods=int(plain["periods"]),
                issued=datetime.fromisoformat(plain["issued"]),
                valid_until=datetime.fromisoformat(plain["valid_until"]),
            )
        except (InputError, AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            msg = f"decision.json cannot be read ({str(error).partition(';')[0]}): {way_out}"
            raise WithheldError(msg) from error
        if plain.get("admitted") is not decision.admitted or dict(plain) != decision.to_dict():
            msg = f"decision.json was edited or does not follow from its findings: {way_out}"
            raise WithheldError(msg)
        return decision

    def _objections(self) -> Iterator[Objection]:
        """Yield every reason to withhold; the gate admits when there is none."""
        if (self.recipe, self.forecaster) != (self.report.recipe, self.report.forecaster):
            line = (
                f"The audit is of {self.report.forecaster} ({self.report.recipe}) and the forecast of "
                f"{self.forecaster} ({self.recipe}); audit the forecaster that made the forecast."
            )
            yield Objection("", line)
        if (unseen := sorted(set(self.crime_types) - set(self.report.crime_types))) or not self.crime_types:
            yield Objection("", f"No audit covers the crime types {unseen}; audit every type that is forecast.")
        if self.periods != 1:
            line = f"The audit is of one period ahead and the forecast of {self.periods}; set backtest.horizon=1."
            yield Objection("", line)
        yield from objections(self.findings, self.crime_types, self.report.groups)


def _seal(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
