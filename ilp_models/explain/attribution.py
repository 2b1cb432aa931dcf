"""Ways to attribute the logarithm of a regression's rate to the columns of its design matrix."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.explain.trees import has_log_booster, log_rate, path_values, shap

Floats = npt.NDArray[np.floating[Any]]

_EXACT: Final = 1e-7
_PROBED: Final = 64


class AttributionMethod(Protocol):
    """A way to attribute."""

    @property
    def name(self) -> str:
        """What the way is called."""
        ...

    @property
    def estimator(self) -> Any:
        """The regressor explained."""
        ...

    @property
    def costly(self) -> bool:
        """Whether only a sample of units can be explained in reasonable time."""
        ...

    def attribute(self, values: Floats) -> tuple[Floats, float]:
        """Return attributions and what they start from."""
        ...

    def for_estimator(self, estimator: Any) -> "AttributionMethod":
        """Return the same way for another regressor fitted to the same columns."""
        ...


@dataclass(frozen=True, eq=False)
class TreePathShap:
    """Path-dependent TreeSHAP of trees with a logarithmic link (Lundberg et al. 2020).

    Parameters
    ----------
    estimator : estimator
        LightGBM with a Poisson, Tweedie or gamma likelihood, or trees that SHAP reads on the logarithmic scale.
    """

    estimator: Any
    name: ClassVar[str] = "tree path"
    costly: ClassVar[bool] = False

    def attribute(self, values: Floats) -> tuple[Floats, float]:
        """Return attributions and what they start from."""
        return path_values(self.estimator, values)

    def for_estimator(self, estimator: Any) -> "TreePathShap":
        """Return the same way for another regressor."""
        return TreePathShap(estimator)


@dataclass(frozen=True, eq=False)
class ExactAdditive:
    """Exact Shapley values of a regression whose logarithm is a sum of one function a column, whatever its form.

    Each function is read off by moving one column alone; its attribution is its value less its mean over the
    background, as for the coefficients of a generalised linear model.

    Parameters
    ----------
    estimator : estimator
        A generalised linear or additive model.
    background : ndarray
        Rows of a design matrix that say what is usual.
    """

    estimator: Any
    background: Floats
    name: ClassVar[str] = "exact additive"
    costly: ClassVar[bool] = False

    def attribute(self, values: Floats) -> tuple[Floats, float]:
        """Return attributions and what they start from."""
        reference = self.background[:1]
        start = float(log_rate(self.estimator, reference)[0])
        phi = np.empty(values.shape, dtype=np.float64)
        for column, usual in enumerate(self._moved(self.background, reference)):
            start += float((usual - usual[0]).mean())
            phi[:, column] = -usual.mean()
        for column, moved in enumerate(self._moved(values, reference)):
            phi[:, column] += moved
        return phi, start

    def for_estimator(self, estimator: Any) -> "ExactAdditive":
        """Return the same way for another regressor."""
        return ExactAdditive(estimator, self.background)

    def _moved(self, values: Floats, reference: Floats) -> Iterator[Floats]:
        """Yield the log rate of a reference row with one column after the other taken from the values."""
        for column in range(values.shape[1]):
            distinct, where = np.unique(values[:, column], return_inverse=True)
            rows = np.repeat(reference, len(distinct), axis=0)
            rows[:, column] = distinct
            yield log_rate(self.estimator, rows)[where]


@dataclass(frozen=True, eq=False)
class PermutationShap:
    """SHAP values of any regression by permuting columns against a background (Strumbelj and Kononenko 2014).

    Parameters
    ----------
    estimator : estimator
        Any regressor that predicts rates above 0.
    background : ndarray
        Rows of a design matrix that say what is usual.
    seed : int
        Seed of the permutations.
    """

    estimator: Any
    background: Floats
    seed: int
    name: ClassVar[str] = "permutation"
    costly: ClassVar[bool] = True

    def attribute(self, values: Floats) -> tuple[Floats, float]:
        """Return attributions and what they start from."""
        return permutation_values(self.estimator, values, self.background, self.seed)

    def for_estimator(self, estimator: Any) -> "PermutationShap":
        """Return the same way for another regressor."""
        return PermutationShap(estimator, self.background, self.seed)


def method_for(estimator: Any, values: Floats, background: Floats, seed: int) -> AttributionMethod:
    """Return the first way whose attributions add up to what a regression says of some rows."""
    if has_log_booster(estimator):
        return TreePathShap(estimator)
    rows = values[np.random.default_rng(seed).permutation(len(values))[:_PROBED]]
    said = log_rate(estimator, rows)
    if not np.isfinite(said).all():
        msg = f"{type(estimator).__name__} expects no event at all in some cells, and 0 has no logarithm to explain."
        raise InputError(msg)
    exact: tuple[AttributionMethod, ...] = (ExactAdditive(estimator, background), TreePathShap(estimator))
    for method in exact:
        if _adds_up(method, rows, said):
            return method
    return PermutationShap(estimator, background, seed)


def _adds_up(method: AttributionMethod, rows: Floats, said: Floats) -> bool:
    try:
        phi, start = method.attribute(rows)
    except InputError:
        return False
    return bool(np.abs(phi.sum(axis=1) + start - said).max() <= _EXACT)


def permutation_values(estimator: Any, values: Floats, background: Floats, seed: int) -> tuple[Floats, float]:
    """Return SHAP values of the logarithm of a regression's rate, each row by one permutation forth and back.

    They add up by construction; the seed decides how correlated columns share credit.
    """
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(partial(log_rate, estimator), masker, seed=seed)
    found = explainer(values, max_evals=2 * values.shape[1] + 1, silent=True)
    return np.asarray(found.values, dtype=np.float64), float(np.ravel(found.base_values)[0])
