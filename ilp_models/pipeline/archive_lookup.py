"""What an earlier run kept beside its forecast: the past and residents that were audited, and the reasons of cells."""

from pathlib import Path

import pandas as pd

from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.residents import Residents
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.pipeline.audit_archive import read_audit_input


def load_audit_input(folder: Path) -> AuditInput | None:
    """Return what the audit of a run looked at: past forecasts beside what was recorded, cells and residents."""
    kept = folder / "audit"
    return read_audit_input(kept)[0] if (kept / "subject.json").is_file() else None


def residents_of(kept: AuditInput | None, decision: Decision, cells: pd.Index) -> tuple[Residents, ...]:
    """Return the residents that were audited, as the run kept them."""
    if not decision.report.groups:
        return ()
    header, there = decision.report.header, None
    if kept is not None and {**header, "grid": kept.grid.digest(), "group_table": kept.group_table} == dict(header):
        there = kept.residents if kept.grid.cells.equals(cells) else kept.residents_ahead
    if there is None or len(there[0].total) != len(cells):
        msg = "The residents that this decision rests on are not beside it; ask for a whole copy of the run."
        raise WithheldError(msg)
    return there


def explained_by(folder: Path) -> pd.DataFrame | None:
    """Return the strongest reasons of the highest cells, where the run explained its forecast."""
    path = folder / "explanation.parquet"
    return pd.read_parquet(path) if path.is_file() else None
