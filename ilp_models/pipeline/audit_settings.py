"""The settings of an audit from the arguments of a call: a rule, a baseline, residents and governance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.allocation import Allocator
from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import Governance


def audit_settings(
    audit: Audit,
    rule: Allocator | None,
    baseline: str | None,
    residents: str | Path | pd.DataFrame | GroupTable | None,
    governance: Governance | Mapping[str, Any] | None,
) -> Audit:
    """Return the settings of an audit, replaced where an argument is given."""
    changed: dict[str, Any] = {}
    if rule is not None:
        changed["rule"] = rule
    if baseline is not None:
        changed["baseline"] = baseline
    if residents is not None:
        changed["groups"] = _group_table(residents)
    if governance is not None:
        changed["governance"] = read_governance(governance)
    return replace(audit, **changed)


def read_governance(given: Governance | Mapping[str, Any]) -> Governance:
    """Return a statement of who answers for a forecast, also from its plain values."""
    if not isinstance(given, Governance | Mapping):
        msg = f"governance={given!r} is not a statement. Give ilp.Governance(purpose=..., owner=...), or a mapping."
        raise InputError(msg)
    return given if isinstance(given, Governance) else Governance(**given)


@dataclass(frozen=True)
class ResidentsInMemory:
    """Residents by area and group that no file has, as the text of a CSV file."""

    publisher: ClassVar[str] = "a table in memory"

    csv: str

    def groups(self) -> pd.DataFrame:
        """Return the table."""
        return pd.read_csv(StringIO(self.csv), dtype=str, keep_default_na=False)


def _group_table(residents: str | Path | pd.DataFrame | GroupTable) -> GroupTable:
    if isinstance(residents, pd.DataFrame):
        return GroupTable(source=ResidentsInMemory(residents.to_csv(index=False)))
    return GroupTable(str(residents)) if isinstance(residents, str | Path) else residents
