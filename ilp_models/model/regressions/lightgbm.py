"""LightGBM: gradient-boosted trees with a Poisson or Tweedie likelihood."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from lightgbm import Booster, Dataset, LGBMRegressor, train

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import Design, FeatureFamily
from ilp_models.domain.history import History
from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.compact_design import CompactDesign
from ilp_models.model.regressions.regression import RegressionForecaster, learner_errors
from ilp_models.model.regressions.zero_sampling import sample_zeros

_OFFSET: Final = LevelShare(level_memory=True)
_FEATURES: Final[Sequence[FeatureFamily]] = (
    TypeIndicators(),
    ExponentialMeans((2, 4, 8, 16, 32, 64, 128)),
    ExponentialMeans((4, 16, 64), reach_cells=1.0),
    ExponentialMeans((8, 32, 128), reach_cells=2.5),
    ExponentialMeans((4, 16, 64, 128), all_types=True),
    ExponentialMeans((32,), reach_cells=1.0, all_types=True),
)

_REFIT_ZEROS: Final = 0.5  # of those in the sample of a fit


class BinnedRegressor(LGBMRegressor):
    """LightGBM regressor that can be fitted in two steps. Between them the rows are no longer needed.

    ``fit_bins(bins(X, y, weight))`` gives the trees of ``fit(X, y, weight)``, with a fraction of its memory.
    """

    def bins(self, values: Any, target: npt.NDArray[Any], weight: npt.NDArray[Any] | None) -> Dataset:
        """Return the rows as LightGBM keeps them: for each value the number of its bin.

        Values are a matrix, or a list of its blocks as `lightgbm.Sequence`, with equal bins.
        """
        settings = self._settings()
        if isinstance(values, list):
            settings["data_random_seed"] = _data_seed(settings)  # LightGBM does not pass the seed on for blocks
        bins = Dataset(values, target, weight=weight, params=settings).construct()
        bins.label = bins.weight = None  # LightGBM has copies of them
        return bins

    def fit_bins(self, bins: Dataset) -> Self:
        """Fit the trees."""
        return self._with_trees(train(self._settings(), bins, self.n_estimators))

    def fit_from(
        self,
        trees: str,
        values: npt.NDArray[Any] | None = None,
        target: npt.NDArray[Any] | None = None,
        weight: npt.NDArray[Any] | None = None,
    ) -> Self:
        """Take over the trees of a text, and add `n_estimators` more where rows are given."""
        settings, start = self._settings(), Booster(model_str=trees)
        if values is None:
            return self._with_trees(start)
        rows = Dataset(values, target, weight=weight, params=settings, free_raw_data=False)
        return self._with_trees(train(settings, rows, self.n_estimators, init_model=start))

    def _with_trees(self, booster: Booster) -> Self:
        self._Booster = booster.free_dataset()
        self._n_features = self._n_features_in = self._Booster.num_feature()
        self._best_iteration, self._best_score = self._Booster.best_iteration, self._Booster.best_score
        self.fitted_ = True
        return self

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = self._process_params(stage="fit")
        metric = settings["metric"]
        return settings | {"metric": [] if metric is None else [metric]}  # as `fit` writes it


def _data_seed(settings: Mapping[str, Any]) -> int:
    """Return the seed of the rows that bins are made from, as LightGBM draws it from the seed of all."""
    seed = settings.get("seed", settings.get("random_state"))
    if seed is None:
        return 1
    drawn = (214_013 * int(seed) + 2_531_011) % 2**32 // 2**16 % 2**15
    return drawn % (2**15 - 1)


class LightGBM(RegressionForecaster):
    """Gradient-boosted trees (LightGBM) that correct the forecast of `LevelShare` in each cell.

    One model for all crime types. Two fits on the same data are equal to the bit for any number of threads, because
    LightGBM runs in its deterministic mode with row-wise histograms. Ke et al. (2017), LightGBM, NeurIPS 30.

    Parameters
    ----------
    features : sequence of FeatureFamily
        Families of columns, in order. By default exponential means of the cell, its surroundings and all crime types.
    offset : HindcastForecaster or None, default LevelShare(level_memory=True)
        Forecaster to start from.
    match_city_total : bool, default True
        Scale each crime type and period to the city total of the offset.
    train_periods, holdout, leads, rate_floor, lead_strategy
        See :class:`~ilp_models.model.regressions.regression.RegressionForecaster`.
    num_leaves : int, default 15
        Leaves per tree.
    n_estimators : int, default 160
        Number of trees.
    learning_rate : float, default 0.05
        Shrinkage of each tree.
    min_child_samples : int, default 2000
        Smallest number of rows in a leaf.
    feature_fraction : float, default 0.7
        Share of the columns offered to each tree.
    bagging_fraction : float, default 0.7
        Share of the rows that each tree learns from; each tree has its own sample.
    reg_lambda : float, default 1.0
        L2 penalty on leaf values.
    max_bin : int, default 127
        Histogram bins per column.
    seed : int, default 0
        Seed of the samples of rows and columns, and of the sample of units without events.
    variance_power : float, default 1.0
        Power of the mean that the variance follows. 1 is Poisson; between 1 and 2 is Tweedie (Jorgensen 1987), which
        gives less weight to errors on high counts.
    max_zeros : int or None, default 250,000
        Largest number of units without events that each fit uses. Where there are more, a sample is used, which is
        stratified by the forecast of the offset. Its weights keep the expected loss. All units with events are used.
        None sets no limit.

    Examples
    --------
    >>> model = LightGBM(n_estimators=20, min_child_samples=50).fit(history)
    >>> forecast = model.predict(next_week)
    >>> forecast.expected.dims
    ('crime_type', 'cell', 'period')
    """

    _precision = np.float32  # trees use bins of the columns
    _reads_columns: ClassVar[bool] = True  # False for learners that need the rows of the design matrix

    def __init__(
        self,
        features: Sequence[FeatureFamily] = _FEATURES,
        offset: HindcastForecaster | None = _OFFSET,
        *,
        match_city_total: bool = True,
        train_periods: int = 208,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
        num_leaves: int = 15,
        n_estimators: int = 160,
        learning_rate: float = 0.05,
        min_child_samples: int = 2000,
        feature_fraction: float = 0.7,
        bagging_fraction: float = 0.7,
        reg_lambda: float = 1.0,
        max_bin: int = 127,
        seed: int = 0,
        variance_power: float = 1.0,
        max_zeros: int | None = 250_000,
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
        self.num_leaves = num_leaves
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.min_child_samples = min_child_samples
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.seed = seed
        self.variance_power = variance_power
        self.max_zeros = max_zeros

    def _fit(self, history: History) -> None:
        if not 1 <= self.variance_power < 2:
            msg = f"variance_power={self.variance_power} must be 1 (Poisson) or between 1 and 2 (Tweedie)."
            raise InputError(msg)
        if self.max_zeros is not None and self.max_zeros < 1:
            msg = f"max_zeros={self.max_zeros} must be at least 1. Set it to null to train on all units."
            raise InputError(msg)
        super()._fit(history)

    def _weights(self, start: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return start if self.variance_power == 1 else np.asarray(start ** (2.0 - self.variance_power))

    def _taken_rows(
        self, design: Design, observed: npt.NDArray[np.float32], taken: slice | npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]:
        return self._weighted_rows(
            design, observed, *self._sample(design, observed, taken, self._zero_share(observed[taken]))
        )

    def refits(
        self, design: Design, counts: npt.NDArray[np.float32], selections: npt.NDArray[np.bool_]
    ) -> Iterator[Any]:
        """Yield a new regressor for each selection of training periods (selections, periods), fitted to these.

        Where the fit uses a sample, all refits share one with half as many zeros, whose values are binned once. The
        smallest leaf shrinks with the rows, since larger leaves would make refits coarser than the fit.
        """
        if not self._reads_columns:
            yield from super().refits(design, counts, selections)
            return
        observed = counts.reshape(-1)
        everything, share = self._in_order(len(observed), slice(None)), self._zero_share(observed)
        rows, inverse = self._sample(design, observed, everything, share if share == 1 else _REFIT_ZEROS * share)
        periods = np.arange(len(observed))[rows] // counts[0].size
        part = len(periods) / self._sample_size(observed)
        bins: dict[int, Any] = {}  # by the smallest leaf, on which LightGBM decides which columns it keeps
        for selected in selections:
            smallest = max(1, round(self.min_child_samples * part * selected.mean()))
            regressor = self._new_regressor().set_params(min_child_samples=smallest)
            with learner_errors("fit", regressor):
                if smallest not in bins:
                    bins[smallest] = regressor.bins(*self._weighted_rows(design, observed, rows, inverse))
                regressor.fit_bins(bins[smallest].subset(np.flatnonzero(selected[periods])))
            yield regressor

    def _sample(
        self,
        design: Design,
        observed: npt.NDArray[np.float32],
        taken: slice | npt.NDArray[np.int64],
        share: float,
    ) -> tuple[slice | npt.NDArray[np.int64], npt.NDArray[np.float64] | None]:
        """Return some rows with a share of those without events, and the weights of the sample; None if it has all."""
        if share == 1:
            return taken, None
        rows = np.arange(len(observed))[taken]
        sampled, inverse = sample_zeros(observed[rows], design.log_offset[rows], share, self._start())
        return rows[sampled], inverse

    def _weighted_rows(
        self,
        design: Design,
        observed: npt.NDArray[np.float32],
        rows: slice | npt.NDArray[np.int64],
        inverse: npt.NDArray[np.float64] | None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]:
        """Return columns, rates and weights of sampled rows."""
        values, rates, weights = super()._taken_rows(design, observed, rows)
        return values, rates, weights if inverse is None else self._joint_weights(weights, inverse)

    def _joint_weights(
        self, weights: npt.NDArray[Any] | None, inverse: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.floating[Any]]:
        """Return the weights of the likelihood times those of the sample."""
        return np.asarray(inverse if weights is None else weights * inverse, dtype=self._precision)

    def _zero_share(self, observed: npt.NDArray[Any]) -> float:
        """Return the share of the units without events that a fit to these counts uses."""
        zeros = observed.size - np.count_nonzero(observed)
        return 1.0 if self.max_zeros is None or zeros <= self.max_zeros else self.max_zeros / zeros

    def _sample_size(self, observed: npt.NDArray[Any]) -> float:
        """Return how many rows a fit to these counts uses."""
        positive = np.count_nonzero(observed)
        return float(positive + self._zero_share(observed) * (observed.size - positive))

    def _start(self) -> float:
        """Return the start of the systematic sample."""
        return float(np.random.default_rng(self.seed).uniform())

    def _learning_rows(self, steps: Sequence[int]) -> tuple[Design | CompactDesign, npt.NDArray[np.float32]]:
        if not self._reads_columns or len(steps) > 1:
            return self._training_rows(steps)
        design = self._compact_design(steps[0])
        return design, self.training_history_.panel.by_period[-len(design.periods) :]

    def _compact_design(self, step: int) -> CompactDesign:
        history = self.training_history_
        targets = self._training_periods(history, step)
        start = None if self.offset is None else self.offset_.hindcast(history, targets, step)
        return self._matrix().write_compact(history, targets, step, start)

    def _fits(self, design: Any, observed: npt.NDArray[np.float32], parts: Sequence[slice]) -> Iterator[Any]:
        """Return the fits; the bins of their rows, one byte a value, take the place of the design."""
        if not isinstance(design, CompactDesign):
            return _in_turn([self._binned(*self._rows(design, observed, rows)) for rows in parts])
        if self._zero_share(observed) < 1:
            return _in_turn([self._binned(*self._sampled_rows(design, observed, rows)) for rows in parts])
        return self._column_fits(design, observed, parts)

    def _sampled_rows(
        self, design: CompactDesign, observed: npt.NDArray[np.float32], rows: slice
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]:
        """Return the sampled rows alone, so that the whole matrix is never in memory."""
        shape = design.log_offset.shape
        length = observed[rows].size // (shape[1] * shape[2])
        log_offset, counts = design.sorted_rows(length, design.log_offset, observed.reshape(shape))
        share = self._zero_share(counts)
        sampled, inverse = sample_zeros(counts, np.asarray(log_offset, dtype=np.float64), share, self._start())
        rates, weights = self._targets(log_offset[sampled], counts[sampled])
        del log_offset, counts
        return design.rows(sampled), rates, self._joint_weights(weights, inverse)

    def _column_fits(
        self, design: CompactDesign, observed: npt.NDArray[np.float32], parts: Sequence[slice]
    ) -> Iterator[Any]:
        """Yield one fit after the other. Trees grow while neither the columns nor the bins of other rows are there."""
        step, shape = design.step, design.log_offset.shape
        for number, rows in enumerate(parts):
            if number:
                design = self._compact_design(step)  # to keep it would cost memory while trees grow
            length = observed[rows].size // (shape[1] * shape[2])
            targets = self._column_targets(design, observed.reshape(shape), length)
            fit = [self._binned(design.table(length), *targets)]
            del design, targets
            yield fit.pop()()

    def _column_targets(
        self, design: CompactDesign, counts: npt.NDArray[np.float32], length: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
        log_offset, observed = design.sorted_rows(length, design.log_offset, counts)
        return self._targets(log_offset, observed)

    def _binned(self, values: Any, rates: npt.NDArray[Any], weights: npt.NDArray[Any] | None) -> Callable[[], Any]:
        regressor = self._new_regressor()
        with learner_errors("fit", regressor):
            bins = regressor.bins(values, rates, weights)

        def fit() -> Any:
            with learner_errors("fit", regressor):
                return regressor.fit_bins(bins)

        return fit

    def _new_regressor(self) -> Any:
        likelihood: dict[str, Any] = {"objective": "poisson", "poisson_max_delta_step": 0.1}
        if self.variance_power > 1:
            likelihood = {"objective": "tweedie", "tweedie_variance_power": self.variance_power}
        return BinnedRegressor(
            **likelihood,
            num_leaves=self.num_leaves,
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            min_child_samples=self.min_child_samples,
            colsample_bytree=self.feature_fraction,
            subsample=self.bagging_fraction,
            subsample_freq=1 if self.bagging_fraction < 1 else 0,
            reg_lambda=self.reg_lambda,
            max_bin=self.max_bin,
            random_state=self.seed,
            deterministic=True,
            force_row_wise=True,
            n_jobs=0,  # as many threads as OpenMP allows, so that parallel processes do not compete
            verbosity=-1,
        )

    def texts(self) -> dict[str, str]:
        """Return the fitted trees in LightGBM's text format, one text per lead, by file name."""
        return {
            f"lead-{lead}.txt": self.estimators_[step].booster_.model_to_string()
            for lead, step in enumerate(sorted(self.estimators_), start=1)
        }


def _in_turn(fits: list[Callable[[], Any]]) -> Iterator[Any]:
    """Yield the results of functions, each of which is freed after its call."""
    while fits:
        yield fits.pop(0)()
