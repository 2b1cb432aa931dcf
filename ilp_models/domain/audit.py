"""The report of an audit: the findings on one forecaster and how they were measured."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import ALL, Finding, Limit, State

__all__ = ["ALL", "AuditReport", "Finding", "Limit", "State"]


@dataclass(frozen=True)
class AuditReport:
    """The findings of an audit of one forecaster."""

    findings: tuple[Finding, ...]  # at most one for each check, crime type, dimension and group
    forecaster: str
    recipe: str  # fingerprint of its recipe
    crime_types: tuple[str, ...]  # "all" last where there are several
    groups: tuple[tuple[str, str], ...] = ()  # (dimension, group) pairs of the group table
    header: Mapping[str, Any] = field(default_factory=dict)  # how it was measured; plain JSON values
    changed: tuple[str, ...] = ()  # audit settings that differ from the defaults, in words

    def __post_init__(self) -> None:
        """Refuse two findings with one key."""
        twice = [key for key, count in Counter(finding.key for finding in self.findings).items() if count > 1]
        if twice:
            msg = f"An audit report has two findings on {' / '.join(filter(None, twice[0]))}. Keep one."
            raise InputError(msg)

    @property
    def settings_lines(self) -> tuple[str, ...]:
        """Which settings differ from the defaults, and which declarations were made before, one line each."""
        changed = f"Audit settings differ from the defaults: {'; '.join(self.changed)}."
        return (*([changed] if self.changed else []), *self._declaration_lines())

    def _declaration_lines(self) -> list[str]:
        register = self.header.get("register") or {}
        if not (declared := register.get("declarations")):
            return []
        latest = declared[-1]
        return [
            f"Declarations before the forecast period: {len(declared)}, the latest on {latest['moment'][:10]} "
            f"({latest['seal'][:16]}). Audited periods after it: {register['periods_after']} of "
            f"{self.header.get('periods', 'unknown')}."
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, with the disclaimer that every report carries."""
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
        """Return the report that :meth:`to_dict` wrote; InputError if a part is missing or wrong."""
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
            if isinstance(error, InputError):
                raise
            msg = f"A stored audit report cannot be read ({error!r}); run the audit again."
            raise InputError(msg) from error
