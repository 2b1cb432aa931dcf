"""Find the plan of the period before, as the register knows it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from ilp_models.audit.register.register import Register
from ilp_models.domain.digest import file_digest
from ilp_models.domain.errors import IlpError
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.parquet_file import open_parquet

_FILE: Final = "allocation.parquet"


@dataclass(frozen=True, eq=False)
class PreviousPlan:
    """Effort by area that was planned for the period before, and the share that was set by hand."""

    effort: pd.Series  # by area
    unit: str
    by_hand: float


def previous_plan(register: Register, period: pd.Period, areas: set[str]) -> PreviousPlan | None:
    """Return the last plan in the register for the period before, if its files are still as they were written.

    It must be of the same areas. What was done is not known: only the plan is.
    """
    try:
        lines = register.verify().lines
    except IlpError:
        return None
    for line in reversed(lines):
        content = line.content
        if line.act != "allocated" or content.get("periods") != [str(period - 1)]:
            continue
        try:
            folder = Path(str(content["folder"]))
            facts = json.loads(file_in_folder(folder, "allocation.json").read_text(encoding="utf-8"))
            file = file_in_folder(folder, _FILE)
            if facts["files"][_FILE] != file_digest(file):
                continue
            with open_parquet(file) as parquet:
                table = parquet.read(columns=["area", "effort"]).to_pandas()
            effort = table.groupby("area")["effort"].sum()
            if not set(effort[effort > 0].index.astype(str)) <= areas:
                continue
            return PreviousPlan(effort, str(facts["budget"]["unit"]), float(facts["by_hand"]["share"]))
        except (IlpError, OSError, RecursionError, KeyError, TypeError, ValueError):
            continue
    return None
