"""Attributions of trees: path-dependent and interventional TreeSHAP, and interactions of two columns."""

import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.explain.fast_tree_shap import tree_contributions

with warnings.catch_warnings():  # its plots, which are not used here, warn about matplotlib on import
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap

__all__ = ["has_log_booster", "interaction_values", "interventional_values", "log_rate", "path_values", "shap"]

Floats = npt.NDArray[np.floating[Any]]

_LOG_LINKS: Final = frozenset({"poisson", "tweedie", "gamma"})


def has_log_booster(estimator: Any) -> bool:
    """Return whether a regressor is LightGBM whose trees add up to the logarithm of a rate."""
    return hasattr(estimator, "booster_") and getattr(estimator, "objective_", "") in _LOG_LINKS


def log_rate(estimator: Any, values: Floats) -> Floats:
    """Return the natural logarithm of what a regressor predicts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # in double precision, or a sum of single terms would not be the whole to the digits that the audit asks for
        return np.asarray(np.log(np.asarray(estimator.predict(np.asarray(values, dtype=np.float64)), dtype=np.float64)))


def path_values(estimator: Any, values: Floats) -> tuple[Floats, float]:
    """Return path-dependent TreeSHAP values and what they start from."""
    if hasattr(estimator, "booster_"):
        phi = tree_contributions(estimator.booster_, values)
        return phi[:, :-1], float(phi[0, -1])
    explainer = _explainer(estimator)
    try:
        found = np.asarray(explainer.shap_values(values, check_additivity=False), dtype=np.float64)
    except Exception as error:
        raise _unread(estimator, error) from error
    return found, float(np.ravel(explainer.expected_value)[0])


def interventional_values(estimator: Any, values: Floats, background: Floats) -> tuple[Floats, float]:
    """Return interventional TreeSHAP values, which break the correlations between columns, and their start."""
    explainer = _explainer(estimator, np.asarray(background, dtype=np.float64))
    found = explainer.shap_values(np.asarray(values, dtype=np.float64), check_additivity=False)
    return np.asarray(found, dtype=np.float64), float(np.ravel(explainer.expected_value)[0])


def interaction_values(estimator: Any, values: Floats) -> Floats:
    """Return SHAP interaction values: what two columns add together beyond what each adds alone."""
    return np.asarray(_explainer(estimator).shap_interaction_values(np.asarray(values)), dtype=np.float64)


def _explainer(estimator: Any, background: Floats | None = None) -> Any:
    way = "tree_path_dependent" if background is None else "interventional"
    try:
        return shap.TreeExplainer(estimator, data=background, feature_perturbation=way)
    except Exception as error:  # SHAP raises bare Exceptions for models it does not know
        raise _unread(estimator, error) from error


def _unread(estimator: Any, error: Exception) -> InputError:
    name = type(estimator).__name__
    return InputError(f"SHAP cannot explain {name}: {error}. Explain a regression made of trees, such as lightgbm.")
