"""The simulation of feedback: a forecaster, patrols after its maps, and records that follow the patrols.

The city of :mod:`ilp_models.audit.feedback.city` has constant true rates. Its past is recorded in full; from then on an
event is recorded where land is patrolled, and elsewhere with the chance that residents report it. The forecaster is
fitted anew on what was recorded, its next map decides on patrols, and so on.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ilp_models.audit.feedback.city import FeedbackCity
from ilp_models.audit.feedback.feedback import (
    COLUMNS,
    COMPLETE,
    FOLLOWED,
    WEIGHTED,
    Feedback,
    FeedbackOutcome,
    PatrolRule,
)
from ilp_models.audit.flagging import FlaggingRule
from ilp_models.domain.finding import ALL
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.history import History
from ilp_models.stats.rank_statistics import rank_correlation, total_variation

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def simulate_feedback(
    forecaster: Forecaster, history: History, patrols: PatrolRule, settings: Feedback, rates: Floats | None = None
) -> FeedbackOutcome:
    """Return what a forecaster learns from records that follow its own maps.

    The areas are parent areas of the grid where there are 10 to 300 of them: with the few events of a cell nothing
    could be told from noise. True rates are the mean counts of the history, so that a bias already in the records
    is part of this truth: the simulation tells what the forecaster would add, not what was done before.
    """
    reported = settings.reported(history.events.crime_types)
    city = FeedbackCity.from_history(history, rates)
    people = None if patrols.residents is None else city.level.matrix @ patrols.residents
    simulation = _Simulation(forecaster, city, replace(patrols, residents=people), settings, reported)
    rows: list[tuple[object, ...]] = []
    visited = [simulation.replicate(number, rows) for number in range(settings.replicates)]
    patrolled = np.mean(visited, axis=0)
    observed = np.where(reported > 0, 1.0, patrolled)
    known = np.array([settings.rate_of(name) for name in history.events.crime_types], dtype=float)
    table = pd.DataFrame({"crime_type": list(history.events.crime_types), "areas": len(city.grid)})
    table = table.assign(patrolled=patrolled, observed=observed, reporting=known)
    if len(table) > 1:
        table.loc[len(table)] = [ALL, len(city.grid), patrolled.mean(), observed.mean(), known.mean()]
    return FeedbackOutcome(settings, city.level.name, pd.DataFrame(rows, columns=list(COLUMNS)), table)


@dataclass(frozen=True, eq=False)
class _Simulation:
    forecaster: Forecaster
    city: FeedbackCity
    patrols: PatrolRule
    settings: Feedback
    reported: Floats

    def replicate(self, number: int, rows: list[tuple[object, ...]]) -> Floats:
        """Add the distances of one replicate to the rows, and return the share of areas patrolled, by crime type."""
        random = np.random.default_rng([self.settings.seed, number])
        shape = (*self.city.rates.shape, self.settings.memory + self.settings.periods)
        happened = random.poisson(np.broadcast_to(self.city.rates[:, :, None], shape))
        past, coming = np.split(happened, [self.settings.memory], axis=2)
        start = self.city.records(past, -self.settings.memory, random)
        expected = self._learn([start], 0)
        visited = np.zeros(len(self.reported))
        complete = self._learn([start, self.city.records(coming, 0, random)], self.settings.periods)
        rows.extend((number, COMPLETE, 0, *row) for row in self._distances(expected))
        rows.extend((number, COMPLETE, self.settings.periods, *row) for row in self._distances(complete))
        for records in (FOLLOWED, *([WEIGHTED] if self._corrigible else [])):
            seen = self._follow(records, (start, coming), expected, (rows, number))
            visited = seen if records == FOLLOWED else visited
        return visited

    @property
    def _corrigible(self) -> bool:
        return bool((self.reported > 0).all()) or self.settings.exploration > 0

    def _follow(
        self,
        records: str,
        world: tuple[pd.DataFrame, Counts],
        expected: Floats,
        note: tuple[list[tuple[object, ...]], int],
    ) -> Floats:
        """Live through the periods with one kind of records; all kinds meet the same events."""
        start, coming = world
        rows, number = note
        random = np.random.default_rng([self.settings.seed, number, 1])
        tables, patrolled = [start], np.zeros(self.city.rates.shape, dtype=bool)
        for now in range(0, self.settings.periods, self.settings.every):
            rows.extend((number, records, now, *row) for row in self._distances(expected))
            count = min(self.settings.every, self.settings.periods - now)
            recorded, visited = self._patrol(expected, coming[:, :, now : now + count], random)
            patrolled |= (visited > 0).any(axis=2)
            tables.append(self.city.records(recorded[records], now, random))
            expected = self._learn(tables, now + count)
        rows.extend((number, records, self.settings.periods, *row) for row in self._distances(expected))
        return np.asarray(patrolled.mean(axis=1))

    def _learn(self, tables: list[pd.DataFrame], now: int) -> Floats:
        history = self.city.known(tables, self.settings.memory, now)
        fitted = clone(self.forecaster).fit(history)
        return np.asarray(fitted.predict(self.city.periods(now, 1)).expected.values, dtype=float)

    def _patrol(
        self, expected: Floats, happened: Counts, random: np.random.Generator
    ) -> tuple[dict[str, Counts], Floats]:
        """Return what is recorded, as it is and by weight, and what part of each area was patrolled."""
        share, explored = self.patrols.share, self.settings.exploration
        land = self.city.grid.area_m2
        cut = FlaggingRule(land, self.patrols.unit, self.patrols.share_of, self.patrols.residents, self.patrols.harm)
        first = cut.flagged(expected, share * (1 - explored))[0]
        # each area that is left is drawn with one chance, such that the land drawn is the explored share on average
        left = np.einsum("kct,c->kt", 1 - first, land)
        chance = np.clip(explored * share * land.sum() / left, 0, 1)[:, None, :]
        visited = first + (1 - first) * (random.random(happened.shape) < chance)
        reported = self.reported[:, None, None]
        found = random.binomial(happened, np.minimum(visited + (1 - visited) * reported, 1.0))  # rounding may pass 1
        sought = first + (1 - first) * chance
        weights = 1 / np.maximum(sought + (1 - sought) * reported, 1e-12)
        weighted = np.floor(found * weights + random.random(found.shape)) if self._corrigible else found
        return {FOLLOWED: found, WEIGHTED: weighted.astype(np.int64)}, visited

    def _distances(self, expected: Floats) -> list[tuple[str, float, float]]:
        learned, truth = expected.sum(axis=2), self.city.rates
        names = list(self.city.real.events.crime_types)
        if len(names) > 1:
            names.append(ALL)
            learned, truth = (np.vstack([one, one.sum(axis=0)]) for one in (learned, truth))
        pairs = zip(names, total_variation(learned, truth), rank_correlation(learned, truth), strict=True)
        return [(name, float(distance), float(correlation)) for name, distance, correlation in pairs]
