"""Tree ensembles of scikit-learn and interpret: random forest, histogram gradient boosting, explainable boosting."""

from collections.abc import Sequence
from typing import Any, Final

from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

from ilp_models.domain.features import FeatureFamily
from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.regression import RegressionForecaster

_OFFSET: Final = LevelShare()
_FEW_FEATURES: Final[Sequence[FeatureFamily]] = (
    TypeIndicators(),
    ExponentialMeans((4, 16, 64)),
    ExponentialMeans((16, 64), reach_cells=1.0),
    ExponentialMeans((16, 64), all_types=True),
)
_MANY_FEATURES: Final[Sequence[FeatureFamily]] = (
    TypeIndicators(),
    ExponentialMeans((2, 4, 8, 16, 32, 64, 128)),
    ExponentialMeans((4, 16, 64), reach_cells=1.0),
    ExponentialMeans((32,), reach_cells=2.5),
    ExponentialMeans((4, 16, 64, 128), all_types=True),
)


class RandomForest(RegressionForecaster):
    """Random forest of the factor by which the forecast of `LevelShare` is multiplied.

    Trees are fitted with squared error on rates relative to the offset, weighted with the offset. Breiman (2001),
    Random forests, Machine Learning 45, 5-32.

    Parameters
    ----------
    features : sequence of FeatureFamily
        Families of columns, in order.
    offset : HindcastForecaster or None, default LevelShare()
        Forecaster to start from.
    match_city_total, train_periods, holdout, leads, rate_floor, lead_strategy
        See :class:`~ilp_models.model.regressions.regression.RegressionForecaster`.
    n_estimators : int, default 60
        Number of trees.
    min_samples_leaf : int, default 1000
        Smallest number of rows in a leaf.
    max_features : float, default 0.33
        Share of the columns tried at each split.
    max_samples : int or float, default 60000
        Rows drawn for each tree.
    seed : int, default 0
        Seed of the draws.

    Examples
    --------
    >>> model = RandomForest(n_estimators=5, min_samples_leaf=50, max_samples=500).fit(history)
    >>> model.predict(next_week).expected.shape
    (2, 12, 1)
    """

    def __init__(
        self,
        features: Sequence[FeatureFamily] = _FEW_FEATURES,
        offset: HindcastForecaster | None = _OFFSET,
        *,
        match_city_total: bool = True,
        train_periods: int = 104,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
        n_estimators: int = 60,
        min_samples_leaf: int = 1000,
        max_features: float = 0.33,
        max_samples: float = 60_000,
        seed: int = 0,
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
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_samples = max_samples
        self.seed = seed

    def _new_regressor(self) -> Any:
        return RandomForestRegressor(
            n_estimators=self.n_estimators,
            criterion="squared_error",
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            max_samples=self.max_samples,
            n_jobs=1,
            random_state=self.seed,
        )


class HistGradientBoosting(RegressionForecaster):
    """Histogram gradient boosting of scikit-learn with a Poisson likelihood, starting from `LevelShare`.

    Early stopping is off, because it would validate on rows of the same weeks. Friedman (2001), Greedy function
    approximation, Annals of Statistics 29, 1189-1232.

    Parameters
    ----------
    features : sequence of FeatureFamily
        Families of columns, in order.
    offset : HindcastForecaster or None, default LevelShare()
        Forecaster to start from.
    match_city_total, train_periods, holdout, leads, rate_floor, lead_strategy
        See :class:`~ilp_models.model.regressions.regression.RegressionForecaster`.
    learning_rate : float, default 0.1
        Shrinkage of each tree.
    max_iter : int, default 80
        Number of trees.
    max_leaf_nodes : int, default 15
        Leaves per tree.
    min_samples_leaf : int, default 2000
        Smallest number of rows in a leaf.
    l2_regularization : float, default 1.0
        L2 penalty on leaf values.
    max_bins : int, default 127
        Histogram bins per column.
    seed : int, default 0
        Seed of the binning.

    Examples
    --------
    >>> model = HistGradientBoosting(max_iter=10, min_samples_leaf=50, max_bins=15).fit(history)
    >>> model.predict(next_week).expected.shape
    (2, 12, 1)
    """

    def __init__(
        self,
        features: Sequence[FeatureFamily] = _MANY_FEATURES,
        offset: HindcastForecaster | None = _OFFSET,
        *,
        match_city_total: bool = True,
        train_periods: int = 208,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
        learning_rate: float = 0.1,
        max_iter: int = 80,
        max_leaf_nodes: int = 15,
        min_samples_leaf: int = 2000,
        l2_regularization: float = 1.0,
        max_bins: int = 127,
        seed: int = 0,
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
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.seed = seed

    def _new_regressor(self) -> Any:
        return HistGradientBoostingRegressor(
            loss="poisson",
            learning_rate=self.learning_rate,
            max_iter=self.max_iter,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            l2_regularization=self.l2_regularization,
            max_bins=self.max_bins,
            early_stopping=False,
            random_state=self.seed,
        )


class ExplainableBoosting(RegressionForecaster):
    """Explainable boosting machine: a sum of one curve per column, starting from `LevelShare`.

    Without interactions, the curves show the whole model. There is no early stopping, because it would validate on
    rows of the same weeks. Lou, Caruana and Gehrke (2012), KDD, 150-158; Nori et al. (2019), arXiv 1909.09223.

    Parameters
    ----------
    features : sequence of FeatureFamily
        Families of columns, in order.
    offset : HindcastForecaster or None, default LevelShare()
        Forecaster to start from.
    match_city_total, train_periods, holdout, leads, rate_floor, lead_strategy
        See :class:`~ilp_models.model.regressions.regression.RegressionForecaster`.
    interactions : int, default 0
        Number of pairs of columns with a joint surface.
    outer_bags : int, default 1
        Models that are averaged.
    max_bins : int, default 127
        Histogram bins per column.
    max_rounds : int, default 400
        Boosting rounds.
    learning_rate : float, default 0.04
        Shrinkage of each round.
    min_samples_leaf : int, default 1000
        Smallest number of rows in a leaf.
    seed : int, default 0
        Seed of the draws.

    Examples
    --------
    >>> model = ExplainableBoosting(max_rounds=20, min_samples_leaf=50).fit(history)
    >>> model.predict(next_week).expected.shape
    (2, 12, 1)
    """

    def __init__(
        self,
        features: Sequence[FeatureFamily] = _FEW_FEATURES,
        offset: HindcastForecaster | None = _OFFSET,
        *,
        match_city_total: bool = True,
        train_periods: int = 104,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
        interactions: int = 0,
        outer_bags: int = 1,
        max_bins: int = 127,
        max_rounds: int = 400,
        learning_rate: float = 0.04,
        min_samples_leaf: int = 1000,
        seed: int = 0,
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
        self.interactions = interactions
        self.outer_bags = outer_bags
        self.max_bins = max_bins
        self.max_rounds = max_rounds
        self.learning_rate = learning_rate
        self.min_samples_leaf = min_samples_leaf
        self.seed = seed

    def _new_regressor(self) -> Any:
        from interpret.glassbox import ExplainableBoostingRegressor  # noqa: PLC0415 - slow to import

        return ExplainableBoostingRegressor(
            objective="poisson_deviance",
            interactions=self.interactions,
            outer_bags=self.outer_bags,
            validation_size=0,  # no early stopping
            max_bins=self.max_bins,
            max_rounds=self.max_rounds,
            learning_rate=self.learning_rate,
            min_samples_leaf=self.min_samples_leaf,
            n_jobs=1,
            random_state=self.seed,
        )
