"""Regression on a design matrix, with any scikit-learn regressor."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import IlpError, InputError, NotRunError
from ilp_models.domain.features import Column, Design, FeatureFamily
from ilp_models.domain.forecaster import Cube, Forecaster, Steps
from ilp_models.domain.history import History
from ilp_models.model.hindcast import HindcastForecaster
from ilp_models.model.past_forecasts import FEWEST_HELD_OUT, at_most_half
from ilp_models.model.reason_parts import stack_periods
from ilp_models.model.regressions.compact_design import CompactDesign
from ilp_models.model.regressions.design_matrix import SMALLEST_OFFSET, DesignMatrix, Lead, interleave_leads, row_order
from ilp_models.model.regressions.family_game import FamilyGame, MeanCell
from ilp_models.stats.distributions import fit_dispersion

_REFERENCE_PERIODS: Final = 52  # latest training periods whose mean cell is the reference of reasons
_STRATEGIES: Final = ("direct", "shared")


class RegressionForecaster(Forecaster):
    """One regression for all crime types and cells, on columns computed from the past of each unit.

    With an offset, the regressor is fitted on count / offset with the offset as weight. For a Poisson likelihood this
    is exactly the regression with log(offset) as a fixed term, for any learner. Rates enter as logarithms, relative
    to the offset if there is one. The dispersions are fitted out of sample, on the latest ``holdout`` periods. The
    regressor is then fitted again on all periods.

    Parameters
    ----------
    regressor : estimator
        Any regressor with scikit-learn's ``fit(X, y, sample_weight)`` and ``predict(X)``. Predictions must be >= 0.
    features : sequence of FeatureFamily
        Families of columns, in order.
    offset : HindcastForecaster, optional
        A forecaster to start from. The regression then learns by which factor to change its forecast.
    match_city_total : bool, default True
        Scale each crime type and period to the city total of the offset. The regression then only moves risk between
        cells. Ignored without an offset.
    train_periods : int, default 208
        Latest periods to learn from; fewer if the past is shorter.
    holdout : int, default 26
        Latest periods on which the dispersions are fitted, out of sample.
    leads : int, default 1
        Number of leads to learn, from 1 on.
    rate_floor : float, default 0.01
        Added to rates before logarithms, events per cell and period.
    lead_strategy : {"direct", "shared"}, default "direct"
        ``direct``: one regression per lead. ``shared``: one regression for all leads, with the lead as a column. It
        learns from as many rows as one direct regression, because each period takes one of the leads in turn.

    Examples
    --------
    >>> from sklearn.linear_model import PoissonRegressor
    >>> from ilp_models.features.means import ExponentialMeans
    >>> model = RegressionForecaster(PoissonRegressor(alpha=1e-6), [ExponentialMeans((8, 52))], train_periods=60)
    >>> model.fit(history).predict(next_week).expected.shape
    (2, 12, 1)
    """

    _precision: ClassVar[type[np.floating[Any]]] = np.float64  # linear solvers need double precision

    estimators_: dict[int, Any]
    dispersion_: npt.NDArray[np.float64]
    columns_: tuple[Column, ...]
    training_history_: History

    def __init__(
        self,
        regressor: Any,
        features: Sequence[FeatureFamily],
        offset: HindcastForecaster | None = None,
        *,
        match_city_total: bool = True,
        train_periods: int = 208,
        holdout: int = 26,
        leads: int = 1,
        rate_floor: float = 0.01,
        lead_strategy: str = "direct",
    ) -> None:
        self.regressor = regressor
        self.features = features
        self.offset = offset
        self.match_city_total = match_city_total
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
        self.training_history_ = history
        self._fit_missing_leads(history.first_step)

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
                msg = (
                    f"{type(regressor).__name__} takes no sample_weight and cannot start from an offset. "
                    "Set offset=null or choose another regressor."
                )
                raise InputError(msg)

    def _fit_missing_leads(self, first_step: int) -> None:
        """Fit the steps of all leads that have no regression yet."""
        steps = [step for step in range(first_step, first_step + self.leads) if step not in self.estimators_]
        shared = self.lead_strategy == "shared" and not self.estimators_
        for group in [steps] if shared else [[step] for step in steps]:
            self._fit_steps(group)

    def _training_periods(self, history: History, step: int) -> pd.PeriodIndex:
        """Return the periods to learn from; the periods before the first of them are the past of its features."""
        known = history.panel.periods
        return known[len(known) - self._training_count(len(known), history.calendar, step) :]

    def _training_count(self, known: int, calendar: Calendar, step: int) -> int:
        return max(min(known - min(calendar.per_year, known // 3) - step, self.train_periods), 0)

    def _held_out(self, history: History, step: int) -> int:
        """Return how many periods are held out, at most half; NotRunError if nothing is left to learn from."""
        count = len(self._training_periods(history, step))
        held_out = at_most_half(self.holdout, count)
        if not held_out:
            msg = (
                f"{len(history.panel.periods)} known {history.calendar.period_unit}s leave {count} to learn from; at "
                f"least {2 * FEWEST_HELD_OUT} are needed. Give more data."
            )
            raise NotRunError(msg)
        return held_out

    def shortened(self, known: int, calendar: Calendar) -> tuple[str, ...]:
        """Return the hold-out at lead 1, if few known periods reduce it."""
        held_out = at_most_half(self.holdout, self._training_count(known, calendar, 1))
        return (f"holdout={held_out} instead of {self.holdout}",) if 0 < held_out < self.holdout else ()

    def _fit_steps(self, steps: Sequence[int]) -> None:
        """Fit one regression for some steps; the first one also fits the dispersions."""
        history = self.training_history_
        held = self._held_out(history, max(steps))
        design, counts = self._learning_rows(steps)
        observed, first_held_out = counts.reshape(-1), counts[:-held].size
        if not observed[:first_held_out].any():
            learned = len(counts) - held
            msg = f"The {learned} {history.calendar.period_unit}s to learn from contain no event. Give more data."
            raise NotRunError(msg)
        parts = [slice(None)] if self.estimators_ else [slice(None, first_held_out), slice(None)]
        fits = self._fits(design, observed, parts)
        held_out = design.latest(held)
        del design  # learners that have read their rows by now are fitted without it
        if not self.estimators_:
            expected = self._rescaled(held_out, next(fits)).reshape(held, *counts.shape[1:])
            kinds = range(counts.shape[1])
            self.dispersion_ = np.array([fit_dispersion(counts[-held:, k], expected[:, k]) for k in kinds])
        del held_out
        self.estimators_.update(dict.fromkeys(steps, next(fits)))

    def _learning_rows(self, steps: Sequence[int]) -> tuple[Design | CompactDesign, npt.NDArray[np.float32]]:
        """Return the training rows in the form that `_fits` reads, and the counts."""
        return self._training_rows(steps)

    def _fits(self, design: Any, observed: npt.NDArray[np.float32], parts: Sequence[slice]) -> Iterator[Any]:
        """Yield a regressor fitted to each part of the rows."""
        for rows in parts:
            yield self._regress(design, observed, rows)

    def _training_rows(self, steps: Sequence[int]) -> tuple[Design, npt.NDArray[np.float32]]:
        """Return the training design of some steps, and the counts (periods, crime types, cells)."""
        history = self.training_history_
        targets = self._training_periods(history, max(steps))
        design = interleave_leads(lambda step: self._design(history, targets, step), steps)
        return design, history.panel.by_period[-len(targets) :]

    def training_data(self) -> tuple[Design, npt.NDArray[np.float32]]:
        """Return the design and the counts from which the regression of lead 1 was fitted."""
        estimator = self.estimator_
        together = [step for step, one in self.estimators_.items() if one is estimator]
        return self._training_rows(together)

    def refits(
        self, design: Design, counts: npt.NDArray[np.float32], selections: npt.NDArray[np.bool_]
    ) -> Iterator[Any]:
        """Yield a new regressor for each selection of training periods (selections, periods), fitted to these."""
        for selected in selections:
            rows = np.flatnonzero(np.repeat(selected, counts[0].size))
            yield self._regress(design, counts.reshape(-1), rows)

    def _regress(self, design: Design, observed: npt.NDArray[np.float32], rows: slice | npt.NDArray[np.int64]) -> Any:
        return self._learn(*self._rows(design, observed, rows))

    def _learn(self, values: npt.NDArray[Any], rates: npt.NDArray[Any], weights: npt.NDArray[Any] | None) -> Any:
        """Return a regressor fitted to some rows."""
        regressor, weighted = self._new_regressor(), {} if weights is None else {"sample_weight": weights}
        with learner_errors("fit", regressor):
            return regressor.fit(values, rates, **weighted)

    def _rows(
        self, design: Design, observed: npt.NDArray[np.float32], rows: slice | npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]:
        """Return columns, rates and weights of some rows, as the regressor reads them; no weights without an offset."""
        return self._taken_rows(design, observed, self._in_order(len(observed), rows))

    def _in_order(self, count: int, rows: slice | npt.NDArray[np.int64]) -> slice | npt.NDArray[np.int64]:
        """Return rows of a design by the location of their cells; each part of the rows ends with a period."""
        order = row_order(self.training_history_.grid, count)
        return rows if order is None else order[rows]

    def _taken_rows(
        self, design: Design, observed: npt.NDArray[np.float32], taken: slice | npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]:
        values = np.asarray(design.values[taken], dtype=self._precision)
        return values, *self._targets(design.log_offset[taken], observed[taken])

    def _targets(
        self, log_offset: npt.NDArray[Any], observed: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
        """Return rates and weights of some rows."""
        if self.offset is None:
            return observed, None
        start = np.exp(log_offset)
        return (observed / start).astype(self._precision), self._weights(start).astype(self._precision)

    def _weights(self, start: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the weights for which a fit to count / start has log(start) as a fixed term."""
        return start

    def _matrix(self) -> DesignMatrix:
        lead = (Lead(),) if self.lead_strategy == "shared" else ()
        return DesignMatrix((*self.features, *lead), self.rate_floor, self.offset is not None)

    def _design(self, history: History, periods: pd.PeriodIndex, step: int, *, shown: bool = False) -> Design:
        start = None if self.offset is None else self.offset_.hindcast(history, periods, step)
        return self._matrix().write(history, periods, step, start, shown=shown)

    def _expected(self, design: Design, estimator: Any) -> npt.NDArray[np.float64]:
        with learner_errors("predict", estimator):
            rate = np.asarray(estimator.predict(design.values), dtype=np.float64)
        return np.asarray(np.exp(design.log_offset) * rate)

    def _rescaled(self, design: Design, estimator: Any) -> npt.NDArray[np.float64]:
        """Return expected counts of the rows, scaled to the city total of the offset."""
        expected = self._expected(design, estimator)
        return expected * self._total_factor(design, expected)

    def _total_factor(self, design: Design, expected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the factor from each forecast to the city total of the offset, one value per row."""
        if design.level is None or not self.match_city_total:
            return np.ones_like(expected)
        forecast = expected.reshape(*design.level.shape, -1)
        level = np.maximum(design.level, SMALLEST_OFFSET)
        factor = (level / np.maximum(forecast.sum(axis=2), 1e-12))[..., None]
        return np.asarray(np.broadcast_to(factor, forecast.shape)).reshape(-1)

    def design(self, periods: pd.PeriodIndex) -> Design:
        """Return the design matrix that `predict` uses for one period after the cutoff."""
        if len(periods) != 1:
            msg = f"A design holds one period, not {len(periods)}, because each lead has its own regression."
            raise InputError(msg)
        step = int(periods.asi8[0] - self.history_.panel.periods.asi8[-1])
        design = self._design(self.history_, periods, step, shown=True)
        factor = self._total_factor(design, self._expected(design, self._estimator(step)))
        return replace(design, log_offset=design.log_offset + np.log(factor))

    def _estimator(self, step: int) -> Any:
        if step not in self.estimators_:
            lead = step - self.history_.first_step + 1
            msg = f"Lead {lead} was not learned; set leads to at least {lead}."
            raise InputError(msg)
        return self.estimators_[step]

    def _update(self, history: History) -> None:
        if self.offset is not None:
            self.offset_.update(history)
        # With a reporting delay in days, the step of lead 1 differs between months. Missing steps are learned from
        # the history of the fit, so that the result does not depend on which updates were made.
        self._fit_missing_leads(history.first_step)

    def _predict(self, periods: pd.PeriodIndex, steps: Steps) -> tuple[Cube, npt.NDArray[np.float64]]:
        shape = len(self.history_.events.crime_types), len(self.history_.grid)
        forecasts = []
        for index, step in enumerate(steps):
            design = self._design(self.history_, periods[[index]], int(step))
            forecasts.append(self._rescaled(design, self._estimator(int(step))).reshape(shape))
        return np.stack(forecasts, axis=2), self.dispersion_

    def _split_forecast(
        self, periods: pd.PeriodIndex, steps: Steps, expected: xr.DataArray
    ) -> tuple[npt.NDArray[np.float64], Mapping[str, Cube]]:
        del expected
        return stack_periods([self._game(periods[[index]], int(step)).split() for index, step in enumerate(steps)])

    def _game(self, period: pd.PeriodIndex, step: int) -> FamilyGame:
        """Return the forecast of one period as a game of families; the reference is the mean cell while it learned."""
        history = self.training_history_
        latest = self._training_periods(history, step)[-_REFERENCE_PERIODS:]
        shape = len(latest), len(history.events.crime_types), len(history.grid)
        past = self._design(history, latest, step, shown=True)
        reference = MeanCell.from_design(past, shape, self._offset_index(history, latest))
        now = self._offset_index(self.history_, period)
        return FamilyGame(
            self._design(self.history_, period, step),
            reference,
            self.rate_floor,
            None if now is None else now[0],
            partial(self._rescaled, estimator=self._estimator(step)),
        )

    def _offset_index(self, history: History, periods: pd.PeriodIndex) -> npt.NDArray[np.float64] | None:
        return None if self.offset is None else self.offset_.calendar_index(history, periods)


@contextmanager
def learner_errors(action: str, regressor: Any) -> Iterator[None]:
    """Convert the exceptions of a learner to `NotRunError`, so that the other models continue."""
    try:
        yield
    except (IlpError, MemoryError, Warning):
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "").rstrip(".") or type(error).__name__
        msg = f"{type(regressor).__name__} could not {action}: {reason}. Change its settings, or leave this method out."
        raise NotRunError(msg) from error
