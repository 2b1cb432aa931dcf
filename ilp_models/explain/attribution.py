"""Attribution methods: path-dependent TreeSHAP, exact additive terms and permutation SHAP of a log rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.explain.trees import has_log_booster, load_shap, log_rate, path_values

Floats = npt.NDArray[np.floating[Any]]

_EXACT: Final = 1e-7
_SAMPLE_ROWS: Final = 64


class AttributionMethod(Protocol):
    """A method that attributes the log rate of a regressor to its columns."""

    @property
    def name(self) -> str:
        """Name of the method."""
        ...

    @property
    def estimator(self) -> Any:
        """The explained regressor."""
        ...

    @property
    def costly(self) -> bool:
        """Whether the method is so slow that only a sample of units is explained."""
        ...

    def attribute(self, values: Floats) -> tuple[Floats, float]:
        """Return attributions (rows, columns) and the base value."""
        ...

    def for_estimator(self, estimator: Any) -> "AttributionMethod":
        """Return the same method for another regressor with the same columns."""
        ...


@dataclass(frozen=True, eq=False)
class TreePathShap:
    """Path-dependent TreeSHAP of trees with a log link (Lundberg et al. 2020)."""

    estimator: Any
    name: ClassVar[str] = "tree path"
    costly: ClassVar[bool] = False

    def attribute(self, values: Floats) -> tuple[Floats, float]:
        """Return attributions (rows, columns) and the base value."""
        return path_values(self.estimator, values)

    def for_estimator(self, estimator: Any) -> "TreePathShap":
        """Return the same method for another regressor."""
        return TreePathShap(estimator)


@dataclass(frozen=True, eq=False)
class ExactAdditive:
    """Exact Shapley values of an additive regression: its log rate is a sum of one function for each column.

    Each function is measured by changing one column alone. Its attribution is its value minus its mean over the
    background rows, as for the coefficients of a generalised linear model.
    """

    estimator: Any
    background: Floats
    name: ClassVar[str] = "exact additive"
    costly: ClassVar[bool] = False

    def attribute(self, values: Floats) -> tuple[Floats, float]:
        """Return attributions (rows, columns) and the base value."""
        reference = self.background[:1]
        start = float(log_rate(self.estimator, reference)[0])
        phi = np.empty(values.shape, dtype=np.float64)
        for column, background in enumerate(self._change_columns(self.background, reference)):
            start += float((background - background[0]).mean())
            phi[:, column] = -background.mean()
        for column, changed in enumerate(self._change_columns(values, reference)):
            phi[:, column] += changed
        return phi, start

    def for_estimator(self, estimator: Any) -> "ExactAdditive":
        """Return the same method for another regressor."""
        return ExactAdditive(estimator, self.background)

    def _change_columns(self, values: Floats, reference: Floats) -> Iterator[Floats]:
        """Yield the log rate of a reference row with one column at a time taken from the values."""
        for column in range(values.shape[1]):
            distinct, where = np.unique(values[:, column], return_inverse=True)
            rows = np.repeat(reference, len(distinct), axis=0)
            rows[:, column] = distinct
            yield log_rate(self.estimator, rows)[where]


@dataclass(frozen=True, eq=False)
class PermutationShap:
    """Permutation SHAP of any regressor with positive rates against background rows (Strumbelj and Kononenko 2014)."""

    estimator: Any
    background: Floats
    seed: int
    name: ClassVar[str] = "permutation"
    costly: ClassVar[bool] = True

    def attribute(self, values: Floats) -> tuple[Floats, float]:
        """Return attributions (rows, columns) and the base value."""
        return permutation_values(self.estimator, values, self.background, self.seed)

    def for_estimator(self, estimator: Any) -> "PermutationShap":
        """Return the same method for another regressor."""
        return PermutationShap(estimator, self.background, self.seed)


def choose_method(estimator: Any, values: Floats, background: Floats, seed: int) -> AttributionMethod:
    """Return the first method whose attributions add up to the log rates of a regressor on a sample of rows."""
    if has_log_booster(estimator):
        return TreePathShap(estimator)
    rows = values[np.random.default_rng(seed).permutation(len(values))[:_SAMPLE_ROWS]]
    expected = log_rate(estimator, rows)
    if not np.isfinite(expected).all():
        msg = f"{type(estimator).__name__} expects 0 events in some cells, and log(0) cannot be explained. Set a floor."
        raise InputError(msg)
    exact: tuple[AttributionMethod, ...] = (ExactAdditive(estimator, background), TreePathShap(estimator))
    for method in exact:
        if _adds_up(method, rows, expected):
            return method
    return PermutationShap(estimator, background, seed)


def _adds_up(method: AttributionMethod, rows: Floats, expected: Floats) -> bool:
    try:
        phi, start = method.attribute(rows)
    except InputError:
        return False
    return bool(np.abs(phi.sum(axis=1) + start - expected).max() <= _EXACT)


def permutation_values(estimator: Any, values: Floats, background: Floats, seed: int) -> tuple[Floats, float]:
    """Return SHAP values of the log rate of a regressor, with one forward and backward permutation for each row.

    They add up by construction. The seed decides how correlated columns share credit.
    """
    shap = load_shap()
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(partial(log_rate, estimator), masker, seed=seed)
    found = explainer(values, max_evals=2 * values.shape[1] + 1, silent=True)
    return np.asarray(found.values, dtype=np.float64), float(np.ravel(found.base_values)[0])
