"""Replay the NIJ challenge: score entries out of sample from many cutoffs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import pandas as pd
from sklearn.base import clone

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.events import Events
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.history import History
from ilp_models.scoring.nij_challenge import COUNTS, HORIZONS, NijScorer, expected_within

COLUMNS: Final = ("entry", "grid", "cutoff", "horizon", "days", "crime_type", "square_miles", *COUNTS)


@dataclass(frozen=True, eq=False)
class ChallengeEntry:
    """An entry to the challenge: a forecaster on a grid.

    Parameters
    ----------
    name, grid : str
        Names of the method and of the grid.
    forecaster : Forecaster
        Unfitted forecaster.
    places : GridSpec
        Builds the cells from the events known at each fit.
    cells : int
        Number of forecast cells.
    weeks : int, default 1
        Forecast weeks, summed over each horizon. With 1, the same map is used for every horizon.
    crime_types : sequence of str, optional
        Crime types of the entry; by default all.
    """

    name: str
    grid: str
    forecaster: Forecaster
    places: GridSpec
    cells: int
    weeks: int = 1
    crime_types: Sequence[str] | None = None


@dataclass(frozen=True, eq=False)
class Season:
    """One entry over consecutive cutoffs; the first cutoff has a fit."""

    entry: ChallengeEntry
    events: Events  # all events; those after a cutoff are used for scores only
    cutoffs: tuple[pd.Timestamp, ...]  # in order


def replay_challenge(
    entries: Sequence[ChallengeEntry],
    events: Events,
    cutoffs: Sequence[pd.Timestamp],
    refit_every: int,
    compute: Compute,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the hits of every entry from every cutoff whose horizon the events cover, and the reasons of failures."""
    if any((cutoff - cutoffs[0]) % pd.Timedelta(weeks=1) for cutoff in cutoffs):
        msg = f"The cutoffs from {cutoffs[0]} to {cutoffs[-1]} are not whole weeks apart. Leave the others out."
        raise InputError(msg)
    starts = [*range(0, len(cutoffs), refit_every), len(cutoffs)]
    chains = [tuple(cutoffs[first:stop]) for first, stop in pairwise(starts)]
    seasons = [Season(entry, events, chain) for entry in entries for chain in chains]
    results = compute.map(score_season, seasons, "challenge")
    reasons = {season.entry.name: reason for season, (_, reason) in zip(seasons, results, strict=True) if reason}
    tables = [table for season, (table, _) in zip(seasons, results, strict=True) if season.entry.name not in reasons]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS)), reasons


def evaluate(
    entries: Sequence[ChallengeEntry], known: Events, later: Events, compute: Compute
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the hits of every entry, forecast at the end of the known events, in the later events."""
    comparable = known.crs == later.crs and set(later.crime_types) <= set(known.crime_types)
    if later.start != known.end or not comparable:
        msg = (
            f"The later records start on {later.start.date()}, in {later.crs}, of {', '.join(later.crime_types)}; they "
            f"must start on {known.end.date()}, in {known.crs}, of {', '.join(known.crime_types)}."
        )
        raise InputError(msg)
    kinds = later.table["crime_type"].cat.set_categories(list(known.crime_types))
    columns = [name for name in known.table.columns if name in later.table]
    table = pd.concat([known.table[columns], later.table.assign(crime_type=kinds)[columns]], ignore_index=True)
    if "area" in columns:
        table = table.assign(area=table["area"].astype("category"))  # the later events may have other areas
    return replay_challenge(entries, replace(known, table=table, end=later.end), [known.end], 1, compute)


def score_season(season: Season) -> tuple[pd.DataFrame, str]:
    """Return the hits of an entry, and the reason if it could not run."""
    try:
        return pd.concat(_hits(season), ignore_index=True)[list(COLUMNS)], ""
    except NotRunError as error:
        return pd.DataFrame(columns=list(COLUMNS)), str(error)


def _hits(season: Season) -> Iterator[pd.DataFrame]:
    entry = season.entry
    events = season.events if entry.crime_types is None else season.events.select_types(entry.crime_types)
    calendar = Calendar("week", season.cutoffs[0].day_name().lower())
    grid = entry.places.build(events.known_at(season.cutoffs[0]))
    scorer = NijScorer(grid, events, entry.cells)
    forecaster = clone(entry.forecaster)
    for number, cutoff in enumerate(season.cutoffs):
        history = History.from_events(cutoff, events, grid, calendar)
        forecaster = forecaster.update(history) if number else forecaster.fit(history)
        forecast = forecaster.predict(calendar.next_periods(cutoff, entry.weeks))
        for horizon, days in HORIZONS.items():
            if cutoff + pd.Timedelta(days=days) > events.end:
                continue
            expected = forecast.expected.values[..., 0] if entry.weeks == 1 else expected_within(forecast, days)
            table = scorer.count_hits(expected, cutoff, days)
            table = table.assign(entry=entry.name, grid=entry.grid, cutoff=cutoff, horizon=horizon, days=days)
            yield table.assign(square_miles=scorer.square_miles)
