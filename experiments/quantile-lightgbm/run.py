"""Say whether quantile regression by LightGBM describes counts better than the fitted negative binomial.

python experiments/quantile-lightgbm/run.py    writes the table of README.md

The bundled Toronto records, 500 m squares, one week ahead, the shipped settings of ``lightgbm``. Everything ends with
2020: the test weeks of the comparison experiments are never read.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

import ilp_models as ilp
from ilp_models.stats.distributions import LEVELS, quantiles

FOLDER = Path(__file__).resolve().parent
MARKED = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)
KINDS = ("Assault", "Break and Enter")
END = pd.Timestamp("2020-12-28")
TEST = 13
GRID_OF_LEVELS = tuple(np.round(np.arange(0.05, 0.951, 0.05), 2))  # twice the mean pinball loss over it: the CRPS
METHODS = ("negative binomial", "quantile LightGBM", "quantile LightGBM, rounded up")


def main() -> None:
    """Fit both on what was known 13 weeks before the end, score each week's quantiles, write the table."""
    events, calendar = ilp.load_toronto(end=str(END.date())), ilp.Calendar()
    cutoff = END - pd.Timedelta(weeks=TEST)
    grid = ilp.SquareGrid(500).build(events.known_at(cutoff))
    observed = ilp.History.from_events(END, events, grid, calendar).panel.by_period[-TEST:]
    forecaster = ilp.LightGBM().fit(ilp.History.from_events(cutoff, events, grid, calendar))
    design, counts = forecaster.training_data()
    learn, ahead, mean = design.values.reshape(*counts.shape, -1), [], []
    weeks = calendar.next_periods(cutoff, TEST)
    for week in weeks:
        forecaster.update(ilp.History.from_events(week.start_time, events, grid, calendar))
        period = pd.PeriodIndex([week])
        ahead.append(forecaster.design(period).values.reshape(learn.shape[1:]))
        mean.append(forecaster.predict(period).expected.values[..., 0])
    lines = [
        "",
        "| crime type | quantiles | pinball loss | CRPS | less CRPS than negative binomial |",
        "|---" * 5 + "|",
    ]
    for kind in KINDS:
        at = events.crime_types.index(kind)
        fitted = quantiles(
            np.stack(mean)[:, at], np.full(observed[:, at].shape, forecaster.dispersion_[at]), GRID_OF_LEVELS
        )
        direct = direct_quantiles(forecaster, learn[:, at], counts[:, at], np.stack(ahead)[:, at])
        lines += rows(kind, observed[:, at], fitted, direct)
    span = f"{TEST} weeks to {weeks[-1].end_time.date()}, fitted at {cutoff.date()}"
    text = "\n".join([*lines, "", f"{span}. Made with {ilp.describe_code()}.", "", ""])
    page = FOLDER / "README.md"
    page.write_text(MARKED.sub(lambda found: found[1] + text + found[2], page.read_text("utf-8")), encoding="utf-8")


def rows(kind: str, observed: np.ndarray, fitted: np.ndarray, direct: np.ndarray) -> list[str]:
    """Return the lines of one crime type; counts have the shape (weeks, cells), quantiles (levels, weeks, cells)."""
    losses = [pinball(observed, one) for one in (fitted, direct, np.ceil(direct - 1e-6))]
    stored = [GRID_OF_LEVELS.index(level) for level in LEVELS]
    lines = []
    for name, loss in zip(METHODS, losses, strict=True):
        weekly, base = (2 * one.mean(axis=(0, 2)) for one in (loss, losses[0]))
        gain = ilp.Bootstrap().ratio((base - weekly)[:, None], base[:, None])
        less = "-" if loss is losses[0] else f"{gain.value[0]:+.2%} [{gain.low[0]:+.2%}, {gain.high[0]:+.2%}]"
        lines.append(f"| {kind} | {name} | {loss[stored].mean():.5f} | {weekly.mean():.5f} | {less} |")
    return lines


def direct_quantiles(forecaster: ilp.LightGBM, learn: np.ndarray, counts: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return quantiles of one crime type, one regression a level, from columns (weeks, cells, columns)."""
    plain = forecaster.get_params(deep=False)
    shared = {name: plain[name] for name in ("num_leaves", "n_estimators", "learning_rate", "max_bin", "reg_lambda")}
    shared |= {"min_child_samples": 400, "n_jobs": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}
    told = []
    for level in GRID_OF_LEVELS:
        learner = LGBMRegressor(objective="quantile", alpha=level, **shared)
        learner.fit(learn.reshape(-1, learn.shape[-1]), counts.ravel())
        told.append(learner.predict(ahead.reshape(-1, ahead.shape[-1])).reshape(ahead.shape[:2]))
    return np.maximum.accumulate(np.maximum(np.stack(told), 0.0), axis=0)


def pinball(observed: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Return the loss of each level, week and cell."""
    level = np.array(GRID_OF_LEVELS)[:, None, None]
    miss = observed - told
    return np.maximum(level * miss, (level - 1) * miss)


if __name__ == "__main__":
    main()
