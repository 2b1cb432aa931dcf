"""Fitted regressions in the shape of forecasters, small enough to check by hand."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from lightgbm import LGBMRegressor

from ilp_models.domain.features import Column, Design
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.panel import DIMS

WEEK = pd.period_range("2022-01-03", periods=1, freq="W-SUN")
PAST = pd.period_range("2021-01-04", periods=20, freq="W-SUN")
TYPES = ["Assault", "Robbery"]


@dataclass
class FakeForecaster:
    """A fitted regression of rates against an offset, in the row order of a design."""

    estimator_: Any
    matrix: Design
    cells: int

    @property
    def history_(self):
        return SimpleNamespace(grid=SimpleNamespace(area_m2=np.ones(self.cells)))

    def design(self, _):
        return self.matrix

    def predict(self, _):
        rate = self.estimator_.predict(self.matrix.values)
        cube = (np.exp(self.matrix.log_offset) * rate).reshape(1, len(TYPES), self.cells).transpose(1, 2, 0)
        coords = {"crime_type": TYPES, "cell": [f"c{i}" for i in range(self.cells)], "period": WEEK}
        expected = xr.DataArray(cube, dims=DIMS, coords=coords)
        spread = xr.DataArray(np.zeros(2), dims="crime_type", coords={"crime_type": TYPES})
        return RiskForecast.negative_binomial(expected, spread, pd.Timestamp("2022-01-03"))


@dataclass
class RefittableForecaster(FakeForecaster):
    """A forecaster with training data that can be refitted."""

    past: Design = None
    counts: Any = None
    make: Any = None

    def training_data(self):
        return self.past, self.counts

    def refits(self, design, counts, selections):
        for selected in selections:
            rows = np.repeat(selected, counts[0].size)
            yield self.make().fit(design.values[rows], counts.reshape(-1)[rows])


def boosted(trees=20, leaves=15, **settings):
    return LGBMRegressor(
        objective="poisson",
        n_estimators=trees,
        num_leaves=leaves,
        verbose=-1,
        n_jobs=1,
        min_child_samples=5,
        **settings,
    )


def columns(count):
    return tuple(Column(f"f{i}", "calendar" if i == 1 else "means", "{value:.1f} of late") for i in range(count))


def fitted(cells=60, count=4, trees=20, *, with_offset=True):
    rng = np.random.default_rng(3)
    rows = 2 * cells
    x = rng.gamma(1.0, 1.0, (rows, count)).astype(np.float32)
    log_offset = rng.normal(-1, 0.7, rows) + np.repeat([0.0, 1.0], cells) if with_offset else np.zeros(rows)
    offset = np.exp(log_offset)
    y = rng.poisson(offset * (0.5 + x[:, 0]))
    model = boosted(trees).fit(x, y / offset, sample_weight=offset)
    return FakeForecaster(model, Design(x, columns(count), log_offset, WEEK), cells)


def learner(make=boosted, cells=30, strength=(1.0, 0.5, 0.2, 0.05)):
    """Return a learner of rates that rise with each column as much as its strength says."""
    rng = np.random.default_rng(5)
    size = len(PAST) * 2 * cells
    x = rng.gamma(1.0, 1.0, (size, len(strength))).astype(np.float32)
    counts = rng.poisson(np.exp(x @ np.array(strength) - 1)).astype(np.float32)
    model = make().fit(x, counts)
    past = Design(x, columns(len(strength)), np.zeros(size), PAST)
    ahead = Design(x[: 2 * cells], columns(len(strength)), np.zeros(2 * cells), WEEK)
    return RefittableForecaster(model, ahead, cells, past, counts.reshape(len(PAST), 2, cells), make)
