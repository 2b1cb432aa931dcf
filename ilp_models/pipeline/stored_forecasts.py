"""Stored forecasts of other runs, which join a comparison by name."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.errors import InputError
from ilp_models.domain.replay import Replay
from ilp_models.domain.terms import ReplayTerms

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
_SHORT: Final = 8


@dataclass(frozen=True)
class StoredForecast:
    """One forecaster whose forecasts are stored by another run.

    Parameters
    ----------
    name : str
        Name in this comparison: its own, followed by digits of its recipe where that name is taken.
    stored_as : str
        Name under which it was stored.
    recipe : str
        Fingerprint of its recipe.
    root : Path
        Folder of all recipes of that run.
    """

    name: str
    stored_as: str
    recipe: str
    root: Path

    @property
    def place(self) -> Path:
        """The folder of its recipe."""
        return self.root / self.recipe

    def replays(self, cutoffs: Sequence[pd.Timestamp], freq: str, delay: int) -> list[Replay]:
        """Return its stored forecasts."""
        store = ForecastStore(self.root)
        kept = store.stored_cutoffs(self.recipe)[self.stored_as]
        lacking = store.missing(self.recipe, self.stored_as, cutoffs)
        if lacking:
            msg = (
                f"runs: {self.stored_as} in {self.place} was not replayed over the same periods: it lacks "
                f"{len(lacking)} of {len(cutoffs)} cutoffs, first {lacking[0].date()}; it has {len(kept)}, "
                f"{kept[0].date()} to {kept[-1].date()}. Set backtest.end and backtest.test_periods, or name others."
            )
            raise InputError(msg)
        replays = store.replays(self.recipe, self.stored_as, cutoffs, freq)
        terms = replays[0].terms or ReplayTerms(delay)
        if terms.delay != delay:
            msg = (
                f"runs: {self.stored_as} in {self.place} did not know the last {terms.delay} period(s) before each "
                f"cutoff, and this run's own forecasters not the last {delay}: one of them knew more. Set "
                "data.reporting_delay alike, or name others."
            )
            raise InputError(msg)
        return [replace(one, forecaster=self.name, terms=terms) for one in replays]


@dataclass(frozen=True)
class StoredForecasts:
    """Forecasters of other runs that take part, and those that a folder of results holds besides.

    Parameters
    ----------
    present : tuple of Guest, optional
        Those who take part, each under a name of its own.
    left_out : tuple of str, optional
        Who does not, where it is stored and why, one sentence each.
    """

    present: tuple[StoredForecast, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """One line on both, empty where there is neither."""
        names, count = ", ".join(sorted(guest.name for guest in self.present)), len(self.left_out)
        told = [f"Stored forecasts of other runs: {names}."] if names else []
        told += [f"Left out of runs for want of cutoffs: {count} stored forecaster(s)."] if count else []
        return " ".join(told)


@dataclass(frozen=True)
class StoredEntry:
    """One forecaster in a folder of results.

    Parameters
    ----------
    place : Path
        The folder of its recipe.
    name : str
        Name under which it was stored.
    asked : bool
        Whether its recipe was named itself, not only a folder with many.
    """

    place: Path
    name: str
    asked: bool


def find_stored(runs: str | Sequence[str]) -> tuple[StoredEntry, ...]:
    """Return the forecasters whose forecasts other runs have stored, before any work is done."""
    return tuple(one for run in ([runs] if isinstance(runs, str) else runs) for one in _stored(Path(run)))


def select_stored(
    stored: Sequence[StoredEntry], hosts: Mapping[str, str], cutoffs: Sequence[pd.Timestamp]
) -> StoredForecasts:
    """Return those stored forecasters that take part in a comparison, and why the others do not."""
    new = [one for one in stored if hosts.get(one.name) != one.place.name]
    lacks = {one: len(ForecastStore(one.place.parent).missing(one.place.name, one.name, cutoffs)) for one in new}
    able = [one for one in new if one.asked or not lacks[one]]
    once = {(one.place.name, one.name): one.place.parent for one in reversed(able)}
    used = Counter([*hosts, *(name for _, name in once)])
    present = tuple(
        StoredForecast(name if used[name] == 1 else f"{name} ({recipe[:_SHORT]})", name, recipe, root)
        for (recipe, name), root in reversed(once.items())
    )
    left_out = (
        f"{one.name} in {one.place} lacks {count} of {len(cutoffs)} cutoffs."
        for one, count in lacks.items()
        if one not in able
    )
    return StoredForecasts(present, tuple(left_out))


def _stored(run: Path) -> Iterator[StoredEntry]:
    """Yield the forecasters in a folder of results, or under one recipe."""
    root = run / "forecasts" if (run / "forecasts").is_dir() else run
    asked = bool(_FINGERPRINT.fullmatch(root.name))
    recipes = [root] if asked else sorted(root.glob("[0-9a-f]" * 16))
    found = [
        StoredEntry(path, name, asked)
        for path in recipes
        for name in ForecastStore(path.parent).stored_cutoffs(path.name)
    ]
    if not found:
        msg = f"runs: {run} holds no stored forecasts; name a folder of results, or forecasts/<fingerprint> in one."
        raise InputError(msg)
    yield from found
