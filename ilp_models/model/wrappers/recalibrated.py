"""Recalibration: the level of each crime type corrected by its recent errors."""

from typing import Final

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube, Forecaster
from ilp_models.model.past_forecasts import Floats, PastForecasts
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.wrappers.wrapper import Wrapper

_FORECASTER: Final = LightGBM()


class Recalibrated(Wrapper):
    """A forecaster whose level of each crime type is corrected by its recent out-of-sample errors.

    The factor is (sum of weighted counts + k) / (sum of weighted expected counts + k), over all cells and the latest
    periods. This is the posterior mean of a gamma-distributed factor after Poisson counts, with a prior of k events
    that agree with the forecast. The shares of the cells do not change. Buehlmann and Gisler (2005), A Course in
    Credibility Theory.

    Parameters
    ----------
    forecaster : Forecaster, default LightGBM()
        The method; clones of it are fitted.
    half_life : float, default 8
        Half-life of the weight of a past error, periods.
    shrinkage : float, default 300
        Number of prior events (k) that agree with the forecast.
    past_periods : int, default 26
        Latest periods whose errors count.
    refit_every : int, default 26
        Periods between two fits of the clone that forecasts these periods.

    Attributes
    ----------
    factors_ : ndarray of float64
        One factor per crime type.

    Examples
    --------
    >>> from ilp_models.model.means.moving_average import MovingAverage
    >>> model = Recalibrated(MovingAverage(), past_periods=8).fit(history)
    >>> model.factors_.shape
    (2,)
    """

    factors_: Floats

    def __init__(
        self,
        forecaster: Forecaster = _FORECASTER,
        half_life: float = 8.0,
        shrinkage: float = 300.0,
        past_periods: int = 26,
        refit_every: int = 26,
    ) -> None:
        self.forecaster = forecaster
        self.half_life = half_life
        self.shrinkage = shrinkage
        self.past_periods = past_periods
        self.refit_every = refit_every

    def _learn(self, past: PastForecasts) -> None:
        if not self.shrinkage > 0:
            msg = f"shrinkage={self.shrinkage} must be above 0."
            raise InputError(msg)
        weights = past.weights(self.half_life)
        counted, expected = (weights @ one.sum(axis=2) for one in (past.observed, past.expected))
        self.factors_ = (counted + self.shrinkage) / (expected + self.shrinkage)

    def _type_factors(self) -> Floats:
        return self.factors_

    def _correct(self, expected: Cube, dispersion: Floats) -> tuple[Cube, Floats]:
        return expected * self.factors_[:, None, None], dispersion
