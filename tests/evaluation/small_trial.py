"""The design of a trial of two units of three cells, and a panel of counts known by heart."""

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.domain.panel import Panel
from ilp_models.domain.trial_design import TrialDesign, TrialTerms

DESIGN = TrialDesign(
    terms=TrialTerms(goal="fewer burglaries"),
    scheme="matched pairs",
    scheme_settings={"block_size": 2, "share": 0.5},
    unit_kind="clusters",
    units=("north", "south"),
    cells=(("a", "b"), ("c",)),
    zones=(("x", "shared"), ("y", "shared")),
    blocks=(0, 0),
    assignment=("111", "000"),
    start="2026-01-19",
    periods=3,
    periods_before=2,
    period_unit="week",
    week_start="monday",
    time_zone="UTC",
    outcomes=("burglary", "robbery"),
    found_by_patrols=("drugs",),
    seed=3,
    promise={},
    evidence={},
)
CELLS = ["a", "b", "c", "x", "y", "shared"]


def panel(first="2026-01-05", periods=5, cells=CELLS, types=("burglary", "robbery", "drugs")):
    """Return counts by hand: number of the type times number of the cell times number of the week."""
    weeks = pd.period_range(first, periods=periods, freq="W-SUN")
    place = np.arange(1, len(cells) + 1)
    values = np.arange(1, len(types) + 1)[:, None, None] * place[:, None] * np.arange(1, periods + 1)
    coords = {"crime_type": list(types), "cell": list(cells), "period": weeks}
    return Panel(xr.DataArray(values.astype(np.int32), dims=("crime_type", "cell", "period"), coords=coords))
