"""The decision on one forecast: the obstacles that follow from its audit, and a reviewer's approval."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Final, Self

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.checks import CATALOGUE, REQUIRED, label_of, required_keys
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.finding import (
    Finding,
    State,
    conclusion_text,
    numbers_text,
    predicate_text,
    remarks_text,
    subject_text,
    verdict_text,
)
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.governance import is_blank
from ilp_models.domain.rule_trials import remedies, trials_of
from ilp_models.domain.timing import SIMULATED, Timing

_SHOWN: Final = 2  # reasons in a line; the page and decision.json have all
FAILURE, REVIEW, MISSING = KINDS = ("failure", "review", "missing")  # of obstacles, in the order of pages
_WORST_FIRST: Final = (State.FAIL, State.INSUFFICIENT, State.REVIEW, State.PASS)


@dataclass(frozen=True)
class Approval:
    """A reviewer's acceptance of one decision."""

    decision: str  # seal of the decision
    reviewer: str
    reason: str
    reviews: tuple[str, ...]  # checks in state review that the reviewer accepts
    moment: datetime  # with a time zone
    key: str = ""  # fingerprint of the public key of the signature; empty without a signature
    files: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of each file of the run, by name
    answers: tuple[str, ...] = ()  # seals of the withheld decisions on the same data
    changed: tuple[str, ...] = ()  # settings that differ from the defaults, as in the decision
    objections: tuple[str, ...] = ()  # open objections to plans in the area, as the line of the approval lists them
    line: str = ""  # digest of its line of the register, where it was just written
    standing: Mapping[str, Any] | None = None  # terms under which it covers later weeks
    under: int = 0  # line of the register with the standing approval that it follows from; 0 if it was given itself

    def __post_init__(self) -> None:
        """Refuse an approval without a name, a reason or a time zone."""
        if not self.decision or is_blank(self.reviewer) or is_blank(self.reason):
            msg = "An approval needs a decision, a reviewer and a reason. Give reviewer=NAME and reason='...'."
        elif self.moment.tzinfo is None:
            msg = f"The time {self.moment} of an approval has no zone. Write it as 2026-01-05T08:00:00+00:00."
        else:
            return
        raise InputError(msg)


@dataclass(frozen=True)
class Obstacle:
    """One reason to withhold: the findings of one check that do not pass, or a fault of the decision as a whole."""

    check: str = ""  # empty for the decision as a whole
    findings: tuple[Finding, ...] = ()  # those that do not pass, the worst first
    missing: int = 0  # required findings that do not exist
    total: int = 0  # findings of the check, with the missing ones
    fault: str = ""  # what is wrong where no finding says it, as a sentence
    advice: str = ""  # what to do about a fault

    @property
    def reviewable(self) -> bool:
        """Whether a reviewer may accept it: only reviews that may be signed."""
        return bool(self.findings) and not self.missing and all(one.reviewable for one in self.findings)

    @property
    def kind(self) -> str:
        """``failure``, ``review`` where a reviewer may accept it, or ``missing`` where inputs or evidence lack."""
        if self.reviewable:
            return REVIEW
        lacking = bool(self.check) and (bool(self.fault) or CATALOGUE[self.check].about_inputs)
        without = bool(self.missing or self.findings) and all(
            one.state is State.INSUFFICIENT or one.reviewable for one in self.findings
        )
        return MISSING if lacking or without else FAILURE

    @property
    def causes(self) -> tuple[str, ...]:
        """The crime types and groups that cause it, the worst first; empty where it is about the model as a whole."""
        return tuple(dict.fromkeys(filter(None, map(subject_text, self.findings))))

    def causes_text(self) -> str:
        """Return the first causes, and how many more there are."""
        more = len(self.causes) - _SHOWN
        return "; ".join([*self.causes[:_SHOWN], *([f"{more} more"] if more > 0 else [])])

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: kind, check, the findings that cause it, and the reason as text."""
        keys = ("crime_type", "dimension", "group")
        causes = [{name: getattr(one, name) for name in keys} | {"state": one.state.value} for one in self.findings]
        return {"kind": self.kind, "check": self.check, "causes": causes, "text": self.as_text()}

    @property
    def label(self) -> str:
        """Label of the check; empty for the decision as a whole."""
        return label_of(self.check) if self.check else ""

    def short_text(self) -> str:
        """Return what is wrong without the label of the check and without single findings of many."""
        if self.fault:
            return f"{self.fault} {self.advice}".rstrip()
        if self.total == 1 and self.findings:
            return predicate_text(self.findings[0])
        counts = Counter(one.state.value for one in self.findings)
        tally = ", ".join(f"{count} {state}" for state, count in [*counts.items(), ("missing", self.missing)] if count)
        verdict = verdict_text(self.findings[0]) if self.findings else "did not run"
        about = f" for {self.causes_text()}" if self.causes else ""
        return f"{verdict}{about}: {len(self.findings) + self.missing} of {self.total} findings do not pass ({tally})."

    def conclusion_text(self) -> str:
        """Return the first sentence of the reason: what is wrong, without what to do."""
        if self.fault:
            return self.fault
        text = conclusion_text(self.findings[0]) if self.total == 1 and self.findings else self.short_text()
        return f"{self.label} {text}"

    def grounds_text(self, listed: Sequence[str] = ()) -> str:
        """Return what was found, without advice, and without a detail that repeats a list on the page (``listed``)."""
        if not self.findings:
            return self.as_text()
        worst, several = self.findings[0], self.total > 1
        about = f" for {self.causes_text()}" if self.causes else ""
        count = f": {len(self.findings) + self.missing} of {self.total} findings" if several else ""
        numbers = numbers_text(worst)
        value = f"{'. Worst' if several else ''}: {numbers}" if numbers else ""
        lacking = " and ".join(one.as_text() for one in worst.shortfall)
        detail = "They are listed below." if listed and "; ".join(listed) in worst.detail else worst.detail
        remarks = " ".join(filter(None, (f"{lacking[:1].upper()}{lacking[1:]}." if lacking else "", detail)))
        return f"{self.label} {verdict_text(worst)}{about}{count}{value}. {remarks}".rstrip()

    def as_text(self) -> str:
        """Return the reason as one line, with the worst finding."""
        text = self.short_text() if self.fault else f"{self.label} {self.short_text()}".strip()
        if self.fault or self.total == 1 or not self.findings:
            return text
        worst = self.findings[0]
        about, numbers = subject_text(worst), numbers_text(worst)
        example = f"Worst: {', '.join(filter(None, (about, numbers)))}. " if about or numbers else ""
        return f"{text} {example}{remarks_text(worst)}".rstrip()


def obstacles(
    findings: Sequence[Finding], crime_types: Sequence[str], groups: Sequence[tuple[str, str]]
) -> Iterator[Obstacle]:
    """Yield an obstacle for each requirement of the gate that the findings do not meet."""
    found = {finding.key: finding for finding in findings}
    table, known = found.get(("group_table", "", "", "")), len(set(groups))
    if table is not None and table.holds and not known:
        advice = "Give a group table with audit.groups.path=FILE."
        yield Obstacle("group_table", fault="No group of residents was audited.", advice=advice)
    elif table is not None and table.holds and table.value > known:
        fault = f"The group table has {table.value:g} groups and {known} were audited."
        yield Obstacle("group_table", fault=fault, advice="Audit all of them.")
    for check, keys in required_keys(crime_types, groups).items():
        crashed = found.get((check, "", "", ""))
        stand_in = None if crashed is None or crashed.holds else crashed
        # a finding that does not pass counts, even where it is not required
        used = stand_in if any(key not in found for key in keys) else None
        stray = [one for one in findings if one.check == check and one.key not in keys and one is not used]
        yield from _obstacle_to(check, [*(found.get(key, stand_in) for key in keys), *stray])


def _obstacle_to(check: str, findings: list[Finding | None]) -> Iterator[Obstacle]:
    """Yield one obstacle to a check unless all its findings hold."""
    bad = [finding for finding in findings if finding is None or not finding.holds]
    if bad:
        known = sorted((one for one in bad if one is not None), key=lambda one: _WORST_FIRST.index(one.state))
        yield Obstacle(check, tuple(known), len(bad) - len(known), len(findings))


@dataclass(frozen=True, repr=False)
class Decision:
    """Whether one forecast may be used for resource allocation.

    The gate makes it. ``admitted`` always follows from the findings: there is no flag to set.
    """

    report: AuditReport
    forecaster: str
    recipe: str  # fingerprint of the recipe of the forecast
    forecast: str  # digest of the forecast
    crime_types: tuple[str, ...]  # of the forecast; each must have been audited
    cutoff: str  # ISO 8601
    periods: int  # of the forecast; an audit covers the first after a cutoff only
    issued: datetime  # with a time zone
    valid_until: datetime  # with a time zone
    approval: Approval | None = field(default=None, compare=False)  # stored in the register, not in the decision

    def __post_init__(self) -> None:
        """Refuse times without a zone."""
        if self.issued.tzinfo is None or self.valid_until.tzinfo is None:
            msg = f"A decision from {self.issued} to {self.valid_until} needs times with a zone; run the audit again."
            raise InputError(msg)
        timing = self.timing
        end = self.valid_until if timing is None or timing.simulated else timing.ends_at()
        if self.valid_until > end:
            msg = f"A decision cannot be valid until {self.valid_until}: its period ends at {end}; run the audit again."
            raise InputError(msg)

    def __repr__(self) -> str:
        """Return the result, how many reasons withhold, and until when the decision holds."""
        verdict = "admitted" if self.admitted else "approved by a reviewer" if self.approved else "withheld"
        until = f"{self.valid_until:%Y-%m-%d %H:%M %Z}"
        return f"<Decision on {self.forecaster}: {verdict}, reasons to withhold: {len(self.obstacles)}, until {until}>"

    def _repr_html_(self) -> str:
        reasons = "".join(f"<li>{escape(one.conclusion_text())}</li>" for one in self.obstacles)
        return f"<p>{escape(repr(self))}</p>" + (f"<ul>{reasons}</ul>" if reasons else "")

    @property
    def timing(self) -> Timing | None:
        """The end of the records and the period of the forecast; None if the audit does not state them."""
        return Timing.from_header(self.report.header)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of its audit."""
        return self.report.findings

    @property
    def admitted(self) -> bool:
        """Whether every requirement of the gate is met."""
        return next(self._obstacles(), None) is None

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """Every reason to withhold: failures first, then reviews that may be accepted, then missing evidence."""
        return tuple(sorted(self._obstacles(), key=lambda one: KINDS.index(one.kind)))

    @property
    def seal(self) -> str:
        """SHA-256 of the content: the name of the decision in files and in the register."""
        return str(self.to_dict()["seal"])

    @property
    def short(self) -> str:
        """The first 16 digits of the seal, as shown to people."""
        return self.seal[:16]

    @property
    def reviews(self) -> tuple[str, ...]:
        """Checks that the reviewer may accept with a reason, if there is no other obstacle."""
        against = self.obstacles
        return tuple(one.check for one in against) if all(one.reviewable for one in against) else ()

    @property
    def approved(self) -> bool:
        """Whether the approval is of this decision and covers every obstacle."""
        if self.approval is None or self.approval.decision != self.seal:
            return False
        return self.admitted or (bool(self.reviews) and set(self.reviews) <= set(self.approval.reviews))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is withheld or admitted, one line a check, and which audit settings differ from the defaults."""
        passed = f"All {len(REQUIRED)} required checks passed for every crime type and group."
        against = tuple(one.as_text() for one in self.obstacles)
        simulated = self.timing is not None and self.timing.simulated
        return (*(against or (passed,)), *([SIMULATED] if simulated else []), *self.report.settings_lines)

    @property
    def conclusion(self) -> str:
        """The first reason, without what to do."""
        against = self.obstacles
        return against[0].conclusion_text() if against else self.reasons[0]

    @property
    def summary(self) -> str:
        """The first reasons in one line, and how many more there are."""
        more = len(self.reasons) - _SHOWN
        return " ".join([*self.reasons[:_SHOWN], *([f"And {more} more in decision.json."] if more > 0 else [])])

    def require_permission(self, forecast: RiskForecast, now: datetime) -> None:
        """Raise WithheldError unless the decision covers this forecast at this time and permits allocation."""
        if not self.admitted and not self.approved:
            remedy = " A reviewer may accept this with `ilp approve`." if self.reviews else ""
            msg = f"The model is withheld from resource allocation: {self.summary}{remedy}"
        elif self.forecast != forecast.digest() or self.recipe != forecast.recipe:
            msg = (
                f"The decision covers forecast {self.forecast[:12]} of recipe {self.recipe}, not this one of recipe "
                f"{forecast.recipe}. Run the audit on this forecast."
            )
        elif self.timing is not None and not self.timing.covers(forecast.periods):
            msg = (
                f"The decision is for {self.timing.starts} to {self.timing.ends}, not {forecast.periods[0]}. Run the "
                "audit on this forecast."
            )
        elif not self.issued <= now < self.valid_until:
            msg = f"The decision is valid from {self.issued} to {self.valid_until}, not at {now}; run the audit again."
        else:
            return
        raise WithheldError(msg)

    def require_same_settings(self, required: Mapping[str, object]) -> None:
        """Raise WithheldError if a setting, such as ``rank_by`` or ``land_share``, differs from the audited one."""
        audited = self.report.header
        for name, value in required.items():
            if name not in audited or audited[name] != value:
                msg = (
                    f"The audit was made with {name}={audited.get(name, 'unknown')}, not {value}. Use the audited "
                    "setting, or audit again."
                )
                raise WithheldError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``decision.json``; ``seal`` is its SHA-256, a checksum and no signature."""
        report = self.report.to_dict()
        plain = {
            "admitted": self.admitted,
            "reasons": list(self.reasons),
            "obstacles": [one.to_dict() for one in self.obstacles],
            "remedies": None if self.admitted or not trials_of(self.report.header) else remedies(self.report.header),
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
        """Return the decision of ``decision.json``, derived from its findings again.

        Raises WithheldError if it cannot be read or was edited.
        """
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
        except InputError as error:
            msg = f"decision.json is not valid. {error}"
            raise WithheldError(msg) from error
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            msg = f"decision.json is not valid and cannot be read ({error!r}); run the audit again."
            raise WithheldError(msg) from error
        if plain.get("admitted") is not decision.admitted or dict(plain) != decision.to_dict():
            msg = "decision.json is not valid: it was edited or does not follow from its findings; run the audit again."
            raise WithheldError(msg)
        return decision

    def _obstacles(self) -> Iterator[Obstacle]:
        """Yield every reason to withhold; the gate admits if there is none."""
        if (self.recipe, self.forecaster) != (self.report.recipe, self.report.forecaster):
            fault = (
                f"The audit is of {self.report.forecaster} ({self.report.recipe}) and the forecast of "
                f"{self.forecaster} ({self.recipe})."
            )
            yield Obstacle(fault=fault, advice="Audit the forecaster that made the forecast.")
        missing = sorted(set(self.crime_types) - set(self.report.crime_types))
        if missing or not self.crime_types:
            fault = f"The crime types {missing} were not audited."
            yield Obstacle(fault=fault, advice="Audit every type that is forecast.")
        timing = self.timing
        overdue, remedy = timing.fault(self.issued) if timing is not None else _NO_TIMING
        if overdue:
            yield Obstacle(fault=overdue, advice=remedy)
        if self.periods != 1:
            fault = f"The audit covers one period ahead and the forecast {self.periods}."
            yield Obstacle(fault=fault, advice="Set backtest.horizon=1.")
        yield from obstacles(self.findings, self.crime_types, self.report.groups)


_NO_TIMING: Final = ("The audit does not state the end of the records and the period of the forecast.", "Audit again.")


def _seal(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
