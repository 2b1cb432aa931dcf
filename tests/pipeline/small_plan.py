"""An allocation of a forecast that is known by heart: four cells in a row, two districts, one crime type, two weeks."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.domain.allocation import Allocation
from ilp_models.domain.recent_counts import RecentCounts
from ilp_models.export.table import CellTable
from ilp_models.pipeline.allocation_result import AllocationResult, CapChoice
from ilp_models.pipeline.day_patterns import DayPatterns
from ilp_models.pipeline.overrides import OverrideEffect
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of

EXPECTED = [[4.0, 2.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]  # (cells, weeks): 14 crimes
SHARE = [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.5, 0.0]]  # covers 4 + 2 + 1.5 of them
GRID = square_grid(1, 4)  # two cells in West, two in East


def small_plan(weeks=2, **changes):
    """Return the result of an allocation, with some of its parts changed; its decision permits a plan of one week."""
    expected, share = np.array(EXPECTED)[:, :weeks], np.array(SHARE)[:, :weeks]
    forecast = forecast_on(GRID, ("assault",), periods=weeks, expected=expected)
    coords = {"cell": GRID.cells, "period": forecast.periods}
    effort = xr.DataArray(share, dims=("cell", "period"), coords=coords)
    inclusion = (effort > 0).astype(float)
    decision = decision_on(forecast)
    allocation = Allocation(
        effort, 2.0, "cells", "expected count covered", "top areas", effort * expected, inclusion, decision.seal
    )
    last = xr.DataArray([[5.0, 0.0, 1.0, 2.0]], dims=("crime_type", "cell"))
    recent = RecentCounts("week", forecast.periods[0] - 1, {"last_week": last})
    run = SimpleNamespace(
        forecast=forecast, places=CellTable.from_grid(GRID, recent=recent), provenance=provenance_of(forecast)
    )
    names = pd.Series({"r0c0": "King Street, West"})
    hours = pd.DataFrame(columns=["cell", "weekday", "hour", "events"])
    parts = {
        "run": run,
        "decision": decision,
        "allocation": allocation,
        "by_hand": OverrideEffect(0.0, 0.2),
        "share": share,
        "gap": np.zeros(weeks),
        "territory": None,
        "grid": GRID,
        "groups": pd.DataFrame(),
        "frontier": pd.DataFrame(),
        "harm": pd.DataFrame(),
        "choice": CapChoice("A. Planner", "enough", other_rule=True),
        "audited_replay": None,
        "audited_plan": None,
        "reasons": None,
        "patterns": DayPatterns(names, hours),
        "previous": None,
        "settings": {"allocation": {"share": 0.5}},
    }
    return AllocationResult(**(parts | changes))
