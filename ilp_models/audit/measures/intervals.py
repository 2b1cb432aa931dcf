"""Intervals of a group measure over weeks, over areas and under chance, and p-values.

Week intervals (periods drawn in blocks) hold for this city and this map; the gate uses them without adjustment. Area
intervals (areas drawn with their residents) and chance (residents exchanged between areas of similar population) show
whether a method relates to where groups live. Claims about a method need these, and the adjusted p-value where there
are many groups and crime types.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

import numpy as np

from ilp_models.audit.measures.formulas import Floats, Formula, Pick, Totals, per_draw
from ilp_models.audit.measures.group_sums import GroupSums, exchanged
from ilp_models.stats.bootstrap import Bootstrap, Estimate

_AXES: Final = 3  # of sums that vary between draws; those of two axes are the same in all draws
_TIE: Final = 1e-9  # relative; exchanges that give the same value must not differ by rounding


@dataclass(frozen=True, eq=False)
class Measured:
    """A measure with its intervals and p-values, all of one shape; NaN with too little evidence."""

    value: Floats
    week_low: Floats  # over blocks of periods
    week_high: Floats
    area_low: Floats  # over areas
    area_high: Floats
    chance_low: Floats  # of the measure when residents are exchanged between areas
    chance_high: Floats
    p_chance: Floats  # two-sided, of that exchange
    p_adjusted: Floats  # for all groups and crime types of the measure together; see p_values

    @classmethod
    def from_weeks(cls, estimate: Estimate) -> Self:
        """Return a measure with an interval over weeks only."""
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
    """Sums of one set of maps, without draws and with three kinds of draws along the first axis."""

    whole: Totals
    weeks: Totals | None  # None with too few periods
    areas: Totals | None  # None with too few areas
    chance: Totals | None  # the first draw has no exchange
    periods: int
    places: int  # number of areas
    resampling: Bootstrap

    @classmethod
    def from_weeks(cls, tally: GroupSums, resampling: Bootstrap) -> Self:
        """Return sums with draws of periods only, which is what the gate uses."""
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
        """Return a gap between groups, such as the ratio of the highest to the lowest.

        Draws of weeks and areas compare the same two groups, so that an interval can include 1. Under chance the
        groups are chosen in each draw, as they are in the data.
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
        """Return the interval over areas; a draw without any flagged area counts as beyond both ends."""
        independent, undefined = replace(self.resampling, block=1), np.isnan(drawn)
        if not undefined.any():
            return independent.interval(drawn, self.places)
        low, _ = independent.interval(np.where(undefined, -np.inf, drawn), self.places)
        _, high = independent.interval(np.where(undefined, np.inf, drawn), self.places)
        return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def draw(tallies: Sequence[GroupSums], resampling: Bootstrap) -> list[Drawn]:
    """Return the sums of several sets of maps with three kinds of draws, the same draws for all."""
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
    """Concatenate the draws of several parts; sums that do not vary are taken once."""
    return {
        name: one if one.ndim < _AXES else np.concatenate([part[name] for part in parts])
        for name, one in parts[0].items()
    }


def p_values(drawn: Floats) -> tuple[Floats, Floats]:
    """Return two-sided p-values of the first draw among all draws, plain and adjusted for multiplicity.

    Adjusted: the largest studentised difference from chance in each draw (max-T, Westfall and Young 1993); Bonferroni
    for values that do not vary between draws.
    """
    scale = np.log(drawn) if (drawn > 0).all() else drawn
    flat = scale.reshape(len(scale), -1)
    edge = _TIE * np.maximum(np.abs(flat[0]), 1.0)
    known = np.isfinite(flat).all(axis=0)
    below, above = (flat <= flat[0] + edge).mean(axis=0), (flat >= flat[0] - edge).mean(axis=0)
    plain = np.minimum(1.0, 2 * np.minimum(below, above))
    spread = np.where(known, flat.std(axis=0), 0.0)
    varied = spread > edge
    adjusted = np.minimum(1.0, known.sum() * plain)
    if varied.any():
        distance = np.abs(flat[:, varied] - flat[:, varied].mean(axis=0)) / spread[varied]
        largest = np.sort(distance.max(axis=1))
        together = 1 - np.searchsorted(largest, distance[0] * (1 - _TIE)) / len(flat)
        adjusted[varied] = np.maximum(plain[varied], together)
    shape = drawn.shape[1:]
    plain, adjusted = (np.where(known, one, np.nan).reshape(shape) for one in (plain, adjusted))
    return plain, adjusted
