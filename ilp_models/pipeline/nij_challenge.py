"""The NIJ challenge replayed: what entries caught from many origins, each forecast from what was known there."""

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
    """A method on a grid, as somebody may enter it.

    Parameters
    ----------
    name : str
        Name of the method.
    grid : str
        Name of the grid.
    forecaster : Forecaster
        Unfitted.
    places : GridSpec
        How to find the cells; asked anew, of what is known then, whenever the method is fitted.
    cells : int
        How many cells are forecast.
    weeks : int, default 1
        Weeks forecast and summed over each horizon; the map of 1 stands for every horizon.
    crime_types : sequence of str, optional
        Those that it is for; by default all.
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
    """One entry over consecutive origins that begin with a fit.

    Parameters
    ----------
    entry : Entry
        What is entered.
    events : Events
        All events; those after an origin only say what happened.
    cutoffs : tuple of Timestamp
        Origins, in order.
    """

    entry: ChallengeEntry
    events: Events
    cutoffs: tuple[pd.Timestamp, ...]


def replay_challenge(
    entries: Sequence[ChallengeEntry],
    events: Events,
    cutoffs: Sequence[pd.Timestamp],
    refit_every: int,
    compute: Compute,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return what every entry caught from every origin whose horizon the events cover."""
    if any((cutoff - cutoffs[0]) % pd.Timedelta(weeks=1) for cutoff in cutoffs):
        msg = f"Origins from {cutoffs[0]} to {cutoffs[-1]} are not whole weeks apart; leave the others out."
        raise InputError(msg)
    starts = [*range(0, len(cutoffs), refit_every), len(cutoffs)]
    chains = [tuple(cutoffs[first:stop]) for first, stop in pairwise(starts)]
    seasons = [Season(entry, events, chain) for entry in entries for chain in chains]
    results = compute.map(play, seasons, "challenge")
    reasons = {season.entry.name: reason for season, (_, reason) in zip(seasons, results, strict=True) if reason}
    tables = [table for season, (table, _) in zip(seasons, results, strict=True) if season.entry.name not in reasons]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS)), reasons


def evaluate(
    entries: Sequence[ChallengeEntry], known: Events, later: Events, compute: Compute
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return what every entry, made at the end of the known events, caught in those that came later."""
    alike = known.crs == later.crs and set(later.crime_types) <= set(known.crime_types)
    if later.start != known.end or not alike:
        msg = (
            f"The later records start on {later.start.date()}, in {later.crs}, of {', '.join(later.crime_types)}; they "
            f"must start on {known.end.date()}, in {known.crs}, of {', '.join(known.crime_types)}."
        )
        raise InputError(msg)
    kinds = later.table["crime_type"].cat.set_categories(list(known.crime_types))
    columns = [name for name in known.table.columns if name in later.table]
    table = pd.concat([known.table[columns], later.table.assign(crime_type=kinds)[columns]], ignore_index=True)
    if "area" in columns:
        table = table.assign(area=table["area"].astype("category"))  # the later ones may name others
    return replay_challenge(entries, replace(known, table=table, end=later.end), [known.end], 1, compute)


def play(season: Season) -> tuple[pd.DataFrame, str]:
    """Return what an entry caught over some origins, and why it could not run where it could not."""
    try:
        return pd.concat(_tallies(season), ignore_index=True)[list(COLUMNS)], ""
    except NotRunError as error:
        return pd.DataFrame(columns=list(COLUMNS)), str(error)


def _tallies(season: Season) -> Iterator[pd.DataFrame]:
    entry = season.entry
    events = season.events if entry.crime_types is None else season.events.select_types(entry.crime_types)
    calendar = Calendar("week", season.cutoffs[0].day_name().lower())
    grid = entry.places.build(events.known_at(season.cutoffs[0]))
    referee = NijScorer(grid, events, entry.cells)
    forecaster = clone(entry.forecaster)
    for place, cutoff in enumerate(season.cutoffs):
        history = History.from_events(cutoff, events, grid, calendar)
        forecaster = forecaster.update(history) if place else forecaster.fit(history)
        forecast = forecaster.predict(calendar.next_periods(cutoff, entry.weeks))
        for horizon, days in HORIZONS.items():
            if cutoff + pd.Timedelta(days=days) > events.end:
                continue
            expected = forecast.expected.values[..., 0] if entry.weeks == 1 else expected_within(forecast, days)
            table = referee.count_hits(expected, cutoff, days)
            table = table.assign(entry=entry.name, grid=entry.grid, cutoff=cutoff, horizon=horizon, days=days)
            yield table.assign(square_miles=referee.square_miles)
