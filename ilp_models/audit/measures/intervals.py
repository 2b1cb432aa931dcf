"""Three intervals of a group measure: other weeks, other areas, and what chance gives.

Week intervals (periods drawn in blocks) hold for this city and this map: the gate judges by them, plain. Area intervals
(areas drawn with their residents) and chance (residents exchanged between areas of similar population) tell whether a
method relates to who lives where: claims need these, and of many groups and crime types at once the adjusted p-value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

import numpy as np

from ilp_models.audit.measures.formulas import Floats, Formula, Totals
from ilp_models.audit.measures.group_gaps import Pick, per_draw
from ilp_models.audit.measures.group_sums import GroupSums, exchanged
from ilp_models.audit.measures.multiplicity import p_values
from ilp_models.stats.bootstrap import Bootstrap, Estimate

_AXES: Final = 3  # of sums that were drawn; those of two axes are the same in all draws


@dataclass(frozen=True, eq=False)
class Measured:
    """A measure with its intervals and p-values, all of one shape; NaN where there is too little evidence.

    Parameters
    ----------
    value : ndarray of float64
        The measure.
    week_low, week_high : ndarray of float64
        Interval over blocks of periods.
    area_low, area_high : ndarray of float64
        Interval over areas.
    chance_low, chance_high : ndarray of float64
        Where the measure lies when residents are exchanged between areas.
    p_chance : ndarray of float64
        Two-sided p-value of that exchange.
    p_adjusted : ndarray of float64
        The same for all groups and crime types of the measure together: the largest studentised difference from
        chance in each exchange (max-T, Westfall and Young 1993), by Bonferroni where exchanges change nothing.
    """

    value: Floats
    week_low: Floats
    week_high: Floats
    area_low: Floats
    area_high: Floats
    chance_low: Floats
    chance_high: Floats
    p_chance: Floats
    p_adjusted: Floats

    @classmethod
    def from_weeks(cls, estimate: Estimate) -> Self:
        """Return a measure of which only the interval over weeks is known."""
        nothing = np.full(np.shape(estimate.value), np.nan)
        known = {"value": estimate.value, "week_low": estimate.low, "week_high": estimate.high}
        return cls(**{one.name: np.asarray(known.get(one.name, nothing)) for one in fields(cls)})

    def broadcast(self, shape: tuple[int, ...]) -> Self:
        """Return the same numbers repeated along axes that they do not vary over."""
        return replace(self, **{one.name: np.broadcast_to(getattr(self, one.name), shape) for one in fields(self)})

    def at(self, *place: int) -> dict[str, float]:
        """Return the numbers at one place."""
        return {one.name: float(getattr(self, one.name)[place]) for one in fields(self)}


@dataclass(frozen=True, eq=False)
class Drawn:
    """Sums of one set of maps as they are and as drawn in three ways.

    Parameters
    ----------
    whole : mapping of str to ndarray
        Sums over everything.
    weeks, areas, chance : mapping of str to ndarray or None
        Draws along the first axis; the first of ``chance`` is of nobody having moved. None where there are too few
        periods or areas.
    periods, places : int
        Number of periods and of areas.
    resampling : Resampling
        How periods were drawn.
    """

    whole: Totals
    weeks: Totals | None
    areas: Totals | None
    chance: Totals | None
    periods: int
    places: int
    resampling: Bootstrap

    @classmethod
    def from_weeks(cls, tally: GroupSums, resampling: Bootstrap) -> Self:
        """Return sums as they are and as drawn from periods, which is all that a gate looks at."""
        enough = resampling.enough(tally.periods)
        weeks = tally.of_periods(resampling.weights(tally.periods)) if enough else None
        return cls(tally.whole, weeks, None, None, tally.periods, len(tally.basis.clusters), resampling)

    def estimate(self, formula: Formula, pick: Pick | None = None) -> Estimate:
        """Return a measure with its interval over weeks."""
        found = self.measure(formula) if pick is None else self.extreme(formula, pick)
        return Estimate(found.value, found.week_low, found.week_high)

    def measure(self, formula: Formula) -> Measured:
        """Return a measure of every crime type and group."""
        return self._measured(formula, formula)

    def extreme(self, formula: Formula, pick: Pick) -> Measured:
        """Return what is picked from a measure's groups, such as the ratio of the highest to the lowest.

        In other weeks and areas the same groups are compared, so that an interval can reach 1; under chance they
        are picked anew each time, as they were here.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            fixed = pick(formula(self.whole))
        return self._measured(lambda sums: fixed(formula(sums)), lambda sums: per_draw(formula(sums), pick))

    def _measured(self, formula: Formula, by_chance: Formula) -> Measured:
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.asarray(formula(self.whole))
            nothing = np.full(value.shape, np.nan)
            week = area = chance = (nothing, nothing)
            plain = adjusted = nothing
            if self.weeks is not None:
                week = self.resampling.interval(formula(self.weeks), self.periods)
            if self.areas is not None:
                area = self._area_interval(formula(self.areas))
            if self.chance is not None:
                drawn = np.asarray(by_chance(self.chance))
                tail = (1 - self.resampling.confidence) / 2
                low, high = np.quantile(drawn[1:], (tail, 1 - tail), axis=0)
                chance, (plain, adjusted) = (low, high), p_values(drawn)
        return Measured(value, *week, *area, *chance, plain, adjusted)

    def _area_interval(self, drawn: Floats) -> tuple[Floats, Floats]:
        """Return the interval; where nothing is flagged in the areas drawn, the draw counts as beyond either end."""
        independent, undefined = replace(self.resampling, block=1), np.isnan(drawn)
        if not undefined.any():
            return independent.interval(drawn, self.places)
        low, _ = independent.interval(np.where(undefined, -np.inf, drawn), self.places)
        _, high = independent.interval(np.where(undefined, np.inf, drawn), self.places)
        return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def draw(tallies: Sequence[GroupSums], resampling: Bootstrap) -> list[Drawn]:
    """Return the sums of several sets of maps as drawn in three ways, the same draws for all."""
    clusters, periods = tallies[0].basis.clusters, tallies[0].periods
    weeks: list[Totals | None] = [None] * len(tallies)
    areas, chance = list(weeks), list(weeks)
    if resampling.enough(periods):
        weights = resampling.weights(periods)
        weeks = [tally.of_periods(weights) for tally in tallies]
    if clusters.enough:
        drawn = [[tally.of_areas(part) for tally in tallies] for part in clusters.drawn(resampling)]
        areas = [_joined(parts) for parts in zip(*drawn, strict=True)]
        chance = list(exchanged(tallies, resampling))
    return [
        Drawn(tally.whole, in_weeks, in_areas, by_chance, periods, len(clusters), resampling)
        for tally, in_weeks, in_areas, by_chance in zip(tallies, weeks, areas, chance, strict=True)
    ]


def _joined(parts: Sequence[Mapping[str, Any]]) -> Totals:
    """Return the draws of several parts one after another; what does not vary stands once."""
    return {
        name: one if one.ndim < _AXES else np.concatenate([part[name] for part in parts])
        for name, one in parts[0].items()
    }
