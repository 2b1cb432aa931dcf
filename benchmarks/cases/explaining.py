"""Attributions of 100,000 cell-weeks compared with LightGBM's, reasons of a week, and a whole explanation."""

from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import clone

from benchmarks.city import first_history, study
from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say, wall_seconds
from ilp_models.explain.explain import Explain
from ilp_models.explain.fast_tree_shap import tree_contributions

_ROWS: Final = 100_000
_EQUAL: Final = 1e-9


def measure(*, quick: bool) -> list[Figure]:
    """Return times of attributions, of the same by LightGBM, of reasons and an explanation, and its stability."""
    world, parts = study(quick=quick)
    history = first_history(world, parts)
    say("fit")
    forecaster = clone(parts["model"]["lightgbm"])
    fitting = wall_seconds(lambda: forecaster.fit(history))
    design, _ = forecaster.training_data()
    drawn = np.random.default_rng(0).permutation(len(design.values))[:_ROWS]
    values, booster = np.ascontiguousarray(design.values[drawn]), forecaster.estimator_.booster_
    del design
    own = booster.predict(values, pred_contrib=True)
    difference = float(np.abs(tree_contributions(booster, values) - own).max())
    if difference > _EQUAL:
        msg = f"Attributions differ from LightGBM's by {difference:.1e}."
        raise AssertionError(msg)
    rounds = 1 if quick else 3
    seconds = in_turn(
        rounds,
        ours=lambda: tree_contributions(booster, values),
        lightgbm=lambda: booster.predict(values, pred_contrib=True),
    )
    say("a whole explanation")
    periods = history.calendar.next_periods(history.cutoff, 1)
    reasons = wall_seconds(lambda: forecaster.reasons(periods))
    whole = wall_seconds(lambda: Explain().run(forecaster, periods))
    say("a fit on all units, and its explanation")
    all_units = clone(forecaster).set_params(max_zeros=None)
    fitting_all = wall_seconds(lambda: all_units.fit(history))
    stability, stability_all = (_stability(one, periods) for one in (forecaster, all_units))
    return [
        Figure(
            name=f"TreeSHAP of {len(values):,} cell-weeks",
            figure=seconds["ours"],
            unit="s",
            goal=Goal(high=1.0, of="ratio"),
            reference=seconds["lightgbm"],
            against="LightGBM's own pred_contrib of the same rows on all cores",
            n=rounds,
            note=f"{values.shape[1]} columns; the largest difference is {difference:.1e}",
        ),
        Figure(
            name="reasons of all cells of a week",
            figure=reasons,
            unit="s",
            goal=Goal(high=10.0),
            note=f"{len(history.grid):,} cells, {len(history.events.crime_types)} crime types",
        ),
        Figure(
            name="a whole explanation",
            figure=whole,
            unit="s",
            goal=Goal(high=1.0, of="ratio"),
            reference=fitting,
            against="one fit of the forecaster, on its sample of the units without events",
            note="of one week, with 5 refits from halves of the weeks, both perturbations, interactions of 500 units",
        ),
        Figure(
            name="the same explanation",
            figure=whole,
            unit="s",
            goal=Goal(high=1.0, of="ratio"),
            reference=fitting_all,
            against="one fit on all units (max_zeros=null)",
        ),
        Figure(
            name="stability of the explanation",
            figure=stability,
            unit="",
            goal=Goal(high=1.02, of="ratio"),
            reference=stability_all,
            against="refits from all units: the check is to be no easier with a sample",
            note="mean rank correlation of importances between 5 refits",
        ),
    ]


def _stability(forecaster: Any, periods: pd.PeriodIndex) -> float:
    robustness: Any = Explain().run(forecaster, periods).robustness  # not None: LightGBM has training data
    return float(robustness.stability[0])
