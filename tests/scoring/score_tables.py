"""Score tables for the comparisons."""

import numpy as np
import pandas as pd

from ilp_models.domain.scores import COLUMNS, ScoreTable
from ilp_models.stats.bootstrap import Bootstrap


def table_of(losses, score="deviance", resampling=None, lead=1):
    """Return scores of one crime type: forecasters by name, one value a period."""
    frame = pd.DataFrame(losses)
    weeks = pd.date_range("2021-01-04", periods=len(frame), freq="7D").strftime("%Y-%m-%d")
    named = {"deviance": np.ones_like(frame.to_numpy()), "observed_total": np.ones_like(frame.to_numpy())}
    named[score] = frame.to_numpy(dtype=float)
    rows = [
        (name, "a", lead, week, key, values[at, column])
        for column, name in enumerate(frame.columns)
        for key, values in named.items()
        for at, week in enumerate(weeks)
    ]
    return ScoreTable(pd.DataFrame(rows, columns=list(COLUMNS)), resampling or Bootstrap(draws=400))


def noisy_losses(edges, periods=52, seed=0, noise=0.05):
    """Return losses of forecasters worse by their edges, under a common weekly shock and independent noise."""
    generator = np.random.default_rng(seed)
    shock = generator.normal(1.0, 0.3, periods)
    return {name: shock + edge + generator.normal(0, noise, periods) for name, edge in edges.items()}
