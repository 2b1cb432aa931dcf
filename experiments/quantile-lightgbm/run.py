"""Say whether quantile regression by LightGBM describes counts better than the fitted negative binomial.

python experiments/quantile-lightgbm/run.py [crime type ...]

The bundled Toronto records, 500 m squares, one week ahead, the shipped settings of ``lightgbm``. Everything ends with
2020: the test weeks of the comparison experiments are never read.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from lightgbm import LGBMRegressor
from omegaconf import OmegaConf

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.history import History
from ilp_models.model.regressions.design_matrix import DesignMatrix
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import LEVELS, quantiles

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
END = pd.Timestamp("2020-12-28")
LEARN, TEST = 208, 13
GRID_OF_LEVELS = tuple(np.round(np.arange(0.05, 0.951, 0.05), 2))  # twice the mean pinball loss over it: the CRPS
METHODS = ("negative binomial", "quantile LightGBM", "quantile LightGBM, rounded up")


def main() -> None:
    """Fit both on what was known 13 weeks before the end, score each week's quantiles, print the table."""
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        settings = compose("backtest", overrides=["model=[lightgbm]"])
    settings.data.end = str(END.date())
    plain = OmegaConf.to_container(settings, resolve=True)
    parts = instantiate({key: plain[key] for key in ("data", "grid", "model")}, _convert_="all")
    events = parts["data"].read()
    cutoff = END - pd.Timedelta(weeks=TEST)
    grid = parts["grid"].build(events.known_at(cutoff))
    known, later = (History.from_events(moment, events, grid, Calendar()) for moment in (cutoff, END))
    forecaster = parts["model"]["lightgbm"].fit(known)
    weeks = later.panel.periods[-TEST:]
    mean = np.stack(
        [
            forecaster.update(History.from_events(week.start_time, events, grid, Calendar()))
            .predict(pd.PeriodIndex([week]))
            .expected.values[..., 0]
            for week in weeks
        ]
    )
    lines = [f"{TEST} weeks to {weeks[-1].end_time.date()}, fitted at {cutoff.date()}", ""]
    lines += [
        "| crime type | quantiles | pinball loss | CRPS | less CRPS than negative binomial |",
        "|---" * 5 + "|",
    ]
    for kind in sys.argv[1:] or ["Assault", "Break and Enter"]:
        lines += rows(kind, forecaster, known, later, mean[:, events.crime_types.index(kind)])
    sys.stdout.write("\n".join(lines) + "\n")


def rows(kind: str, forecaster: LightGBM, known: History, later: History, mean: np.ndarray) -> list[str]:
    """Return the lines of the table about one crime type, whose expected counts have the shape (weeks, cells)."""
    at = known.events.crime_types.index(kind)
    observed = later.panel.by_period[-TEST:, at]
    direct = direct_quantiles(at, forecaster, known, later).reshape(-1, *observed.shape)
    fitted = quantiles(mean, np.full(mean.shape, forecaster.dispersion_[at]), GRID_OF_LEVELS)
    losses = [pinball(observed, one) for one in (fitted, direct, np.ceil(direct - 1e-6))]
    stored = [GRID_OF_LEVELS.index(level) for level in LEVELS]
    lines = []
    for name, loss in zip(METHODS, losses, strict=True):
        weekly, base = (2 * one.mean(axis=(0, 2)) for one in (loss, losses[0]))
        gain = Bootstrap().ratio((base - weekly)[:, None], base[:, None])
        less = "-" if loss is losses[0] else f"{gain.value[0]:+.2%} [{gain.low[0]:+.2%}, {gain.high[0]:+.2%}]"
        lines.append(f"| {kind} | {name} | {loss[stored].mean():.5f} | {weekly.mean():.5f} | {less} |")
    return lines


def direct_quantiles(at: int, forecaster: LightGBM, known: History, later: History) -> np.ndarray:
    """Return quantiles of one crime type, one regression a level, on the columns of the fitted forecaster."""
    matrix = DesignMatrix(forecaster.features, forecaster.rate_floor, with_offset=True)
    counts = known.panel.by_period[-LEARN:, at].ravel()
    learn, ahead = (
        matrix.write(history, periods, 1, forecaster.offset_.hindcast(history, periods, 1)).values.reshape(
            len(periods), len(history.events.crime_types), len(history.grid), -1
        )[:, at]
        for history, periods in ((known, known.panel.periods[-LEARN:]), (later, later.panel.periods[-TEST:]))
    )
    learn, ahead = (one.reshape(-1, one.shape[-1]) for one in (learn, ahead))
    plain = forecaster.get_params(deep=False)
    shared = {name: plain[name] for name in ("num_leaves", "n_estimators", "learning_rate", "max_bin", "reg_lambda")}
    told = []
    for level in GRID_OF_LEVELS:
        learner = LGBMRegressor(
            objective="quantile",
            alpha=level,
            min_child_samples=400,
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
            **shared,
        )  # fmt: skip - one call, not sixteen lines
        told.append(learner.fit(learn, counts).predict(ahead))
    return np.maximum.accumulate(np.maximum(np.stack(told), 0.0), axis=0)


def pinball(observed: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Return the loss of each level, week and cell."""
    level = np.array(GRID_OF_LEVELS)[:, None, None]
    miss = observed - told
    return np.maximum(level * miss, (level - 1) * miss)


if __name__ == "__main__":
    main()
