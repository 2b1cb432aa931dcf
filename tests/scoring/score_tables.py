"""Score tables for the comparisons."""

import numpy as np
import pandas as pd

from ilp_models.domain.scores import COLUMNS, ScoreTable
from ilp_models.scoring.scores import Scoring
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import harm_sets, replay_of


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


SHARES = (0.1, 0.35)
HARM = {"a": 3.0, "b": 0.5}
SETS = harm_sets(HARM, {"a": (1, 20), "b": 2})
SCORING = Scoring(land_shares=SHARES, bootstrap=Bootstrap(draws=50), curve_land_share=0.35, harm_sets=SETS)


def city(seed=0, kinds=2, cells=8, periods=9, forecaster="ewma", counts_seed=100, **others):
    """Forecasts with ties and zeros, on cells of different area; the counts depend on ``counts_seed`` alone."""
    counts = np.random.default_rng(counts_seed).poisson(0.7, (kinds, cells, periods))
    generator = np.random.default_rng(seed)
    expected = generator.integers(0, 4, (kinds, cells, periods)) / 2
    return replay_of(expected, counts, forecaster, dispersion=np.linspace(0, 0.8, kinds), **others)


def area(cells=8):
    return np.array([1.0, 2.0, 0.5, 1.0, 1.0, 2.0, 4.0, 1.0])[:cells] * 1e5
