"""Maximum likelihood for one crime type: the optimiser, the prior of the background, and standard errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize
from scipy.ndimage import gaussian_filter

from ilp_models.model.point_processes.etas_assumptions import EtasBounds, EtasPrior
from ilp_models.model.point_processes.etas_likelihood import TRIGGER, EtasLikelihood
from ilp_models.model.point_processes.etas_raster import EtasRaster

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]

_START: Final = (0.2, 0.1, 150.0)  # share, rate a day, metres
_FIRST_GAMMA: Final = 2.0
_GAMMAS: Final = (0.05, 1e4)
_LEAST_PART: Final = 0.005  # of each part of the background's mixture, so that no place expects nothing
_MIXING: Final = 30
_STEPS: Final = 400
_SETTLED: Final = 1e-3
_AT_BOUND: Final = 1e-3


@dataclass(frozen=True, eq=False)
class EtasFit:
    """What was learned of one crime type.

    Parameters
    ----------
    parameters : ndarray of float64
        Logarithms of share, rate and metres, then the coefficients of time.
    unevenness : ndarray of float64
        Logarithm of what multiplies the smooth background of each square.
    prior : Prior
        The smooth background and what was assumed.
    """

    parameters: Floats
    unevenness: Floats
    prior: EtasPrior

    @property
    def background(self) -> Floats:
        """Relative background of each square where ``exp(terms @ coefficients)`` is 1."""
        return self.prior.shape * np.exp(self.unevenness)

    @property
    def triggers(self) -> bool:
        """Whether near repeats were looked for."""
        return bool(np.isfinite(self.parameters[0]))

    @property
    def trigger(self) -> tuple[float, float, float]:
        """Share, rate and metres."""
        share, rate, metres = np.exp(self.parameters[:TRIGGER])
        return float(share), float(rate), float(metres)

    def effective(self, least_days: float) -> tuple[float, float, float]:
        """Return share, rate and metres where delays below a least one count for nothing."""
        share, rate, metres = self.trigger
        return share * float(np.exp(-rate * least_days)), rate, metres

    @property
    def coefficients(self) -> Floats:
        """The coefficients of time."""
        return self.parameters[TRIGGER:]


def background_only(likelihood: EtasLikelihood, reaches: Sequence[float]) -> EtasFit:
    """Return a smooth, steady background without near repeats, for a crime type too rare to learn more."""
    squares, terms = likelihood.squares, likelihood.terms
    parameters = np.zeros(TRIGGER + terms.shape[1])
    parameters[:TRIGGER] = np.log(_START)
    parameters[0], parameters[TRIGGER] = -np.inf, np.log((len(squares) + 0.5) / len(terms))
    shape, own, _ = background_shape(likelihood.ground, squares, np.ones(len(squares)), reaches, _GAMMAS[1])
    return EtasFit(parameters, np.zeros(len(shape)), EtasPrior(shape, _GAMMAS[1], np.zeros(terms.shape[1]), 1 - own))


def fit(
    likelihood: EtasLikelihood, precision: Floats, limits: EtasBounds, reaches: Sequence[float], rounds: int
) -> EtasFit:
    """Return what maximises the likelihood of one crime type, without standard errors."""
    every = np.ones(len(likelihood.targets))
    parameters = np.zeros(TRIGGER + len(precision))
    parameters[:TRIGGER] = np.log(_START)
    parameters[TRIGGER] = np.log(len(every) / len(likelihood.terms))
    unevenness = np.zeros(likelihood.ground.inside.size)
    shape, own, _ = background_shape(likelihood.ground, likelihood.squares, every, reaches, _FIRST_GAMMA)
    prior = EtasPrior(shape, _FIRST_GAMMA, precision, 1 - own)
    bounds = limits.bounds(likelihood.ground.side)
    for _ in range(rounds):
        before = parameters
        parameters, unevenness = _maximise(likelihood, parameters, unevenness, prior, bounds)
        if np.abs(parameters - before).max() < _SETTLED:
            break
        prior = _relearned(likelihood, parameters, unevenness, prior, reaches)
    return EtasFit(parameters, unevenness, prior)


def _relearned(
    likelihood: EtasLikelihood, parameters: Floats, unevenness: Floats, prior: EtasPrior, reaches: Sequence[float]
) -> EtasPrior:
    """Return the prior of the background by the incidents that belong to it as far as is known."""
    share = likelihood.split(parameters, unevenness, prior).share
    shape, own, _ = background_shape(likelihood.ground, likelihood.squares, share, reaches, prior.gamma)
    level = float(np.exp(likelihood.terms @ parameters[TRIGGER:]).sum())
    found, doubt = (
        np.bincount(likelihood.squares, one, len(shape)).astype(np.float64) for one in (share, share * (1 - share))
    )
    gamma = gamma_shape(found, doubt, level * shape, prior.gamma)
    around = found[likelihood.squares] + gamma
    return EtasPrior(shape, gamma, prior.precision, (1 - own) * (around - share) / around)


def background_shape(
    ground: EtasRaster, squares: Keys, weights: Floats, reaches: Sequence[float], gamma: float
) -> tuple[Floats, Floats, Floats]:
    """Return a smooth background: a mixture of an even one and of kernel densities, corrected at the edges.

    The parts of the mixture are those under which the counts of squares are most likely, with the unevenness of the
    squares averaged out and no incident in its own density.
    """
    even = ground.inside.ravel() / ground.inside.sum()
    parts = [(even, np.zeros(len(squares))), *(_kernel_density(ground, squares, weights, reach) for reach in reaches)]
    shapes, own = (np.stack(one) for one in zip(*parts, strict=True))
    others = np.maximum(shapes[:, squares] - own, 0.0)
    level, mixture = float(weights.sum()), np.full(len(parts), 1 / len(parts))
    for _ in range(_MIXING if level > 0 else 0):  # multiplicative steps keep the weights above 0
        shape = mixture @ shapes
        averaged = 1 / (1 + level * shape / gamma)
        gain = others @ (weights * averaged[squares] / (mixture @ others)) / (level * shapes @ averaged)
        mixture = np.maximum(mixture * gain, _LEAST_PART)
        mixture /= mixture.sum()
    shape = mixture @ shapes
    return shape, (mixture @ own) / shape[squares], mixture


def _kernel_density(ground: EtasRaster, squares: Keys, weights: Floats, reach: float) -> tuple[Floats, Floats]:
    """Return a kernel density that sums to 1 over the squares, and what each incident adds to its own square."""
    inside, width = ground.inside, reach / ground.side
    counts = np.bincount(squares, weights, inside.size).astype(np.float64).reshape(inside.shape)
    smooth, kept = (gaussian_filter(one, width, mode="constant") for one in (counts, inside))
    density = inside * np.divide(smooth, kept, out=np.zeros_like(smooth), where=inside > 0)
    total = float(density.sum())
    scale = 1 / total if total > 0 else 0.0
    middle = int(5 * width) + 1
    peak = float(gaussian_filter(np.eye(1, 2 * middle + 1, middle)[0], width, mode="constant").max()) ** 2
    own = scale * peak * weights * (inside / np.maximum(kept, peak)).ravel()[squares]
    return scale * density.ravel(), own


def gamma_shape(found: Floats, doubt: Floats, expected: Floats, guess: float) -> float:
    """Return the shape of the gamma prior of the unevenness, by moments of the background counts.

    Were it known which incidents belong to the background, their count N would vary by expected + expected^2 / gamma.
    It is known up to a probability, which leaves out ``doubt`` of that variance.
    """
    weight = np.where(expected > 0, 1 / np.maximum(1 + expected / guess, 1e-12) ** 2, 0.0)
    extra = float((weight * ((found - expected) ** 2 + doubt - expected)).sum())
    scale = float((weight * expected**2).sum())
    return float(np.clip(scale / extra if extra > 0 else np.inf, *_GAMMAS))


def _maximise(
    likelihood: EtasLikelihood,
    parameters: Floats,
    unevenness: Floats,
    prior: EtasPrior,
    bounds: list[tuple[float, float]],
) -> tuple[Floats, Floats]:
    """Search with every unknown in units of its own uncertainty, which keeps the number of steps small."""
    size = len(parameters)
    level = np.exp(likelihood.terms @ parameters[TRIGGER:])
    spread = (likelihood.terms**2 * level[:, None]).sum(axis=0) + prior.precision
    counts = np.bincount(likelihood.squares, minlength=len(unevenness))
    scale = np.sqrt(np.concatenate([np.full(TRIGGER, 0.1 * len(likelihood.targets)), spread, counts + prior.gamma]))

    def loss(point: Floats) -> tuple[float, Floats]:
        natural = point / scale
        value, slope, slope_squares = likelihood.value(natural[:size], natural[size:], prior)
        return -value, -np.concatenate([slope, slope_squares]) / scale

    free = [(None, None)] * (len(scale) - TRIGGER)
    scaled = [(low * unit, high * unit) for (low, high), unit in zip(bounds, scale, strict=False)]
    start = np.concatenate([parameters, unevenness]) * scale
    options = {"maxiter": _STEPS, "maxfun": 2 * _STEPS, "maxcor": 20, "ftol": 1e-12, "gtol": 1e-2}
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=scaled + free, options=options)
    natural = found.x / scale
    return natural[:size], natural[size:]


def standard_errors(likelihood: EtasLikelihood, fitted: EtasFit, limits: EtasBounds) -> Floats:
    """Return the standard errors of the parameters, by the observed information."""
    parameters = fitted.parameters
    information = likelihood.information(parameters, fitted.unevenness, fitted.prior)
    low, high = np.array(limits.bounds(likelihood.ground.side)).T
    free = np.ones(len(parameters), dtype=bool)
    free[:TRIGGER] = (parameters[:TRIGGER] > low + _AT_BOUND) & (parameters[:TRIGGER] < high - _AT_BOUND)
    errors = np.full(len(parameters), np.nan)
    variance = np.diag(np.linalg.pinv(information[np.ix_(free, free)], hermitian=True))
    errors[free] = np.sqrt(np.where(variance > 0, variance, np.nan))
    return errors
