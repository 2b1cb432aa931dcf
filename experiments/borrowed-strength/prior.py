"""Trial of a prior for empirical Bayes that is estimated across cities, from which `pooled_empirical_bayes` came.

The negative log likelihood of each half-life, weight of the neighbours and prior strength is measured in all cities.
A city then chooses the settings with the smallest sum of its own and that of the others, which counts as much as some
events of its own (a power prior: Ibrahim and Chen 2000, Statistical Science 15, 46-60).
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import shapely

import ilp_models as ilp
from ilp_models.domain.grid import Grid
from ilp_models.model.hindcast import recent_periods
from ilp_models.stats.distributions import log_probability, poisson_deviance

STARTS = {"Toronto": ("2018-01-01", "2019-01-07"), "Portland": ("2014-09-01", "2015-03-02")}  # development only
WORTH = (0.0, 20.0, 100.0, 500.0)  # events that the other cities count as
STRENGTHS = 10.0 ** np.arange(-2, 4.25, 0.25)
AREAS, CELLS = 20, 60  # small forces: some cells around a random one
WEEKS, FLOOR, CALENDAR = 13, 0.005, ilp.Calendar()


class PriorFromCities(ilp.EmpiricalBayes):
    """Empirical Bayes whose settings come from own and other losses on one grid of settings."""

    def losses(self, history: ilp.History) -> dict[str, np.ndarray]:
        """Return the loss of each half-life, weight and strength by crime type, and the events under `events`."""
        targets = recent_periods(history)
        observed = history.panel.by_period[-len(targets) :]
        kinds = history.events.crime_types
        shape = len(self.half_lives), len(self.neighbours), len(STRENGTHS)
        found = {name: np.empty(shape) for name in kinds}
        for i, half_life in enumerate(self.half_lives):
            means = self._discounted_means(history, targets, history.first_step, half_life)
            for j, weight in enumerate(self.neighbours):
                for kind, name in enumerate(kinds):
                    count, time = means.count_and_time(kind)
                    found[name][i, j] = strength_losses(observed[:, kind], count, time, means.prior_mean(weight, kind))
        return found | {"events": observed.sum(axis=(0, 2))}

    def choose(self, own: dict[str, np.ndarray], others: dict[str, np.ndarray], worth: float) -> "PriorFromCities":
        """Set the settings of each crime type; the others count as a number of own events."""
        total = [loss + worth * others.get(name, others[""]) for name, loss in own.items() if name != "events"]
        at = [np.unravel_index(one.argmin(), one.shape) for one in total]
        options = (self.half_lives, self.neighbours, STRENGTHS)
        chosen = [np.array([float(option[one[axis]]) for one in at]) for axis, option in enumerate(options)]
        self.half_lives_, self.neighbours_, self.strengths_ = chosen
        return self


def strength_losses(observed: np.ndarray, count: np.ndarray, time: np.ndarray, prior: np.ndarray) -> list[float]:
    """Return the negative log likelihood of the counts (periods, cells) for each prior strength."""
    hit = observed > 0
    hit_time, empty = np.broadcast_to(time, prior.shape)[hit], (prior[~hit], count[~hit], (time * prior)[~hit])
    losses = []
    for strength in STRENGTHS:
        size = strength + count[hit]
        chance = log_probability(observed[hit], size / (strength / prior[hit] + hit_time), 1 / size)
        quiet = (strength + empty[1]) * np.log1p(empty[0] / (strength + empty[2]))  # of counts of 0, in closed form
        losses.append(float(quiet.sum() - chance.sum()))
    return losses


def measure_priors(events: dict[str, ilp.Events]) -> Iterator[dict[str, object]]:
    """Yield the gain over the prior of the city alone in weeks 14 to 26, for cities and for small areas of them."""
    for city, starts in STARTS.items():
        names = ("whole city", f"{AREAS} areas of {CELLS} cells")
        parts: dict[tuple[str, float], list[tuple[np.ndarray, np.ndarray]]] = {}
        for start in map(pd.Timestamp, starts):
            cutoff = start + pd.Timedelta(weeks=WEEKS)
            others = other_losses(events, city, cutoff)
            table = events[city].table
            young = replace(
                events[city], table=table[table["occurred_at"] >= start].reset_index(drop=True), start=start
            )
            grid = ilp.SquareGrid(500).build(events[city].known_at(cutoff))
            for name, places in zip(names, ([np.ones(len(grid), dtype=bool)], small_areas(grid)), strict=True):
                each = [gains(young, grid.subset(place), cutoff, others) for place in places]
                for worth, *gain in zip(WORTH, *np.sum(each, axis=0), strict=True):
                    parts.setdefault((name, worth), []).append(tuple(gain))
        for (name, worth), found in parts.items():
            gain, base = (np.concatenate(one) for one in zip(*found, strict=True))
            estimate = ilp.Bootstrap().ratio(100 * gain, base)
            ends = {
                key: float(getattr(estimate, part))
                for key, part in (("gain", "value"), ("low", "low"), ("high", "high"))
            }
            yield {"city": city, "force": name, "worth": worth, "weeks": len(gain), **ends}


def other_losses(events: dict[str, ilp.Events], city: str, cutoff: pd.Timestamp) -> dict[str, np.ndarray]:
    """Return the loss per event of the other cities by crime type, and over all types under the empty name."""
    total: dict[str, np.ndarray] = {}
    number: dict[str, float] = {}
    for name, one in events.items():
        last = (CALENDAR.whole_periods(one.start, one.end)[-1] + 1).start_time
        if name == city or min(cutoff, last) - one.start < pd.Timedelta(weeks=26):
            continue
        known = one.known_at(min(cutoff, last))
        history = ilp.History.from_events(min(cutoff, last), known, ilp.SquareGrid(500).build(known), CALENDAR)
        found = PriorFromCities().losses(history)
        for kind, count in zip(one.crime_types, found["events"], strict=True):
            for key in (kind, ""):
                total[key] = total.get(key, 0) + found[kind]
                number[key] = number.get(key, 0) + float(count)
    return {key: loss / max(number[key], 1) for key, loss in total.items()}


def small_areas(grid: Grid) -> list[np.ndarray]:
    """Return the cells nearest to each of some random cells."""
    middle = shapely.get_coordinates(shapely.centroid(grid.geometry))
    centres = np.random.default_rng(0).choice(len(grid), AREAS, replace=False)
    places = []
    for centre in centres:
        place = np.zeros(len(grid), dtype=bool)
        place[np.argsort(np.hypot(*(middle - middle[centre]).T), kind="stable")[:CELLS]] = True
        places.append(place)
    return places


def gains(
    events: ilp.Events, grid: Grid, cutoff: pd.Timestamp, others: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the summed deviance that each prior saves by week, and that of the mean of the known weeks."""
    history = ilp.History.from_events(cutoff, events, grid, CALENDAR)
    later = ilp.History.from_events(cutoff + pd.Timedelta(weeks=WEEKS), events, grid, CALENDAR)
    weeks = CALENDAR.next_periods(cutoff, WEEKS)
    observed = later.panel.by_period[-WEEKS:].astype(float)
    losses = PriorFromCities().losses(history)
    models = [ilp.EmpiricalBayes().fit(history), ilp.MovingAverage().fit(history)]
    models += [PriorFromCities().choose(losses, others, worth) for worth in WORTH]
    own, mean, *pooled = [
        poisson_deviance(observed, one.hindcast(later, weeks, 1), FLOOR).sum(axis=(1, 2)) for one in models
    ]
    return own - np.array(pooled), np.broadcast_to(mean, (len(WORTH), WEEKS))
