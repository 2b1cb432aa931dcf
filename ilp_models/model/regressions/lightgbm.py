"""Gradient-boosted trees with a Poisson or Tweedie likelihood (Ke et al. 2017, LightGBM)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from lightgbm import LGBMRegressor

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import FeatureFamily
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.regressions.regression import RegressionForecaster


class LightGBM(RegressionForecaster):
    """The regression forecaster with LightGBM as its learner and LightGBM's settings as its own.

    Row-wise histograms and the deterministic mode make two fits on the same data equal to the bit, whatever the
    number of threads.

    Parameters
    ----------
    features : sequence of FeatureFamily
        Families of columns, in order.
    offset : TracedForecaster, optional
        A forecaster to start from.
    keep_level : bool, default True
        Scale each crime type and period to the offset's city total.
    train_periods, holdout, leads, rate_floor, lead_strategy
        See :class:`RegressionForecaster`.
    num_leaves : int, default 15
        Leaves of a tree.
    n_estimators : int, default 80
        Number of trees.
    learning_rate : float, default 0.1
        Shrinkage of each tree.
    min_child_samples : int, default 2000
        Least rows in a leaf.
    feature_fraction : float, default 1.0
        Share of columns offered to each tree.
    reg_lambda : float, default 1.0
        Squared penalty on leaf values.
    max_bin : int, default 127
        Histogram bins a column.
    seed : int, default 0
        Seed of whatever is drawn.
    variance_power : float, default 1.0
        Power of the mean that the variance of a count follows: 1 is Poisson; above 1 and below 2 is Tweedie
        (Jorgensen 1987), which weighs errors on high counts less.
    """

    _precision = np.float32  # trees bin their columns

    def __init__(
        self,
        features: Sequence[FeatureFamily],
        offset: HindcastForecaster | None = None,
        keep_level: bool = True,  # noqa: FBT001, FBT002 - scikit-learn's get_params wants plain arguments
        train_periods: int = 208,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
        num_leaves: int = 15,
        n_estimators: int = 80,
        learning_rate: float = 0.1,
        min_child_samples: int = 2000,
        feature_fraction: float = 1.0,
        reg_lambda: float = 1.0,
        max_bin: int = 127,
        seed: int = 0,
        variance_power: float = 1.0,
    ) -> None:
        self.features = features
        self.offset = offset
        self.keep_level = keep_level
        self.train_periods = train_periods
        self.holdout = holdout
        self.leads = leads
        self.rate_floor = rate_floor
        self.lead_strategy = lead_strategy
        self.num_leaves = num_leaves
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.min_child_samples = min_child_samples
        self.feature_fraction = feature_fraction
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.seed = seed
        self.variance_power = variance_power

    def _fit(self, history: History) -> None:
        if not 1 <= self.variance_power < 2:
            msg = f"variance_power={self.variance_power} must be 1 (Poisson) or between 1 and 2 (Tweedie)."
            raise InputError(msg)
        super()._fit(history)

    def _weights(self, start: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return start if self.variance_power == 1 else np.asarray(start ** (2.0 - self.variance_power))

    def _new_regressor(self) -> Any:
        likelihood: dict[str, Any] = {"objective": "poisson", "poisson_max_delta_step": 0.1}
        if self.variance_power > 1:
            likelihood = {"objective": "tweedie", "tweedie_variance_power": self.variance_power}
        return LGBMRegressor(
            **likelihood,
            num_leaves=self.num_leaves,
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            min_child_samples=self.min_child_samples,
            colsample_bytree=self.feature_fraction,
            reg_lambda=self.reg_lambda,
            max_bin=self.max_bin,
            random_state=self.seed,
            deterministic=True,
            force_row_wise=True,
            n_jobs=0,  # as many threads as OpenMP was given, so that parallel processes do not crowd each other
            verbosity=-1,
        )

    def texts(self) -> dict[str, str]:
        """Return the fitted trees in LightGBM's own text format, one text a lead."""
        return {
            f"lead-{lead}.txt": self.estimators_[step].booster_.model_to_string()
            for lead, step in enumerate(sorted(self.estimators_), start=1)
        }
