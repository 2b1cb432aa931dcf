"""LightGBM that starts from trees of many jurisdictions and adapts them to the records of one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import Booster
from scipy import optimize
from sklearn.base import clone

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.features import Column, Design, FeatureFamily
from ilp_models.domain.history import History
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.design_matrix import DesignMatrix, row_order
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.regressions.pool import PooledModel, newest_model, pool_digest, require_columns
from ilp_models.model.regressions.pooled_rows import Sample
from ilp_models.model.regressions.regression import learner_errors
from ilp_models.model.regressions.training_sample import TrainingSample
from ilp_models.model.regressions.zero_sampling import check_zero_share, sample_zeros

_OFFSET: Final = LevelShare()
_FEATURES: Final[Sequence[FeatureFamily]] = (
    ExponentialMeans((2, 4, 8, 16, 32, 64, 128)),
    ExponentialMeans((4, 16, 64), reach_cells=1.0),
    ExponentialMeans((8, 32, 128), reach_cells=2.5),
    ExponentialMeans((4, 16, 64, 128), all_types=True),
    ExponentialMeans((32,), reach_cells=1.0, all_types=True),
)
_MOST_PERIODS: Final = 208  # of the length of the records; longer ones are alike


@dataclass(frozen=True)
class SharedTypes:
    """0/1 indicators of the crime types of a pooled model; all are 0 for a type that it does not know."""

    crime_types: tuple[str, ...]

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per crime type of the pooled model."""
        del history
        return tuple(Column(f"type_{name}", "crime_type", f"the crime type ({name})") for name in self.crime_types)

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: npt.NDArray[np.float32]) -> None:
        """Write the columns; they depend only on the crime type of the row."""
        del periods, step
        same = np.equal.outer(np.array(history.events.crime_types), np.array(self.crime_types, dtype=str))
        out[...] = same[None, :, None, :]


@dataclass(frozen=True)
class RecordLength:
    """The number of periods with known counts before a target: short records make a share uncertain."""

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return the one column."""
        words = f"the correction for records of {{value:.0f}} {history.calendar.period_unit}s"
        return (Column("record_length", "offset", words),)

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: npt.NDArray[np.float32]) -> None:
        """Write the column, up to 208 periods."""
        out[...] = np.clip(history.usable_periods(periods, step), 0, _MOST_PERIODS)[:, None, None, None]


class PooledLightGBM(LightGBM):
    """LightGBM whose trees are learned from many jurisdictions, then adapted to the records of one.

    Each forecast starts from the local level and shares (`offset`). The pooled trees say by which factor to correct
    it. A local fit raises this factor to a power from 0 to 1, the one with the largest Poisson likelihood. It then
    grows `adapt_trees` more trees on local records. Each of their leaves is shrunk as if `prior_events` expected
    events without any surprise were added to it. If no more than ``holdout`` periods can be learned from, the pooled
    trees are used as they are, and the dispersions are those of the offset.

    Train the pooled trees with :func:`ilp_models.train_pooled`. A fit takes the newest ones whose cutoff is not after
    that of the history. Dispersions are fitted on the latest ``holdout`` periods by trees that were not adapted to
    them. If the jurisdiction contributed to the pooled trees, these have learned from the same periods.

    Parameters
    ----------
    pool : str or Path, optional
        Folder of the pooled models. Needed to fit.
    features : sequence of FeatureFamily
        Families of columns, in order, without crime types.
    offset : HindcastForecaster, default LevelShare()
        Forecaster to start from.
    match_city_total, train_periods, holdout, leads, rate_floor
        See :class:`~ilp_models.model.regressions.regression.RegressionForecaster`.
    adapt_trees : int, default 40
        Trees that are added for the local records; 0 uses the pooled trees as they are.
    prior_events : float, default 20.0
        Expected events that hold each leaf of an added tree back: its L2 penalty.
    young_periods : int, default 26
        Length of short records that each jurisdiction also contributes, one for each year, as if its records had just
        begun. The pooled trees then learn how to correct the forecasts of a new city. 0: none.
    least_periods : int, optional
        Known periods that a jurisdiction needs to contribute; by default a year of them. Trees from 8 weeks of one
        city made forecasts of another far worse than its mean (experiment ``borrowed-strength``).
    zero_share : float, default 0.2
        Share of the units without events that training uses, above 0 and at most 1. It is the same in each
        jurisdiction. The sample is that of :class:`~ilp_models.model.regressions.lightgbm.LightGBM`.
    max_zeros : int or None, default 40,000,000
        Rows without an event that the pooled trees of a lead learn from at most, in all jurisdictions together. Of
        more a sample is drawn along their risk, and weighs more. None: no limit.
    num_leaves, n_estimators, learning_rate, min_child_samples, feature_fraction, reg_lambda, max_bin, seed
        See :class:`~ilp_models.model.regressions.lightgbm.LightGBM`; `n_estimators` and `reg_lambda` are those of the
        pooled trees.

    Examples
    --------
    >>> import tempfile
    >>> import ilp_models as ilp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model = ilp.PooledLightGBM(folder, n_estimators=20, min_child_samples=50, holdout=8)
    ...     pooled = ilp.train_pooled({"here": history}, model)
    ...     expected = model.fit(history).predict(next_week).expected
    >>> expected.dims
    ('crime_type', 'cell', 'period')
    """

    _reads_columns = False  # pooled trees predict the rows

    crime_types_: tuple[str, ...]
    pooled_: PooledModel
    start_: str  # text of the pooled trees of the lead that is fitted

    def __init__(
        self,
        pool: str | Path | None = None,
        features: Sequence[FeatureFamily] = _FEATURES,
        offset: HindcastForecaster = _OFFSET,
        *,
        match_city_total: bool = True,
        train_periods: int = 208,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        adapt_trees: int = 40,
        prior_events: float = 20.0,
        young_periods: int = 26,
        least_periods: int | None = None,
        zero_share: float = 0.2,
        max_zeros: int | None = 40_000_000,
        num_leaves: int = 15,
        n_estimators: int = 80,
        learning_rate: float = 0.1,
        min_child_samples: int = 2000,
        feature_fraction: float = 1.0,
        reg_lambda: float = 1.0,
        max_bin: int = 127,
        seed: int = 0,
    ) -> None:
        super().__init__(
            features,
            offset,
            match_city_total=match_city_total,
            train_periods=train_periods,
            holdout=holdout,
            leads=leads,
            rate_floor=rate_floor,
            num_leaves=num_leaves,
            n_estimators=n_estimators,
            learning_rate=learning_rate,
            min_child_samples=min_child_samples,
            feature_fraction=feature_fraction,
            reg_lambda=reg_lambda,
            max_bin=max_bin,
            seed=seed,
        )
        self.pool = pool
        self.adapt_trees = adapt_trees
        self.prior_events = prior_events
        self.young_periods = young_periods
        self.least_periods = least_periods
        self.zero_share = zero_share
        self.max_zeros = max_zeros

    def content_digests(self) -> dict[str, str]:
        """Return the digest of the pooled models, which belong to the recipe of a forecast."""
        return {} if self.pool is None else {"pool": pool_digest(Path(self.pool))}

    def fit_pool(
        self, samples: Sequence[Sample], cutoff: pd.Timestamp, left_out: Mapping[str, str] | None = None
    ) -> PooledModel:
        """Return the trees fitted to the samples of all jurisdictions, which may be files."""
        learners = [self._new_regressor() for _ in range(self.leads)]
        start = float(np.random.default_rng([self.seed, 1]).uniform())  # another one than that of each sample
        return PooledModel.fit(samples, cutoff, learners, left_out, max_zeros=self.max_zeros, start=start)

    def training_sample(self, history: History, jurisdiction: str) -> TrainingSample:
        """Return what a jurisdiction contributes to a pooled model: all units with events and a sample of the others.

        Rows are sorted by their values. The crime types of the history must have the names that all jurisdictions
        share. NotRunError if the records are too short or have no event.
        """
        least = history.calendar.per_year if self.least_periods is None else self.least_periods
        if len(history.panel.periods) < least:
            length = f"{len(history.panel.periods)} known {history.calendar.period_unit}(s)"
            msg = f"{jurisdiction} has {length}, and a pooled model learns from {least} or more. Give more data."
            raise NotRunError(msg)
        parts: list[TrainingSample] = []
        for known in (history, *_young_histories(history, self.young_periods)):
            parts.extend(clone(self)._samples(known, jurisdiction))
        if not any(part.target.any() for part in parts):
            msg = f"{jurisdiction} has no event to learn from. Give more data."
            raise NotRunError(msg)
        names = ("values", "log_offset", "target", "weight", "crime_type", "lead")
        joined: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        keys = (*joined["values"].T, *(joined[name] for name in names[1:]))
        order = np.lexsort(keys)  # by content, so that the order of the rows tells nothing about place or time
        rows: dict[str, Any] = {name: part[order] for name, part in joined.items()}
        return replace(parts[0], cutoff=history.cutoff, **rows)

    def _samples(self, history: History, jurisdiction: str) -> Iterator[TrainingSample]:
        """Yield the sample of each lead from one history."""
        self._check_settings()
        self.crime_types_, self.training_history_ = (), history
        self.offset_ = clone(self.offset).fit(history)
        names = tuple(column.name for column in self._matrix().columns(history))
        kinds, cells = len(history.events.crime_types), len(history.grid)
        for lead, step in enumerate(range(history.first_step, history.first_step + self.leads), start=1):
            if len(self._training_periods(history, step)) == 0:
                msg = f"{jurisdiction} has {len(history.panel.periods)} known periods, too few. Give more data."
                raise NotRunError(msg)
            design, counts = self._training_rows([step])
            observed = counts.reshape(-1)
            order = row_order(history.grid, len(observed))
            order = np.arange(len(observed)) if order is None else order
            rows, weight = sample_zeros(observed[order], design.log_offset[order], self.zero_share, self._start())
            rows = order[rows]
            yield TrainingSample(
                jurisdiction,
                history.cutoff,
                history.calendar.period_unit,
                names,
                tuple(history.events.crime_types),
                values=design.values[rows],
                log_offset=design.log_offset[rows].astype(np.float32),
                target=observed[rows].astype(np.float32),
                weight=weight.astype(np.float32),
                crime_type=(rows // cells % kinds).astype(np.int16),
                lead=np.full(len(rows), lead, dtype=np.int16),
            )

    def _check_settings(self) -> None:
        super()._check_settings()
        counts = {name: getattr(self, name) for name in ("adapt_trees", "prior_events", "young_periods")}
        counts["least_periods"] = self.least_periods or 0
        wrong = [f"{name}={value}" for name, value in counts.items() if value < 0]
        if wrong:
            msg = f"{wrong[0]} must be at least 0."
            raise InputError(msg)
        check_zero_share(self.zero_share)
        if self.offset is None:
            msg = "PooledLightGBM starts from local levels and shares. Set offset, such as LevelShare()."
            raise InputError(msg)

    def _fit(self, history: History) -> None:
        self._check_settings()
        if self.pool is None:
            msg = "pool is not set. Give the folder in which train_pooled stored the pooled models."
            raise InputError(msg)
        pooled = newest_model(Path(self.pool), history.cutoff)
        self.pooled_, self.crime_types_ = pooled, pooled.crime_types
        columns = [column.name for column in self._matrix().columns(history)][len(pooled.crime_types) :]
        require_columns(columns, pooled.columns, "This model", f"the pooled model in {self.pool}")
        if history.calendar.period_unit != pooled.period_unit:
            msg = (
                f"The pooled model in {self.pool} counts {pooled.period_unit}s, and these records are counted in "
                f"{history.calendar.period_unit}s. Set calendar.period_unit={pooled.period_unit}."
            )
            raise InputError(msg)
        if self.leads > len(pooled.trees):
            msg = (
                f"The pooled model in {self.pool} has {len(pooled.trees)} lead(s), not {self.leads}. Train it with "
                f"leads={self.leads}."
            )
            raise InputError(msg)
        super()._fit(history)

    def _zero_share(self, observed: npt.NDArray[Any]) -> float:
        del observed  # the same share everywhere, so that each jurisdiction keeps its weight
        return self.zero_share

    def _matrix(self) -> DesignMatrix:
        families = (SharedTypes(self.crime_types_), *self.features, RecordLength())
        return DesignMatrix(families, self.rate_floor, with_offset=True)

    def _fit_steps(self, steps: Sequence[int]) -> None:
        """Adapt the pooled trees of one lead."""
        history, step = self.training_history_, steps[0]
        # With a reporting delay in days, a later history can have other steps: they use the nearest lead.
        lead = min(max(step - history.first_step, 0), len(self.pooled_.trees) - 1)
        self.start_ = self.pooled_.trees[lead]
        if len(self._training_periods(history, step)) > self.holdout:
            super()._fit_steps(steps)
            return
        if not self.estimators_:
            self.dispersion_ = self.offset_.dispersion_
        self.estimators_[step] = self._adapted()

    def refits(
        self, design: Design, counts: npt.NDArray[np.float32], selections: npt.NDArray[np.bool_]
    ) -> Iterator[Any]:
        """Yield a regressor for each selection of training periods, adapted to these."""
        self.start_ = self.pooled_.trees[0]
        return super().refits(design, counts, selections)

    def _learn(self, values: npt.NDArray[Any], rates: npt.NDArray[Any], weights: npt.NDArray[Any] | None) -> Any:
        return self._adapted(values, rates, weights)

    def _binned(
        self, values: npt.NDArray[Any], rates: npt.NDArray[Any], weights: npt.NDArray[Any] | None
    ) -> Callable[[], Any]:
        return lambda: self._adapted(values, rates, weights)  # pooled trees read values, not bins

    def _adapted(self, *rows: Any) -> Any:
        """Return a regressor with the pooled trees, and the trees that local rows add."""
        regressor = self._new_regressor().set_params(n_estimators=self.adapt_trees, reg_lambda=self.prior_events)
        with learner_errors("fit", regressor):
            if not (rows and self.adapt_trees):
                return regressor.fit_from(self.start_)
            trees = Booster(model_str=self.start_)
            strength = fit_strength(np.asarray(trees.predict(rows[0], raw_score=True)), *rows[1:])
            return regressor.fit_from(scale_trees(trees, strength), *rows)


def fit_strength(log_factor: npt.NDArray[Any], rates: npt.NDArray[Any], weights: npt.NDArray[Any]) -> float:
    """Return the power of a factor, from 0 to 1, with the largest Poisson likelihood of some rates."""

    def loss(power: float) -> float:
        scaled = power * log_factor
        return float((weights * (np.exp(scaled) - rates * scaled)).sum(dtype=np.float64))

    return float(optimize.minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)


def scale_trees(trees: Booster, factor: float) -> str:
    """Return the text of trees whose leaves are multiplied by a factor; the trees given are changed."""
    for tree in trees.dump_model()["tree_info"]:
        for leaf in range(tree["num_leaves"]):
            value = trees.get_leaf_output(tree["tree_index"], leaf)
            trees.set_leaf_output(tree["tree_index"], leaf, factor * value)
    return str(trees.model_to_string())


def _young_histories(history: History, length: int) -> Iterator[History]:
    """Yield one short history for each whole year before the cutoff, as if the records had just begun."""
    periods = history.panel.periods
    for begin in range(0, len(periods) - length if length else 0, history.calendar.per_year):
        first, cutoff = periods[begin].start_time, periods[begin + length].start_time
        table = history.events.table
        later = table[table["occurred_at"] >= first].reset_index(drop=True)
        events = replace(history.events, table=later, start=max(first, history.events.start))
        yield History.from_events(
            cutoff, events, history.grid, history.calendar, history.layers, record_lag=history.record_lag
        )
