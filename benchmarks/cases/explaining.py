"""Attributions compared with those of LightGBM and shap, reasons of a week, and a whole explanation."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from benchmarks.city import first_history, study
from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say, wall_seconds
from ilp_models.explain.explain import Explain
from ilp_models.explain.fast_tree_shap import tree_contributions
from ilp_models.explain.trees import interaction_values, interventional_values, load_shap

_ROWS: Final = 100_000
_LEAVES: Final = 31  # the default of LightGBM
_EQUAL: Final = 1e-9
Floats = npt.NDArray[np.float64]


def measure(*, quick: bool) -> list[Figure]:
    """Return times of attributions, of the same by LightGBM, of reasons and an explanation, and its stability."""
    world, parts = study(quick=quick)
    history = first_history(world, parts)
    say("fit")
    forecaster = clone(parts["model"]["lightgbm"])
    forecaster.fit(history)
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
    works = in_turn(
        rounds,
        fit=lambda: clone(forecaster).fit(history),
        explanation=lambda: Explain().run(forecaster, periods),
    )
    say("a fit on all units, and its explanation")
    all_units = clone(forecaster).set_params(max_zeros=None)
    fitting_all = wall_seconds(lambda: all_units.fit(history))
    stability, stability_all = (_stability(one, periods) for one in (forecaster, all_units))
    say("shap")
    larger = clone(forecaster).set_params(num_leaves=_LEAVES).fit(history).estimator_
    return [
        *_against_shap(forecaster.estimator_, values, rounds),
        _interventional(larger, values, rounds, f"the same with trees of {_LEAVES} leaves", Goal(high=2.0, of="ratio")),
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
            figure=works["explanation"],
            unit="s",
            goal=Goal(high=1.0, of="ratio"),
            reference=works["fit"],
            against="one fit of the forecaster, on its sample of the units without events",
            n=rounds,
            note="of one week, with 5 refits from halves of the weeks, both perturbations, interactions of 500 units",
        ),
        Figure(
            name="the same explanation",
            figure=works["explanation"],
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


def _against_shap(estimator: Any, values: Floats, rounds: int) -> list[Figure]:
    """Return interactions and interventional attributions, as many as in an explanation, compared with shap's."""
    sample, explain = values[: Explain().sample], load_shap().TreeExplainer(estimator)
    seconds = in_turn(
        rounds,
        ours=lambda: interaction_values(estimator, sample),
        shap=lambda: explain.shap_interaction_values(sample),
    )
    shown = f"interventional attributions of {len(sample)} cell-weeks"
    equal = _at_thresholds(estimator.booster_, values)
    return [
        Figure(
            name=f"interactions of {len(sample)} cell-weeks",
            figure=seconds["ours"],
            unit="s",
            goal=Goal(high=0.5, of="ratio"),
            reference=seconds["shap"],
            against="shap's TreeExplainer",
            n=rounds,
            note=f"{values.shape[1]} columns, trees of {estimator.num_leaves} leaves",
        ),
        _interventional(estimator, values, rounds, shown, Goal(high=0.5, of="ratio")),
        Figure(
            name="their largest miss of a log rate",
            figure=_miss(estimator, equal, interventional_values),
            unit="",
            goal=Goal(high=_EQUAL),
            reference=_miss(estimator, equal, _values_of_shap),
            against="shap's TreeExplainer",
            note="values moved to the nearest threshold of their column",
        ),
    ]


def _interventional(estimator: Any, values: Floats, rounds: int, name: str, goal: Goal) -> Figure:
    sample, background = _sample_and_background(values)
    seconds = in_turn(
        rounds,
        ours=lambda: interventional_values(estimator, sample, background),
        shap=lambda: _values_of_shap(estimator, sample, background),
    )
    return Figure(
        name=name,
        figure=seconds["ours"],
        unit="s",
        goal=goal,
        reference=seconds["shap"],
        against="shap's TreeExplainer",
        n=rounds,
        note=f"{len(background)} background rows, trees of {estimator.num_leaves} leaves",
    )


def _values_of_shap(estimator: Any, sample: Floats, background: Floats) -> tuple[Floats, float]:
    explainer = load_shap().TreeExplainer(estimator, data=background, feature_perturbation="interventional")
    return explainer.shap_values(sample, check_additivity=False), float(np.ravel(explainer.expected_value)[0])


def _at_thresholds(booster: Any, values: Floats) -> Floats:
    """Return values with each moved to the nearest threshold of a split of its column, if there is one."""
    splits, moved = booster.trees_to_dataframe().dropna(subset="threshold"), values.copy()
    for name, thresholds in splits.groupby("split_feature")["threshold"]:
        column, known = booster.feature_name().index(name), np.unique(thresholds)
        moved[:, column] = known[np.abs(values[:, [column]] - known).argmin(axis=1)]
    return moved


def _miss(estimator: Any, values: Floats, attribute: Callable[..., tuple[Floats, float]]) -> float:
    """Return by how much attributions and their base miss the log rate of a row at most."""
    sample, background = _sample_and_background(values)
    found, base = attribute(estimator, sample, background)
    return float(np.abs(found.sum(axis=1) + base - estimator.booster_.predict(sample, raw_score=True)).max())


def _sample_and_background(values: Floats) -> tuple[Floats, Floats]:
    return values[: Explain().sample], values[-Explain().background :]
