"""Rates of several populations: intervals, shrinkage to the common rate, and limits of a funnel plot."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, gamma, nbinom, poisson

Floats = npt.NDArray[np.floating[Any]]

LEAST: Final = 5  # populations from which the spread of rates is estimated


@dataclass(frozen=True, eq=False)
class Funnel:
    """The common rate of several populations, and how far their rates spread beyond chance."""

    rate: float  # all events per resident
    spread: float | None  # variance of the rates of populations; None with too few populations

    @classmethod
    def fit(cls, counts: Floats, residents: Floats) -> "Funnel":
        """Return the common rate and the variance of rates between populations, by moments (Marshall 1991).

        The variance is what the counts have beyond Poisson counts of the common rate; it is not below 0.
        """
        total = float(residents.sum())
        rate = float(counts.sum()) / total
        if len(counts) < LEAST:
            return cls(rate, None)
        squares = float(np.sum(residents * (counts / residents - rate) ** 2)) / total
        return cls(rate, max(0.0, squares - rate / (total / len(counts))))

    def shrunk(self, counts: Floats, residents: Floats, confidence: float) -> tuple[Floats, Floats, Floats]:
        """Return rates shrunk to the common one, with the ends of their intervals.

        The rates of populations have a gamma distribution with the mean and the variance of the fit, and counts are
        Poisson. Without a spread all rates are the common one.
        """
        if not self.spread:
            same = np.full(len(counts), self.rate)
            return same, same, same
        shape, scale = self.rate**2 / self.spread, self.rate / self.spread
        after, weight = counts + shape, residents + scale
        low, high = (gamma.ppf(end, after) / weight for end in _ends(confidence))
        return after / weight, low, high

    def limits(self, residents: Floats, confidence: float, *, spread: bool) -> tuple[Floats, Floats]:
        """Return the rates between which a population lies by chance alone, or by chance and the usual spread."""
        mean = self.rate * residents
        if spread and self.spread:
            size = self.rate**2 / self.spread
            low, high = (nbinom.ppf(end, size, size / (size + mean)) for end in _ends(confidence))
        else:
            low, high = (poisson.ppf(end, mean) for end in _ends(confidence))
        return low / residents, high / residents


def exact_rate_interval(counts: Floats, residents: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return the exact interval of a Poisson rate (Garwood 1936)."""
    low, high = _ends(confidence)
    lower = np.where(counts > 0, chi2.ppf(low, 2 * np.maximum(counts, 0.5)) / 2, 0.0)
    return lower / residents, chi2.ppf(high, 2 * (counts + 1)) / 2 / residents


def _ends(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2
