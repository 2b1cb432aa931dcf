"""Attributions of any regression by permutations of its columns."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ilp_models.explain.trees import log_rate, shap

Floats = npt.NDArray[np.floating[Any]]


def permutation_values(estimator: Any, values: Floats, background: Floats, seed: int) -> tuple[Floats, float]:
    """Return SHAP values of the logarithm of a regression's rate, each row by one permutation forth and back.

    They add up by construction; the seed decides how correlated columns share credit.
    """
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(partial(log_rate, estimator), masker, seed=seed)
    found = explainer(values, max_evals=2 * values.shape[1] + 1, silent=True)
    return np.asarray(found.values, dtype=np.float64), float(np.ravel(found.base_values)[0])
