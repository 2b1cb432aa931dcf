"""Maximum likelihood of ETAS for one crime type: optimiser, prior of the background, standard errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize
from scipy.ndimage import gaussian_filter

from ilp_models.model.point_processes.etas_likelihood import TRIGGER, EtasBounds, EtasLikelihood, EtasPrior
from ilp_models.model.point_processes.etas_raster import EtasRaster

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]

_START: Final = (0.2, 0.1, 150.0)  # share, rate a day, metres
_FIRST_GAMMA: Final = 2.0
_GAMMAS: Final = (0.05, 1e4)
_LEAST_PART: Final = 0.005  # smallest weight of a part of the background's mixture, so that no place is at 0
_MIXING: Final = 30
_STEPS: Final = 400
_SETTLED: Final = 1e-3
_AT_BOUND: Final = 1e-3


@dataclass(frozen=True, eq=False)
class EtasFit:
    """The fitted parameters and background of one crime type."""

    parameters: Floats  # log share, log rate, log metres, then the coefficients of time
    log_factors: Floats  # log factors of the smooth background of each square
    prior: EtasPrior

    @property
    def background(self) -> Floats:
        """Relative background of each square where ``exp(terms @ coefficients)`` is 1."""
        return self.prior.shape * np.exp(self.log_factors)

    @property
    def triggers(self) -> bool:
        """Whether near repeats were estimated."""
        return bool(np.isfinite(self.parameters[0]))

    @property
    def trigger(self) -> tuple[float, float, float]:
        """Share, rate and metres."""
        share, rate, metres = np.exp(self.parameters[:TRIGGER])
        return float(share), float(rate), float(metres)

    def effective(self, least_days: float) -> tuple[float, float, float]:
        """Return share, rate and metres of the process without delays below the least one."""
        share, rate, metres = self.trigger
        return share * float(np.exp(-rate * least_days)), rate, metres

    @property
    def coefficients(self) -> Floats:
        """The coefficients of time."""
        return self.parameters[TRIGGER:]


def background_only(likelihood: EtasLikelihood, reaches: Sequence[float]) -> EtasFit:
    """Return a smooth, constant background without near repeats, for a rare crime type."""
    squares, terms = likelihood.squares, likelihood.terms
    parameters = np.zeros(TRIGGER + terms.shape[1])
    parameters[:TRIGGER] = np.log(_START)
    parameters[0], parameters[TRIGGER] = -np.inf, np.log((len(squares) + 0.5) / len(terms))
    shape, own_part, _ = background_shape(likelihood.raster, squares, np.ones(len(squares)), reaches, _GAMMAS[1])
    return EtasFit(
        parameters, np.zeros(len(shape)), EtasPrior(shape, _GAMMAS[1], np.zeros(terms.shape[1]), 1 - own_part)
    )


def fit(
    likelihood: EtasLikelihood, precision: Floats, limits: EtasBounds, reaches: Sequence[float], rounds: int
) -> EtasFit:
    """Return the maximum-likelihood fit of one crime type."""
    every = np.ones(len(likelihood.targets))
    parameters = np.zeros(TRIGGER + len(precision))
    parameters[:TRIGGER] = np.log(_START)
    parameters[TRIGGER] = np.log(len(every) / len(likelihood.terms))
    log_factors = np.zeros(likelihood.raster.inside.size)
    shape, own_part, _ = background_shape(likelihood.raster, likelihood.squares, every, reaches, _FIRST_GAMMA)
    prior = EtasPrior(shape, _FIRST_GAMMA, precision, 1 - own_part)
    bounds = limits.bounds(likelihood.raster.side)
    for _ in range(rounds):
        before = parameters
        parameters, log_factors = _maximise(likelihood, parameters, log_factors, prior, bounds)
        if np.abs(parameters - before).max() < _SETTLED:
            break
        prior = _update_prior(likelihood, parameters, log_factors, prior, reaches)
    return EtasFit(parameters, log_factors, prior)


def _update_prior(
    likelihood: EtasLikelihood, parameters: Floats, log_factors: Floats, prior: EtasPrior, reaches: Sequence[float]
) -> EtasPrior:
    """Return the prior from the incidents weighted with their probability of being background."""
    share = likelihood.split(parameters, log_factors, prior).share
    shape, own_part, _ = background_shape(likelihood.raster, likelihood.squares, share, reaches, prior.gamma)
    level = float(np.exp(likelihood.terms @ parameters[TRIGGER:]).sum())
    found, uncertainty = (
        np.bincount(likelihood.squares, one, len(shape)).astype(np.float64) for one in (share, share * (1 - share))
    )
    gamma = gamma_shape(found, uncertainty, level * shape, prior.gamma)
    around = found[likelihood.squares] + gamma
    return EtasPrior(shape, gamma, prior.precision, (1 - own_part) * (around - share) / around)


def background_shape(
    raster: EtasRaster, squares: Keys, weights: Floats, reaches: Sequence[float], gamma: float
) -> tuple[Floats, Floats, Floats]:
    """Return a smooth background, the incidents' own contributions and the weights of the mixture.

    The background is a mixture of a uniform map and kernel densities, corrected at the edges. The weights maximise the
    likelihood of the counts of the squares, without the incident itself in its density.
    """
    uniform = raster.inside.ravel() / raster.inside.sum()
    parts = [
        (uniform, np.zeros(len(squares))),
        *(_kernel_density(raster, squares, weights, reach) for reach in reaches),
    ]
    shapes, own_part = (np.stack(one) for one in zip(*parts, strict=True))
    others = np.maximum(shapes[:, squares] - own_part, 0.0)
    level, mixture = float(weights.sum()), np.full(len(parts), 1 / len(parts))
    for _ in range(_MIXING if level > 0 else 0):  # multiplicative steps keep the weights above 0
        shape = mixture @ shapes
        averaged = 1 / (1 + level * shape / gamma)
        gain = others @ (weights * averaged[squares] / (mixture @ others)) / (level * shapes @ averaged)
        mixture = np.maximum(mixture * gain, _LEAST_PART)
        mixture /= mixture.sum()
    shape = mixture @ shapes
    return shape, (mixture @ own_part) / shape[squares], mixture


def _kernel_density(raster: EtasRaster, squares: Keys, weights: Floats, reach: float) -> tuple[Floats, Floats]:
    """Return a kernel density that sums to 1 over the squares, and what each incident adds to its own square."""
    inside, width = raster.inside, reach / raster.side
    counts = np.bincount(squares, weights, inside.size).astype(np.float64).reshape(inside.shape)
    smooth, inside_mass = (gaussian_filter(one, width, mode="constant") for one in (counts, inside))
    density = inside * np.divide(smooth, inside_mass, out=np.zeros_like(smooth), where=inside > 0)
    total = float(density.sum())
    scale = 1 / total if total > 0 else 0.0
    middle = int(5 * width) + 1
    peak = float(gaussian_filter(np.eye(1, 2 * middle + 1, middle)[0], width, mode="constant").max()) ** 2
    own_part = scale * peak * weights * (inside / np.maximum(inside_mass, peak)).ravel()[squares]
    return scale * density.ravel(), own_part


def gamma_shape(found: Floats, uncertainty: Floats, expected: Floats, guess: float) -> float:
    """Return the shape of the gamma prior of the squares' factors, by moments of the background counts.

    With known background incidents, their count has the variance expected + expected^2 / gamma. With probabilities,
    ``uncertainty`` of that variance is missing.
    """
    weight = np.where(expected > 0, 1 / np.maximum(1 + expected / guess, 1e-12) ** 2, 0.0)
    extra = float((weight * ((found - expected) ** 2 + uncertainty - expected)).sum())
    scale = float((weight * expected**2).sum())
    return float(np.clip(scale / extra if extra > 0 else np.inf, *_GAMMAS))


def _maximise(
    likelihood: EtasLikelihood,
    parameters: Floats,
    log_factors: Floats,
    prior: EtasPrior,
    bounds: list[tuple[float, float]],
) -> tuple[Floats, Floats]:
    """Maximise the likelihood with each unknown in units of its uncertainty, which needs few steps."""
    size = len(parameters)
    level = np.exp(likelihood.terms @ parameters[TRIGGER:])
    spread = (likelihood.terms**2 * level[:, None]).sum(axis=0) + prior.precision
    counts = np.bincount(likelihood.squares, minlength=len(log_factors))
    scale = np.sqrt(np.concatenate([np.full(TRIGGER, 0.1 * len(likelihood.targets)), spread, counts + prior.gamma]))

    def loss(point: Floats) -> tuple[float, Floats]:
        natural = point / scale
        value, slope, slope_squares = likelihood.value(natural[:size], natural[size:], prior)
        return -value, -np.concatenate([slope, slope_squares]) / scale

    free = [(None, None)] * (len(scale) - TRIGGER)
    scaled = [(low * unit, high * unit) for (low, high), unit in zip(bounds, scale, strict=False)]
    start = np.concatenate([parameters, log_factors]) * scale
    options = {"maxiter": _STEPS, "maxfun": 2 * _STEPS, "maxcor": 20, "ftol": 1e-12, "gtol": 1e-2}
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=scaled + free, options=options)
    natural = found.x / scale
    return natural[:size], natural[size:]


def standard_errors(likelihood: EtasLikelihood, fitted: EtasFit, limits: EtasBounds) -> Floats:
    """Return the standard errors of the parameters, by the observed information."""
    parameters = fitted.parameters
    information = likelihood.information(parameters, fitted.log_factors, fitted.prior)
    low, high = np.array(limits.bounds(likelihood.raster.side)).T
    free = np.ones(len(parameters), dtype=bool)
    free[:TRIGGER] = (parameters[:TRIGGER] > low + _AT_BOUND) & (parameters[:TRIGGER] < high - _AT_BOUND)
    errors = np.full(len(parameters), np.nan)
    variance = np.diag(np.linalg.pinv(information[np.ix_(free, free)], hermitian=True))
    errors[free] = np.sqrt(np.where(variance > 0, variance, np.nan))
    return errors
