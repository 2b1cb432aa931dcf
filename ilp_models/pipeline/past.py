"""What an earlier run kept beside its forecast: the past that was audited, and the reasons of cells."""

from pathlib import Path

import pandas as pd

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
