"""Recalibration of level: forecasts scaled by what was counted over what was expected lately."""

from ilp_models.domain.errors import InputError
from ilp_models.domain.forecaster import Cube, Forecaster
from ilp_models.model.wrappers.past_performance import Floats, PastWeights
from ilp_models.model.wrappers.wrapper import Wrapper


class Recalibrated(Wrapper):
    """A forecaster whose level of each crime type is corrected by its recent errors, out of sample.

    The factor is (sum of weighted counts + k) / (sum of weighted expected counts + k), over all cells and the latest
    periods: the mean of a gamma distribution after Poisson counts, where k events that agreed with the forecast were
    counted before. Where events happen is left as it was.

    Parameters
    ----------
    forecaster : Forecaster
        The method; copies of it are fitted.
    half_life : float, default 8
        Periods after which a past error has half its weight.
    shrinkage : float, default 300
        Events (k) that speak for the forecast as it is.
    past_periods : int, default 26
        Latest periods whose errors count.
    refit_every : int, default 26
        Periods between two fits of the copy that forecasts these periods.

    Attributes
    ----------
    factors_ : ndarray of float64
        One factor a crime type.
    """

    factors_: Floats

    def __init__(
        self,
        forecaster: Forecaster,
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

    def _learn(self, past: PastWeights) -> None:
        if not self.shrinkage > 0:
            msg = f"shrinkage={self.shrinkage} must be above 0."
            raise InputError(msg)
        weights = past.weights(self.half_life)
        counted, expected = (weights @ one.sum(axis=2) for one in (past.observed, past.expected))
        self.factors_ = (counted + self.shrinkage) / (expected + self.shrinkage)

    def _change(self, expected: Cube, dispersion: Floats) -> tuple[Cube, Floats]:
        return expected * self.factors_[:, None, None], dispersion
