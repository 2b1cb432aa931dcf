"""Regression on a design matrix: LightGBM, generalised linear models and any scikit-learn regressor."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from ilp_models.domain.errors import IlpError, InputError, NotRunError
from ilp_models.domain.features import Column, Design, FeatureFamily
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.regressions.design_matrix import SMALLEST_OFFSET, DesignMatrix, Lead, interleave_leads, row_order
from ilp_models.stats.distributions import fit_dispersion

_STRATEGIES: Final = ("direct", "shared")


class RegressionForecaster(Forecaster):
    """One regression for all crime types and cells, on what the past of each unit looked like.

    The regressor is fitted on count / offset with the offset as weight. For a Poisson likelihood that is exactly
    the regression with log(offset) as a fixed term, for any learner and without its knowing. Rates enter as
    logarithms, relative to the offset where there is one. Dispersions come from the latest periods, forecast by
    a fit that did not see them; the regressor is then fitted on all periods.

    Parameters
    ----------
    regressor : estimator
        Anything with scikit-learn's ``fit(X, y, sample_weight)`` and ``predict(X)``; predictions must be >= 0.
    features : sequence of FeatureFamily
        Families of columns, in order.
    offset : TracedForecaster, optional
        A forecaster to start from.
    keep_level : bool, default True
        Scale each crime type and period to the offset's city total, so that the regression only moves risk
        between cells; ignored without an offset.
    train_periods : int, default 208
        Latest periods to learn from; fewer where the past is shorter.
    holdout : int, default 26
        Latest periods kept back for fitting the dispersions.
    leads : int, default 1
        Leads to learn.
    rate_floor : float, default 0.01
        Added to rates before logarithms, events per cell and period.
    lead_strategy : {"direct", "shared"}, default "direct"
        ``direct``: one regression a lead. ``shared``: one regression for all leads, with the lead as a column; it
        learns from as many rows as one of the direct ones, the periods taking turns in how far ahead they are seen.
    """

    _precision: ClassVar[type[np.floating[Any]]] = np.float64  # linear solvers go astray in single precision

    estimators_: dict[int, Any]
    dispersion_: npt.NDArray[np.float64]
    columns_: tuple[Column, ...]
    learned_from_: History

    def __init__(
        self,
        regressor: Any,
        features: Sequence[FeatureFamily],
        offset: HindcastForecaster | None = None,
        keep_level: bool = True,  # noqa: FBT001, FBT002 - scikit-learn's get_params wants plain arguments
        train_periods: int = 208,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
    ) -> None:
        self.regressor = regressor
        self.features = features
        self.offset = offset
        self.keep_level = keep_level
        self.train_periods = train_periods
        self.holdout = holdout
        self.leads = leads
        self.rate_floor = rate_floor
        self.lead_strategy = lead_strategy

    @property
    def estimator_(self) -> Any:
        """The fitted regressor of lead 1."""
        return self.estimators_[self.history_.first_step]

    def _new_regressor(self) -> Any:
        return clone(self.regressor)

    def _fit(self, history: History) -> None:
        self._check_settings()
        if self.offset is not None:
            self.offset_ = clone(self.offset).fit(history)
        self.columns_ = self._matrix().columns(history)
        self.estimators_ = {}
        self.learned_from_ = history
        self._learn_leads(history.first_step)

    def _check_settings(self) -> None:
        if min(self.holdout, self.leads) < 1:
            msg = f"holdout={self.holdout} and leads={self.leads} must both be at least 1."
            raise InputError(msg)
        if self.lead_strategy not in _STRATEGIES:
            msg = f"lead_strategy={self.lead_strategy!r} is unknown; choose one of {', '.join(_STRATEGIES)}."
            raise InputError(msg)
        if self.offset is not None:
            regressor = self._new_regressor()
            if not has_fit_parameter(regressor, "sample_weight"):
                msg = f"{type(regressor).__name__} takes no sample_weight, so it cannot start from an offset."
                raise InputError(msg)

    def _learn_leads(self, first_step: int) -> None:
        """Learn the distances of all leads that are not learned yet; later ones alone, whatever came in between."""
        steps = [step for step in range(first_step, first_step + self.leads) if step not in self.estimators_]
        shared = self.lead_strategy == "shared" and not self.estimators_
        for together in [steps] if shared else [[step] for step in steps]:
            self._learn(together)

    def _targets(self, history: History, step: int) -> pd.PeriodIndex:
        """Return the periods to learn from, leaving a past before the first of them."""
        known = history.panel.periods
        past = min(history.calendar.per_year, len(known) // 3) + step
        targets = known[max(past, len(known) - self.train_periods) :]
        if len(targets) <= self.holdout:
            msg = (
                f"{len(known)} known {history.calendar.period_unit}s leave {len(targets)} to learn from, not more than "
                f"the holdout of {self.holdout}. Give more data or set a smaller holdout."
            )
            raise NotRunError(msg)
        return targets

    def _learn(self, steps: Sequence[int]) -> None:
        """Learn one regression for some distances."""
        history = self.learned_from_
        design, counts = self._rows(steps)
        observed, first_held = counts.reshape(-1), counts[: -self.holdout].size
        if not observed[:first_held].any():
            learned = len(counts) - self.holdout
            msg = f"The {learned} {history.calendar.period_unit}s to learn from hold no event at all. Give more data."
            raise NotRunError(msg)
        if not self.estimators_:
            early = self._regress(design, observed, slice(None, first_held))
            held = design.latest(self.holdout)
            expected = self._expected(held, early)
            expected = (expected * self._level_factor(held, expected)).reshape(self.holdout, *counts.shape[1:])
            kinds = range(counts.shape[1])
            self.dispersion_ = np.array([fit_dispersion(counts[-self.holdout :, k], expected[:, k]) for k in kinds])
        estimator = self._regress(design, observed, slice(None))
        self.estimators_.update(dict.fromkeys(steps, estimator))

    def _rows(self, steps: Sequence[int]) -> tuple[Design, npt.NDArray[np.float32]]:
        """Return the design to learn some distances from, and the counts (periods, crime types, cells)."""
        history = self.learned_from_
        targets = self._targets(history, max(steps))
        design = interleave_leads(lambda step: self._design(history, targets, step), steps)
        return design, history.panel.by_period[-len(targets) :]

    def training_data(self) -> tuple[Design, npt.NDArray[np.float32]]:
        """Return what the regression of lead 1 was learned from, written anew."""
        estimator = self.estimator_
        together = [step for step, one in self.estimators_.items() if one is estimator]
        return self._rows(together)

    def refit_on(self, design: Design, counts: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_]) -> Any:
        """Return the regressor fitted anew to some of the periods it learned from."""
        return self._regress(design, counts.reshape(-1), np.flatnonzero(np.repeat(kept, counts[0].size)))

    def _regress(self, design: Design, observed: npt.NDArray[np.float32], rows: slice | npt.NDArray[np.int64]) -> Any:
        order = row_order(self.learned_from_.grid, len(observed))
        taken = rows if order is None else order[rows]  # parts of the rows end with a period
        values = np.asarray(design.values[taken], dtype=self._precision)
        if self.offset is None:
            return self._fitted(values, observed[taken])
        start = np.exp(design.log_offset[taken])
        rates = (observed[taken] / start).astype(self._precision)
        weights = self._weights(start).astype(self._precision)
        del start  # the wider copy goes before the regressor needs its own memory
        return self._fitted(values, rates, sample_weight=weights)

    def _fitted(self, *data: npt.NDArray[Any], **weights: npt.NDArray[Any]) -> Any:
        regressor = self._new_regressor()
        with _told("fit", regressor):
            return regressor.fit(*data, **weights)

    def _weights(self, start: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the weights that make a fit to count / start one with log(start) as a fixed term."""
        return start

    def _matrix(self) -> DesignMatrix:
        lead = (Lead(),) if self.lead_strategy == "shared" else ()
        return DesignMatrix((*self.features, *lead), self.rate_floor, self.offset is not None)

    def _design(self, history: History, periods: pd.PeriodIndex, step: int, *, shown: bool = False) -> Design:
        start = None if self.offset is None else self.offset_.hindcast(history, periods, step)
        return self._matrix().write(history, periods, step, start, shown=shown)

    def _expected(self, design: Design, estimator: Any) -> npt.NDArray[np.float64]:
        with _told("predict", estimator):
            rate = np.asarray(estimator.predict(design.values), dtype=np.float64)
        return np.asarray(np.exp(design.log_offset) * rate)

    def _level_factor(self, design: Design, expected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return what brings each period and crime type back to the offset's city total, one value a row."""
        if design.level is None or not self.keep_level:
            return np.ones_like(expected)
        moved = expected.reshape(*design.level.shape, -1)
        level = np.maximum(design.level, SMALLEST_OFFSET)
        factor = (level / np.maximum(moved.sum(axis=2), 1e-12))[..., None]
        return np.asarray(np.broadcast_to(factor, moved.shape)).reshape(-1)

    def design(self, periods: pd.PeriodIndex) -> Design:
        """Return the design matrix of one period after the cutoff, as ``predict`` uses it."""
        if len(periods) != 1:
            msg = "A design is made for one period at a time, since each lead has its own regression."
            raise InputError(msg)
        step = int(periods.asi8[0] - self.history_.panel.periods.asi8[-1])
        design = self._design(self.history_, periods, step, shown=True)
        factor = self._level_factor(design, self._expected(design, self._estimator(step)))
        return replace(design, log_offset=design.log_offset + np.log(factor))

    def _estimator(self, step: int) -> Any:
        if step not in self.estimators_:
            asked = step - self.history_.first_step + 1
            msg = f"Lead {asked} was not learned; set leads to at least {asked}."
            raise InputError(msg)
        return self.estimators_[step]

    def _update(self, history: History) -> None:
        if self.offset is not None:
            self.offset_.update(history)
        # After a delay counted in days the distance changes from month to month. What it lacks is learned from the
        # past of the fit, so that it does not matter which cutoffs came in between.
        self._learn_leads(history.first_step)

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        shape = len(self.history_.events.crime_types), len(self.history_.grid)
        ahead = []
        for index, step in enumerate(steps):
            estimator = self._estimator(int(step))
            design = self._design(self.history_, periods[[index]], int(step))
            expected = self._expected(design, estimator)
            ahead.append((expected * self._level_factor(design, expected)).reshape(shape))
        return np.stack(ahead, axis=2), self.dispersion_


@contextmanager
def _told(doing: str, regressor: Any) -> Iterator[None]:
    """Turn an error of a learner's own kind into a reason of this method alone: any learner may be configured."""
    try:
        yield
    except (IlpError, MemoryError, Warning):  # no fault of the learner, or told already
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "").rstrip(".") or type(error).__name__
        msg = f"{type(regressor).__name__} could not {doing}: {reason}. Change its settings, or leave this method out."
        raise NotRunError(msg) from error
