"""Choose what was learned from many jurisdictions and stored by cutoff, without a look into the future."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pandas as pd

from ilp_models.domain.errors import UNFINISHED, InputError, NotRunError

CUTOFF_NAME: Final = "%Y-%m-%dT%H%M%S"  # of a file or folder; no colon, which Windows refuses


def newest_cutoff(
    stored: Iterable[pd.Timestamp], folder: Path, cutoff: pd.Timestamp, what: str, trainer: str
) -> pd.Timestamp:
    """Return the newest stored cutoff that is not after another; NotRunError if all are, InputError without any.

    InputError also if the folder is that of a run that has not finished: some cutoffs may be missing.
    """
    if os.path.lexists(folder / UNFINISHED):
        msg = f"pool={folder} is the folder of a run that has not finished. Run ilp pool again, or name another folder."
        raise InputError(msg)
    known = sorted(stored)
    if not known:
        msg = f"pool={folder} has no {what}. Train one with {trainer}, or give the right folder."
        raise InputError(msg)
    if known[0] > cutoff:
        msg = (
            f"The oldest {what} in {folder} is of {known[0]}, after the cutoff {cutoff}. Train one for this cutoff "
            f"with {trainer}."
        )
        raise NotRunError(msg)
    return [one for one in known if one <= cutoff][-1]
