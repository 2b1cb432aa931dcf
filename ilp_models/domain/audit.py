"""Audit reports, and the decision that follows from one for one forecast."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from ilp_models.domain.caveat import CAVEAT
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import ALL, REQUIRED, Finding, Limit, State, demanded
from ilp_models.domain.forecast import RiskForecast

__all__ = ["ALL", "AuditReport", "Decision", "Finding", "Limit", "State"]

_WORST_FIRST: Final = (State.FAIL, State.INSUFFICIENT, State.REVIEW, State.PASS)


@dataclass(frozen=True)
class AuditReport:
    """What an audit of one forecaster found.

    Parameters
    ----------
    findings : tuple of Finding
        At most one for each check, crime type, dimension and group.
    forecaster, recipe : str
        The forecaster audited and the fingerprint of its recipe.
    crime_types : tuple of str
        Crime types audited, ``all`` last where there are several.
    groups : tuple of (str, str), optional
        (dimension, group) pairs of the group table; empty without one.
    header : mapping, optional
        How it was measured: baseline, ranking unit, share of land, periods, digests; plain JSON values.
    changed : tuple of str, optional
        Settings of the audit that are not the usual ones, in words.

    Raises
    ------
    InputError
        If two findings are about the same thing.
    """

    findings: tuple[Finding, ...]
    forecaster: str
    recipe: str
    crime_types: tuple[str, ...]
    groups: tuple[tuple[str, str], ...] = ()
    header: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two answers to one question."""
        twice = [key for key, count in Counter(finding.key for finding in self.findings).items() if count > 1]
        if twice:
            msg = f"An audit report holds two findings on {' / '.join(filter(None, twice[0]))}; keep one."
            raise InputError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values.

        Returns
        -------
        dict
            With the caveat that every report carries.
        """
        return {
            "forecaster": self.forecaster,
            "recipe": self.recipe,
            "crime_types": list(self.crime_types),
            "groups": [list(pair) for pair in self.groups],
            "header": dict(self.header),
            "changed": list(self.changed),
            "findings": [finding.to_dict() for finding in self.findings],
            "caveat": CAVEAT,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the report that :meth:`to_dict` wrote.

        Parameters
        ----------
        plain : mapping
            JSON values.

        Returns
        -------
        AuditReport
            Equal to the one written.

        Raises
        ------
        InputError
            If a part is missing or is not one of a report.
        """
        try:
            return cls(
                findings=tuple(Finding.from_dict(finding) for finding in plain["findings"]),
                forecaster=str(plain["forecaster"]),
                recipe=str(plain["recipe"]),
                crime_types=tuple(map(str, plain["crime_types"])),
                groups=tuple((str(dimension), str(group)) for dimension, group in plain["groups"]),
                header=dict(plain["header"]),
                changed=tuple(map(str, plain["changed"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            msg = f"A stored audit report cannot be read ({error!r}); run the audit again."
            raise InputError(msg) from error


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
        return not any(self._objections())

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is withheld, one line a check, or that every required check passed; and what was changed in them."""
        passed = f"All {len(REQUIRED)} required checks passed for every crime type and group."
        changed = f"The audit was not the usual one: {'; '.join(self.report.changed)}."
        return (*(tuple(self._objections()) or (passed,)), *([changed] if self.report.changed else []))

    def permits(self, forecast: RiskForecast, now: datetime) -> None:
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
        if not self.admitted:
            msg = f"The model is withheld from resource allocation: {' '.join(self.reasons)}"
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
                **{name: str(plain[name]) for name in ("forecaster", "recipe", "forecast", "cutoff")},
                crime_types=tuple(map(str, plain["crime_types"])),
                periods=int(plain["periods"]),
                issued=datetime.fromisoformat(plain["issued"]),
                valid_until=datetime.fromisoformat(plain["valid_until"]),
            )
        except (InputError, KeyError, TypeError, ValueError) as error:
            msg = f"decision.json cannot be read ({str(error).partition(';')[0]}): {way_out}"
            raise WithheldError(msg) from error
        if plain.get("admitted") is not decision.admitted or dict(plain) != decision.to_dict():
            msg = f"decision.json was edited or does not follow from its findings: {way_out}"
            raise WithheldError(msg)
        return decision

    def _objections(self) -> Iterator[str]:
        """Yield every reason to withhold; the gate admits when there is none."""
        if (self.recipe, self.forecaster) != (self.report.recipe, self.report.forecaster):
            yield (
                f"The audit is of {self.report.forecaster} ({self.report.recipe}) and the forecast of "
                f"{self.forecaster} ({self.recipe}); audit the forecaster that made the forecast."
            )
        if (unseen := sorted(set(self.crime_types) - set(self.report.crime_types))) or not self.crime_types:
            yield f"No audit covers the crime types {unseen}; audit every type that is forecast."
        if self.periods != 1:
            yield f"The audit is of one period ahead and the forecast of {self.periods}; set backtest.horizon=1."
        found = {finding.key: finding for finding in self.findings}
        table = found.get(("group_table", "", "", ""))
        if not self.report.groups and table is not None and table.holds:
            yield "No group of residents was audited; give a group table (audit.groups.path=FILE)."
        for check, keys in demanded(self.crime_types, self.report.groups).items():
            crashed = found.get((check, "", "", ""))
            stand_in = None if crashed is None or crashed.holds else crashed
            yield from _objections_to(check, [found.get(key, stand_in) for key in keys])


def _objections_to(check: str, findings: list[Finding | None]) -> Iterator[str]:
    """Yield one line on a check whose findings do not all hold."""
    bad = [finding for finding in findings if finding is None or not finding.holds]
    if not bad:
        return
    known = sorted((f for f in bad if f is not None), key=lambda finding: _WORST_FIRST.index(finding.state))
    if len(findings) == 1 and known:
        yield f"{check}: {known[0].state}. {known[0].reason}"
        return
    counts = Counter([*(finding.state.value for finding in known), *["missing"] * (len(bad) - len(known))])
    tally = ", ".join(f"{count} {state}" for state, count in counts.items())
    first = f" First: {known[0].reason}" if known else " The check did not run."
    yield f"{check}: {len(bad)} of {len(findings)} findings do not pass ({tally}).{first}"


def _seal(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
