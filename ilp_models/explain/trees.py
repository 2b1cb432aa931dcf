"""TreeSHAP of tree models: path-dependent, interventional, and SHAP interaction values."""

import warnings
from functools import cache
from importlib import import_module
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.explain.fast_tree_shap import tree_contributions, tree_interactions, tree_interventions

Floats = npt.NDArray[np.floating[Any]]

_LOG_LINKS: Final = frozenset({"poisson", "tweedie", "gamma"})


@cache
def load_shap() -> Any:
    """Return the package shap, imported on first use: it takes 90 MB, also in a backtest that comes before."""
    with warnings.catch_warnings():  # of unused parts: plots, and progress bars made of Jupyter widgets
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        warnings.filterwarnings("ignore", "IProgress not found")
        return import_module("shap")


def has_log_booster(estimator: Any) -> bool:
    """Return whether a regressor is LightGBM with a log link."""
    return hasattr(estimator, "booster_") and getattr(estimator, "objective_", "") in _LOG_LINKS


def log_rate(estimator: Any, values: Floats) -> Floats:
    """Return the natural logarithm of the predictions of a regressor."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # double precision, since the audit checks additivity to many digits
        return np.asarray(np.log(np.asarray(estimator.predict(np.asarray(values, dtype=np.float64)), dtype=np.float64)))


def path_values(estimator: Any, values: Floats) -> tuple[Floats, float]:
    """Return path-dependent TreeSHAP values and the base value."""
    if hasattr(estimator, "booster_"):
        phi = tree_contributions(estimator.booster_, values)
        return phi[:, :-1], float(phi[0, -1])
    explainer = _explainer(estimator)
    try:
        found = np.asarray(explainer.shap_values(values, check_additivity=False), dtype=np.float64)
    except Exception as error:
        raise _unsupported(estimator, error) from error
    return found, float(np.ravel(explainer.expected_value)[0])


def interventional_values(estimator: Any, values: Floats, background: Floats) -> tuple[Floats, float]:
    """Return interventional TreeSHAP values, which ignore correlations between columns, and the base value."""
    values, background = np.asarray(values, dtype=np.float64), np.asarray(background, dtype=np.float64)
    if hasattr(estimator, "booster_"):
        fast = tree_interventions(estimator.booster_, values, background)
        if fast is not None:
            return fast, float(np.mean(estimator.booster_.predict(background, raw_score=True)))
    explainer = _explainer(estimator, background)
    found = explainer.shap_values(values, check_additivity=False)
    return np.asarray(found, dtype=np.float64), float(np.ravel(explainer.expected_value)[0])


def interaction_values(estimator: Any, values: Floats) -> Floats:
    """Return SHAP interaction values: the joint effect of two columns beyond their single effects."""
    if hasattr(estimator, "booster_"):
        fast = tree_interactions(estimator.booster_, values)
        if fast is not None:
            return fast
    return np.asarray(_explainer(estimator).shap_interaction_values(np.asarray(values)), dtype=np.float64)


def _explainer(estimator: Any, background: Floats | None = None) -> Any:
    perturbation = "tree_path_dependent" if background is None else "interventional"
    try:
        return load_shap().TreeExplainer(estimator, data=background, feature_perturbation=perturbation)
    except Exception as error:  # SHAP raises bare Exceptions for unsupported models
        raise _unsupported(estimator, error) from error


def _unsupported(estimator: Any, error: Exception) -> InputError:
    name = type(estimator).__name__
    return InputError(f"SHAP cannot explain {name}: {error}. Use a tree model, such as lightgbm.")
