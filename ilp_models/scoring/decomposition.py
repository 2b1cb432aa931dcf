"""Split mean scores into miscalibration, discrimination and uncertainty by isotonic recalibration."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import isotonic_regression

from ilp_models.domain.replay import NEGATIVE_BINOMIAL, Replay
from ilp_models.domain.scores import ALL
from ilp_models.scoring.counts import crps, dispersions
from ilp_models.stats.distributions import poisson_deviance

Floats = npt.NDArray[np.float64]


def decomposition(replay: Replay, floor: float) -> pd.DataFrame:
    """Return the parts of deviance and CRPS by crime type and over all, over all cells and periods.

    score = miscalibration - discrimination + uncertainty, exactly. The pool of all types is the mean over types.
    Forecasts without dispersions have the parts of the deviance only.
    """
    columns = ["crime_type", "score", "value", "miscalibration", "discrimination", "uncertainty"]
    table = pd.DataFrame(_rows(replay, floor), columns=columns)
    pool = table.groupby("score", sort=False)[columns[2:]].mean().reset_index().assign(crime_type=ALL)
    table = pd.concat([table, pool[columns]], ignore_index=True)
    table.insert(0, "forecaster", replay.forecaster)
    table.insert(1, "lead", replay.lead)
    return table


def _rows(replay: Replay, floor: float) -> Iterator[tuple[object, ...]]:
    observed, expected = (np.asarray(one.values, dtype=float) for one in (replay.observed, replay.expected))
    whole = replay.distribution == NEGATIVE_BINOMIAL
    for index, kind in enumerate(replay.crime_types):
        y, mean = observed[index].ravel(), expected[index].ravel()
        deviance = float(poisson_deviance(y, mean, floor).mean())
        yield kind, "deviance", deviance, *_parts(deviance, *deviance_of_recalibrated(y, np.maximum(mean, floor)))
        if whole:
            score = float(crps(y, mean, dispersions(replay)[index].ravel()).mean())
            yield kind, "crps", score, *_parts(score, *crps_of_recalibrated(y, mean))


def _parts(score: float, recalibrated: float, uncertainty: float) -> tuple[float, float, float]:
    return score - recalibrated, uncertainty - recalibrated, uncertainty


def deviance_of_recalibrated(observed: Floats, expected: Floats) -> tuple[float, float]:
    """Return the mean deviance of the isotonic regression of counts on forecasts, and that of the mean count."""
    place, units = _groups(expected)
    fitted = isotonic_regression(np.bincount(place, observed) / units, weights=units).x
    least = float(np.finfo(float).tiny)  # where the fit is 0, so are the counts
    both = np.maximum(fitted, least)[place], np.full(observed.shape, max(float(observed.mean()), least))
    recalibrated, uncertainty = (float(poisson_deviance(observed, one, least).mean()) for one in both)
    return recalibrated, uncertainty


def crps_of_recalibrated(observed: Floats, expected: Floats) -> tuple[float, float]:
    """Return the mean CRPS of distributions that are isotonic in the expected count, and that of all counts together.

    The CRPS is the sum of Brier scores over all thresholds; each has its own isotonic regression (Henzi, Ziegel and
    Gneiting 2021). Above the largest count all Brier scores are 0.
    """
    place, units = _groups(expected)
    recalibrated = uncertainty = 0.0
    for threshold in range(int(observed.max(initial=0.0))):
        above = np.bincount(place, observed > threshold) / units
        chance = isotonic_regression(above, weights=units).x
        # a group with share s of units above the threshold has the Brier score (chance - s)^2 + s (1 - s)
        recalibrated += float(np.average((chance - above) ** 2 + above * (1 - above), weights=units))
        share = float(np.average(above, weights=units))
        uncertainty += share * (1 - share)
    return recalibrated, uncertainty


def _groups(expected: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the group of each unit, in order of its forecast, and the number of units of each group."""
    _, place, units = np.unique(expected, return_inverse=True, return_counts=True)
    return place.astype(np.int64), units.astype(float)
