"""Urns of discovered and reported incidents: feedback between records and patrols.

The urn of Ensign, Friedler, Neville, Scheidegger and Venkatasubramanian (2018), "Runaway feedback loops in predictive
policing", PMLR 81, 160-171, for any number of areas. It has rates only; no forecaster is simulated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

import ilp_models as ilp

Floats = npt.NDArray[np.float64]
Update = Literal["naive", "reject", "weight"]

_UPDATES: Final = ("naive", "reject", "weight")


@dataclass(frozen=True)
class Urn:
    """Areas with one patrol a day, sent in proportion to the records, and the incidents it finds.

    Parameters
    ----------
    rates : sequence of float
        Chance that a patrol finds an incident, by area; with ``several``, the mean number it finds.
    start : sequence of float
        Records before the first day, by area, all above zero: an area at zero is never visited.
    update : {"naive", "reject", "weight"}
        What a find adds. ``naive``: one. ``reject``: one with probability 1 - v, where v is the area's share of records
        and so of visits; this corrects two areas only. ``weight``: 1 / v; this corrects any number of areas.
    reported : float, default 0
        Weight of an incident that residents report from any area, patrolled or not; a find has the rest of 1. As many
        are reported in an area as a patrol would find.
    several : bool, default False
        Whether a day has a Poisson number of incidents in an area instead of at most one.

    Raises
    ------
    InputError
        If the areas do not match, a rate or a start is impossible, or the update does not correct so many areas.
    """

    rates: Sequence[float]
    start: Sequence[float]
    update: Update = "naive"
    reported: float = 0.0
    several: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        if len(self.rates) != len(self.start) or len(self.rates) < 2:
            msg = "An urn needs a rate and a start for each of two areas or more; give both for the same areas."
            raise ilp.InputError(msg)
        most = np.inf if self.several else 1
        if not all(0 <= rate <= most and rate < np.inf for rate in self.rates):
            msg = f"Rates of an urn lie between 0 and {most}, not {list(self.rates)}; correct rates, or set several."
            raise ilp.InputError(msg)
        if not all(0 < count < np.inf for count in self.start) or not 0 <= self.reported <= 1:
            msg = f"An urn needs starts above 0 and reported from 0 to 1, not {list(self.start)} and {self.reported}."
            raise ilp.InputError(msg)
        if self.update not in _UPDATES:
            msg = f"The update {self.update!r} of an urn is unknown; use one of {', '.join(_UPDATES)}."
            raise ilp.InputError(msg)
        if self.update == "reject" and len(self.rates) > 2:
            msg = "The update 'reject' corrects two areas only; use weight for more."
            raise ilp.InputError(msg)

    @property
    def limit(self) -> float:
        """The limit of the first area's share in a naive urn of two areas: a root of the published formula.

        Without reports the larger rate gets all records. Equal rates have no limit (NaN): any share may persist.
        With either correction it is the area's share of the rates.
        """
        first, second = self.rates
        if self.update != "naive" or self.reported == 1:
            return first / (first + second)
        if first == second:
            return 0.5 if self.reported else float("nan")
        # records that a visit to the first area adds to both, and a visit to the second
        a, b = first, second * self.reported
        c, d = first * self.reported, second
        square, linear = c + d - a - b, a - 2 * c - d
        # stable form: if nearly all incidents are reported, the square term is nearly 0
        larger = -(linear + np.copysign(np.sqrt(linear**2 - 4 * square * c), linear)) / 2
        with np.errstate(divide="ignore"):
            roots = np.array([larger, c]) / np.array([square, larger])
        inside = roots[(roots >= -1e-12) & (roots <= 1 + 1e-12)]
        return float(max(inside) if first > second else min(inside))


def simulate_urns(urn: Urn, days: Sequence[int], runs: int = 1000, seed: int = 0) -> Floats:
    """Return the records of all runs after each given day.

    Parameters
    ----------
    urn : Urn
        Rates, start and update.
    days : sequence of int
        Days to return, rising, >= 1.
    runs : int, default 1000
        Independent runs.
    seed : int, default 0
        Seed of all runs.

    Returns
    -------
    ndarray of float64
        Records, shape (days, runs, areas).
    """
    random = np.random.default_rng(seed)
    rates = np.asarray(urn.rates, dtype=float)
    counts = np.tile(np.asarray(urn.start, dtype=float), (runs, 1))
    everyone, stored, wanted = np.arange(runs), [], set(days)
    for day in range(1, max(days) + 1):
        total = counts.sum(axis=1)
        edges = np.cumsum(counts, axis=1)[:, :-1]
        area = (random.random(runs)[:, None] * total[:, None] >= edges).sum(axis=1)
        found = _incidents(random, rates[area], several=urn.several)
        share = counts[everyone, area] / total
        if urn.update == "reject":
            found = random.binomial(found.astype(np.int64), 1 - share).astype(float)
        elif urn.update == "weight":
            found /= share
        if urn.reported:
            counts += urn.reported * _incidents(random, np.broadcast_to(rates, counts.shape), several=urn.several)
        counts[everyone, area] += (1 - urn.reported) * found
        if day in wanted:
            stored.append(counts.copy())
    return np.stack(stored)


def _incidents(random: np.random.Generator, rates: Floats, *, several: bool) -> Floats:
    if several:
        return random.poisson(rates).astype(float)
    return (random.random(rates.shape) < rates).astype(float)
