"""Negative-binomial regression by reweighted Poisson regressions."""

from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import has_fit_parameter

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.stats.distributions import fit_dispersion

Floats = npt.NDArray[np.float64]

_SETTLED: Final = 1e-3  # relative change of the dispersion at which coefficients have long stood still


class NegativeBinomialRegressor(RegressorMixin, BaseEstimator):
    """Regression with the likelihood of a negative binomial distribution and a log link (NB2).

    Counts have the variance ``m + d m^2``. For a known dispersion d the score equations are those of a Poisson
    regression with the weights ``1 / (1 + d m)``, so that Poisson regressions with the weights of the fit before
    converge to the maximum-likelihood estimate; d is estimated anew in between. (Cameron & Trivedi 2013,
    Regression Analysis of Count Data, section 3.3; the alternation is that of Venables & Ripley 2002, section 7.4.)

    Parameters
    ----------
    regressor : estimator
        A Poisson regression with scikit-learn's ``fit(X, y, sample_weight)`` and ``predict(X)``, such as
        ``PoissonRegressor``; its penalty is kept.
    max_rounds : int, default 20
        Largest number of reweighted regressions.
    """

    regressor_: Any
    dispersion_: float
    n_iter_: int

    def __init__(self, regressor: Any, max_rounds: int = 20) -> None:
        self.regressor = regressor
        self.max_rounds = max_rounds

    def fit(self, X: npt.NDArray[Any], y: npt.NDArray[Any], sample_weight: npt.NDArray[Any] | None = None) -> Self:  # noqa: N803 - scikit-learn's name
        """Return the regressor, fitted."""
        if not has_fit_parameter(self.regressor, "sample_weight") or self.max_rounds < 1:
            name = type(self.regressor).__name__
            msg = f"A negative-binomial fit needs a regressor with sample_weight, not {name}, and max_rounds >= 1."
            raise InputError(msg)
        exposure = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        counts = np.asarray(y, dtype=np.float64) * exposure
        self.regressor_ = clone(self.regressor).fit(X, y, sample_weight=exposure)
        self.dispersion_ = 0.0
        for done in range(self.max_rounds):
            self.n_iter_ = done
            means = exposure * self.predict(X)
            before, self.dispersion_ = self.dispersion_, fit_dispersion(counts, means)
            if abs(self.dispersion_ - before) <= _SETTLED * self.dispersion_:
                return self
            self.regressor_.fit(X, y, sample_weight=exposure / (1.0 + self.dispersion_ * means))
        msg = f"The negative-binomial fit did not settle in {self.max_rounds} rounds; set a larger max_rounds."
        raise NotRunError(msg)

    def predict(self, X: npt.NDArray[Any]) -> Floats:  # noqa: N803 - scikit-learn's name
        """Return expected counts per unit of exposure."""
        return np.asarray(self.regressor_.predict(X), dtype=np.float64)
