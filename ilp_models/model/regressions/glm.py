"""Generalised linear models with a log link: Poisson and negative binomial."""

from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import PoissonRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import SplineTransformer
from sklearn.utils.validation import has_fit_parameter

from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.features import FeatureFamily
from ilp_models.features.calendar import CalendarColumns, TypeIndicators
from ilp_models.features.means import CityLevel, ExponentialMeans
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.regressions.regression import RegressionForecaster
from ilp_models.stats.distributions import fit_dispersion

Floats = npt.NDArray[np.float64]

_RATES: Final = (
    ExponentialMeans((4, 26, 104)),
    ExponentialMeans((26, 104), reach_cells=1.0),
    ExponentialMeans((104,), all_types=True),
)
_CITY: Final = (CityLevel((4, 26), against=104), CalendarColumns(CalendarTerms()))
_LINEAR_FEATURES: Final[Sequence[FeatureFamily]] = (TypeIndicators(), *_RATES, *_CITY)
_SPLINE_FEATURES: Final[Sequence[FeatureFamily]] = (*_RATES, *_CITY, TypeIndicators())  # the splined columns first
_TOLERANCE: Final = 1e-3  # relative change of the dispersion at convergence; the coefficients converge earlier


class PoissonGLM(RegressionForecaster):
    """Poisson regression with a log link on log rates of the past, season and crime type.

    The crime types are 0/1 columns and serve as intercepts. McCullagh and Nelder (1989), Generalized Linear Models.

    Parameters
    ----------
    features : sequence of FeatureFamily
        Families of columns, in order.
    offset : HindcastForecaster, optional
        Forecaster to start from.
    match_city_total, train_periods, holdout, leads, rate_floor, lead_strategy
        See :class:`~ilp_models.model.regressions.regression.RegressionForecaster`.
    alpha : float, default 1e-6
        L2 penalty on the coefficients.
    max_iter : int, default 100
        Largest number of iterations of the Newton solver.

    Examples
    --------
    >>> model = PoissonGLM(train_periods=60).fit(history)
    >>> model.estimator_.coef_.shape == (len(model.columns_),)
    True
    """

    def __init__(
        self,
        features: Sequence[FeatureFamily] = _LINEAR_FEATURES,
        offset: HindcastForecaster | None = None,
        *,
        match_city_total: bool = True,
        train_periods: int = 104,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
        alpha: float = 1e-6,
        max_iter: int = 100,
    ) -> None:
        super().__init__(
            None,
            features,
            offset,
            match_city_total=match_city_total,
            train_periods=train_periods,
            holdout=holdout,
            leads=leads,
            rate_floor=rate_floor,
            lead_strategy=lead_strategy,
        )
        self.alpha = alpha
        self.max_iter = max_iter

    def _new_regressor(self) -> Any:
        return _poisson_regressor(self.alpha, self.max_iter)


class NegativeBinomialGLM(RegressionForecaster):
    """Negative-binomial regression with a log link on splines of log rates of the past, season and crime type.

    The splines are cubic with one inner knot and linear beyond the data (Eilers and Marx 1996). The likelihood is that
    of :class:`NegativeBinomialRegressor`.

    Parameters
    ----------
    features : sequence of FeatureFamily
        Families of columns, in order; the columns with splines come first.
    offset : HindcastForecaster, optional
        Not possible with splines; must be None.
    match_city_total, train_periods, holdout, leads, rate_floor, lead_strategy
        See :class:`~ilp_models.model.regressions.regression.RegressionForecaster`.
    spline_columns : int, default 6
        Number of leading columns that get splines. The other columns enter linearly.
    n_knots, degree : int, default 3, 3
        Knots and degree of each spline.
    alpha : float, default 1e-6
        L2 penalty on the coefficients.
    max_iter : int, default 100
        Largest number of iterations of each Poisson regression.
    max_rounds : int, default 20
        Largest number of reweighted Poisson regressions.

    Examples
    --------
    >>> model = NegativeBinomialGLM(train_periods=60, max_rounds=60).fit(history)
    >>> model.predict(next_week).expected.shape
    (2, 12, 1)
    """

    def __init__(
        self,
        features: Sequence[FeatureFamily] = _SPLINE_FEATURES,
        offset: HindcastForecaster | None = None,
        *,
        match_city_total: bool = True,
        train_periods: int = 104,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
        spline_columns: int = 6,
        n_knots: int = 3,
        degree: int = 3,
        alpha: float = 1e-6,
        max_iter: int = 100,
        max_rounds: int = 20,
    ) -> None:
        super().__init__(
            None,
            features,
            offset,
            match_city_total=match_city_total,
            train_periods=train_periods,
            holdout=holdout,
            leads=leads,
            rate_floor=rate_floor,
            lead_strategy=lead_strategy,
        )
        self.spline_columns = spline_columns
        self.n_knots = n_knots
        self.degree = degree
        self.alpha = alpha
        self.max_iter = max_iter
        self.max_rounds = max_rounds

    def _new_regressor(self) -> Any:
        # No intercept in the splines: the crime types are the intercepts.
        spline = SplineTransformer(self.n_knots, degree=self.degree, include_bias=False, extrapolation="linear")
        columns = list(range(self.spline_columns))
        splines = ColumnTransformer([("rates", spline, columns)], remainder="passthrough")
        poisson = _poisson_regressor(self.alpha, self.max_iter, warm_start=True)  # each round starts from the last
        return Pipeline([("splines", splines), ("regression", NegativeBinomialRegressor(poisson, self.max_rounds))])


def _poisson_regressor(alpha: float, max_iter: int, *, warm_start: bool = False) -> PoissonRegressor:
    # No intercept: the crime types are the intercepts.
    return PoissonRegressor(
        alpha=alpha, fit_intercept=False, solver="newton-cholesky", max_iter=max_iter, warm_start=warm_start
    )


class NegativeBinomialRegressor(RegressorMixin, BaseEstimator):
    """Regression with a negative-binomial likelihood and a log link (NB2), for scikit-learn.

    Counts have the variance ``m + d m^2``. For a known dispersion d the score equations are those of a Poisson
    regression with the weights ``1 / (1 + d m)``. Poisson regressions with the weights of the previous fit therefore
    converge to the maximum-likelihood estimate; d is estimated between them. Cameron and Trivedi (2013), Regression
    Analysis of Count Data, section 3.3; the alternation is that of Venables and Ripley (2002), section 7.4.

    Parameters
    ----------
    regressor : estimator
        A Poisson regression with scikit-learn's ``fit(X, y, sample_weight)`` and ``predict(X)``, such as
        ``PoissonRegressor``; its penalty applies.
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
        """Return the fitted regressor; `sample_weight` is the exposure of each row, and `y` the rate."""
        if not has_fit_parameter(self.regressor, "sample_weight") or self.max_rounds < 1:
            name = type(self.regressor).__name__
            msg = (
                f"A negative-binomial fit needs a regressor with sample_weight and max_rounds >= 1, not {name} and "
                f"max_rounds={self.max_rounds}."
            )
            raise InputError(msg)
        exposure = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        counts = np.asarray(y, dtype=np.float64) * exposure
        self.regressor_ = clone(self.regressor).fit(X, y, sample_weight=exposure)
        self.dispersion_ = 0.0
        for done in range(self.max_rounds):
            self.n_iter_ = done
            means = exposure * self.predict(X)
            before, self.dispersion_ = self.dispersion_, fit_dispersion(counts, means)
            if abs(self.dispersion_ - before) <= _TOLERANCE * self.dispersion_:
                return self
            self.regressor_.fit(X, y, sample_weight=exposure / (1.0 + self.dispersion_ * means))
        msg = f"The negative-binomial fit did not converge in {self.max_rounds} rounds; set a larger max_rounds."
        raise NotRunError(msg)

    def predict(self, X: npt.NDArray[Any]) -> Floats:  # noqa: N803 - scikit-learn's name
        """Return expected counts per unit of exposure."""
        return np.asarray(self.regressor_.predict(X), dtype=np.float64)
