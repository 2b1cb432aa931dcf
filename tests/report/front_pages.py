"""The result of the map of last week."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ilp_models.report.last_map import LastMap

PERIODS = pd.period_range("2021-10-11", periods=12, freq="W-SUN")


def last_of(**changed):
    mask = np.array([True, False, False])
    made = LastMap(
        period=PERIODS[-1],
        source="Map of decision 0123, issued on 27 December 2021",
        issued=True,
        recorded=200.0,
        captured=0.25,
        usual=np.linspace(0.3, 0.4, 51),
        trend=pd.Series(np.linspace(0.3, 0.4, 12), index=PERIODS),
        new=mask,
        gone=~mask,
        lasting=np.array([False, True, True]),
    )
    return replace(made, **changed)
