"""Audit reports: what an audit of one forecaster found."""

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
