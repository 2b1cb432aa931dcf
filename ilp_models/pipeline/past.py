"""What an earlier run kept beside its forecast: the past and residents that were audited, and the reasons of cells."""

from pathlib import Path

import pandas as pd

from ilp_models.audit.residents import Residents
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.domain.replay import Replay
from ilp_models.pipeline.artefact import read_subject


def past_of(folder: Path) -> Replay | None:
    """Return past forecasts of the audited forecaster beside what was recorded, where the run kept them.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    Replay or None
        Checked against its digests.

    Raises
    ------
    StorageError
        If what was kept was changed since.
    """
    kept = sorted(folder.glob("*/subject.json"))
    return read_subject(kept[0].parent)[0].replay if kept else None


def residents_of(folder: Path, decision: Decision, cells: pd.Index) -> tuple[Residents, ...]:
    """Return the residents that were audited, as the run kept them.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    decision : Decision
        What was decided on it.
    cells : Index
        Names of the cells, in order.

    Returns
    -------
    tuple of Residents
        One a dimension, on these cells; empty where no group was audited or the run kept nothing.

    Raises
    ------
    StorageError
        If what was kept was changed since.
    WithheldError
        If what was kept is not on the cells and the group table that were decided on.
    """
    kept = sorted(folder.glob("*/subject.json"))
    if not kept:
        return ()
    subject, _ = read_subject(kept[0].parent)
    header, own = decision.report.header, {"grid": subject.grid.digest(), "group_table": subject.group_table}
    other = any(header.get(name) != digest for name, digest in own.items()) or not subject.grid.cells.equals(cells)
    if subject.residents and other:
        msg = f"{kept[0].parent} was kept by another audit than the one decided on; ask for a whole copy of the run."
        raise WithheldError(msg)
    return subject.residents or ()


def explained_by(folder: Path) -> pd.DataFrame | None:
    """Return the strongest reasons of the highest cells, where the run explained its forecast.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    DataFrame or None
        ``crime_type, cell, period, rank, words`` and more.
    """
    path = folder / "explanation.parquet"
    return pd.read_parquet(path) if path.is_file() else None
