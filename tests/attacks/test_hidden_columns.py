"""Combined forecasts are audited as any other: admitted on good evidence, withheld for a column of any member."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

from ilp_models.domain.features import Column
from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.ensembles import BestPast, Stacked
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.regression import RegressionForecaster
from ilp_models.model.wrappers.recalibrated import Recalibrated
from ilp_models.model.wrappers.reconciled import Reconciled
from tests.pipeline.small_city import LENIENT, declare, run_task

FEATURES = (TypeIndicators(), ExponentialMeans((8, 52)))


def linear(*features):
    return RegressionForecaster(
        PoissonRegressor(alpha=1e-3, solver="newton-cholesky"), (*FEATURES, *features), train_periods=60, holdout=8
    )


@dataclass(frozen=True)
class Origins:
    """A column named after a group of residents; it is noise."""

    def columns(self, history):
        del history
        return (Column("ethnicity_share", "own_past", "{value:.2f}"),)

    def write(self, history, periods, step, out):
        del history, periods, step
        out[...] = np.random.default_rng(1).uniform(size=out.shape[2])[None, None, :, None]


EWMA_ = EWMA(half_lives=(26, 52), smoothing=(0.1,))
COMPOSITES = {
    "stacked": Stacked({"linear": linear(), "ewma": EWMA_}, past_periods=8),
    "best_past": BestPast({"linear": linear(), "ewma": EWMA_}, past_periods=8),
    "recalibrated": Recalibrated(linear(), past_periods=8),
    "reconciled": Reconciled(linear(), LevelShare(), past_periods=8),
}


def weekly(folder, name, method):
    """Return a weekly run of a combined forecast under lenient limits, which were declared before."""
    settings = (*LENIENT, "backtest.horizon=1", f"model=[moving_average,ewma,{name}]", f"forecaster={name}")
    models = {"moving_average": MovingAverage(), "ewma": EWMA_, name: method}
    declare(folder, *settings, model=models)
    return run_task("weekly", folder, *settings, model=models)


NAMES = ["stacked", *(pytest.param(name, marks=pytest.mark.slow) for name in COMPOSITES if name != "stacked")]


@pytest.mark.parametrize("name", NAMES)
def test_a_combined_forecast_can_be_admitted(name, tmp_path):
    done = weekly(tmp_path, name, COMPOSITES[name])
    found = {one["check"]: one for one in done.decision["findings"]}
    for check in ("shap_additivity", "explanation_stability", "feature_allow_list", "proxy_probe", "proxy_strength"):
        assert found[check]["state"] == "pass", check
    assert done.decision["admitted"], done.decision["reasons"]
    archive = json.loads((done.folder / "audit" / "subject.json").read_text())
    assert archive["explanation"]["method"].startswith("combined: ")
    table = pd.read_parquet(done.folder / "reasons.parquet")
    assert table["words"].str.contains("last four weeks").all()
    assert (table["method"].abs() <= 1e-6).all() or name == "reconciled"


@pytest.mark.parametrize("name", NAMES)
def test_a_forbidden_column_in_one_member_withholds(name, tmp_path):
    bad, ewma = linear(Origins()), EWMA_
    method = {
        "stacked": Stacked({"ewma": ewma, "hidden": bad}, past_periods=8),
        "best_past": BestPast({"ewma": ewma, "hidden": Recalibrated(bad, past_periods=8)}, past_periods=8),
        "recalibrated": Recalibrated(bad, past_periods=8),
        "reconciled": Reconciled(ewma, bad, past_periods=8),
    }[name]
    done = weekly(tmp_path, name, method)
    assert not done.decision["admitted"]
    (finding,) = [one for one in done.decision["findings"] if one["check"] == "feature_allow_list"]
    assert finding["state"] == "fail"
    assert "ethnicity_share" in finding["detail"]
