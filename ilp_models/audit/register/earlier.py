"""Earlier decisions on the same data: the same area and overlapping audited periods."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ilp_models.audit.register.declarations import Declaration
from ilp_models.audit.register.extents import EXTENT, SAME_AREA, shared_area
from ilp_models.audit.register.register import RegisterEntry
from ilp_models.domain.checks import CATALOGUE
from ilp_models.domain.finding import Finding, State
from ilp_models.domain.grid import Grid
from ilp_models.domain.replay import Replay


@dataclass(frozen=True)
class EarlierDecision:
    """What the register says of one earlier decision."""

    decision: str  # seal
    moment: str  # ISO 8601
    forecaster: str
    first_period: str  # start of the first audited period, ISO 8601
    last_period: str
    admitted: bool
    group_table: str  # digest
    failed: tuple[str, ...]  # checks of the forecast that failed; missing inputs do not count
    reviewed: tuple[str, ...]  # checks that asked for a review
    rules_tried: int = 0  # plans of a search for a rule that it reported
    repeated: str = ""  # that it is the same audit, with the settings of random draws that differ

    @property
    def counts(self) -> bool:
        """Whether it counts against a later decision: a check failed or asked for a review, or rules were searched."""
        return bool(self.failed or self.reviewed or self.rules_tried)

    def as_text(self) -> str:
        """Return such as ``1a2b3c4d5e6f7a8b of 2026-01-05 on ewma (fail: coverage_ratio)``."""
        parts = {"fail": self.failed, "review": self.reviewed}
        states = "; ".join(f"{state}: {', '.join(checks)}" for state, checks in parts.items() if checks)
        searched = f"{self.rules_tried} plans were compared" if self.rules_tried else ""
        found = "; ".join(filter(None, (states, searched, self.repeated))) or "missing inputs"
        return f"{self.decision[:16]} of {self.moment[:10]} on {self.forecaster} ({found})"


@dataclass(frozen=True)
class RegisterSnapshot:
    """What the register held when a forecast was audited."""

    path: str
    digest: str  # of its last line
    entries: int
    earlier: tuple[EarlierDecision, ...] = ()  # on the same data, oldest first
    unregistered: int = 0  # decisions in the folder of the register that it does not know
    fault: str = ""  # why it cannot be read
    begins: str = ""  # when the forecast period begins, ISO 8601 in UTC
    declarations: tuple[Declaration, ...] = ()  # on the same area, made before that; the latest one applies
    periods_after: int = 0  # audited periods that began after the latest declaration

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        several = {"earlier": self.earlier, "declarations": self.declarations}
        plain = {
            key: [{name: _plain(value) for name, value in vars(one).items()} for one in parts]
            for key, parts in several.items()
        }
        return {**vars(self), **plain}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "RegisterSnapshot":
        """Return the snapshot that :meth:`to_dict` wrote."""
        earlier = [
            EarlierDecision(**{**one, "failed": tuple(one["failed"]), "reviewed": tuple(one["reviewed"])})
            for one in plain["earlier"]
        ]
        declared = [Declaration(**{**one, "changed": tuple(one["changed"])}) for one in plain["declarations"]]
        return cls(**{**plain, "earlier": tuple(earlier), "declarations": tuple(declared)})


def data_terms(replay: Replay, grid: Grid) -> dict[str, Any]:
    """Return the area and the audited periods, as header and register state them."""
    starts = replay.periods.start_time
    return {
        EXTENT: grid.extent(),
        "first_period": starts[0].isoformat(),
        "last_period": starts[-1].isoformat(),
    }


def earlier_decisions(
    lines: Iterable[RegisterEntry], header: Mapping[str, Any], own: str = ""
) -> tuple[EarlierDecision, ...]:
    """Return the decisions in lines of a register on the data of an audit header, oldest first, without one's own."""
    found = []
    for line in lines:
        if line.act == "decided" and line.decision != own and _same_data(line.content, header):
            facts = line.content
            found.append(
                EarlierDecision(
                    decision=line.decision,
                    moment=line.moment.isoformat(),
                    forecaster=str(facts.get("forecaster", "")),
                    first_period=str(facts.get("first_period", "")),
                    last_period=str(facts.get("last_period", "")),
                    admitted=facts.get("admitted") is True,
                    group_table=str(facts.get("group_table", "")),
                    failed=_texts(facts.get("failed")),
                    reviewed=_texts(facts.get("reviewed")),
                    rules_tried=len(_texts(facts.get("rules_tried"))),
                    repeated=_repeated(facts, header),
                )
            )
    return tuple(found)


def _repeated(facts: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """Return that an earlier audit had the same settings except for random draws, and which; empty if it had not."""
    digest = header.get("settings_digest")
    if not digest or facts.get("settings_digest") != digest:
        return ""
    then, today = (one.get("random_settings") for one in (facts, header))
    then, today = (dict(one) if isinstance(one, Mapping) else {} for one in (then, today))
    differing = [f"{name}={then.get(name)}" for name in {**then, **today} if then.get(name) != today.get(name)]
    return f"the same audit with {', '.join(differing)}" if differing else "the same audit"


def states_of(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Return which required checks of the forecast failed or asked for a review, for the line of a decision."""
    bad = [one for one in findings if one.required and not one.holds and not CATALOGUE[one.check].about_inputs]
    states = {"failed": State.FAIL, "reviewed": State.REVIEW}
    return {name: sorted({one.check for one in bad if one.state is state}) for name, state in states.items()}


def _same_data(facts: Mapping[str, Any], header: Mapping[str, Any]) -> bool:
    """Return whether two audits share area and periods; an audit that does not say counts as everywhere and always."""
    starts = [_day(one.get("first_period"), unknown="") for one in (facts, header)]
    ends = [_day(one.get("last_period"), unknown="9999") for one in (facts, header)]
    return max(starts) <= min(ends) and shared_area(facts.get(EXTENT), header.get(EXTENT)) >= SAME_AREA


def _day(value: Any, unknown: str) -> str:
    """Return a day as stored; the other text for anything that is no day, such as null."""
    return value if isinstance(value, str) and value[:4].isdecimal() else unknown


def _texts(value: Any) -> tuple[str, ...]:
    """Return a list of a line as texts; any other value that is not empty is one."""
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),) if value else ()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
