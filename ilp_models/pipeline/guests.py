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

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
_SHORT: Final = 8


@dataclass(frozen=True)
class Guest:
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

    def replays(self, cutoffs: Sequence[pd.Timestamp], freq: str) -> list[Replay]:
        """Return its stored forecasts.

        Parameters
        ----------
        cutoffs : sequence of Timestamp
            Cutoffs of the comparison, oldest first.
        freq : str
            Frequency of the periods.

        Returns
        -------
        list of Replay
            Lead 1 first, under the name of this comparison.

        Raises
        ------
        InputError
            If it was not replayed from all those cutoffs.
        """
        store = ForecastStore(self.root)
        kept = store.kept(self.recipe)[self.stored_as]
        lacking = store.missing(self.recipe, self.stored_as, cutoffs)
        if lacking:
            msg = (
                f"runs: {self.stored_as} in {self.place} was not replayed over the same periods: it lacks "
                f"{len(lacking)} of {len(cutoffs)} cutoffs, first {lacking[0].date()}; it has {len(kept)}, "
                f"{kept[0].date()} to {kept[-1].date()}. Set backtest.end and backtest.test_periods, or name others."
            )
            raise InputError(msg)
        replays = store.replays(self.recipe, self.stored_as, cutoffs, freq)
        return [replace(one, forecaster=self.name) for one in replays]


def find_guests(runs: Sequence[str], hosts: Mapping[str, str]) -> tuple[Guest, ...]:
    """Return the forecasters whose forecasts other runs have stored.

    Parameters
    ----------
    runs : sequence of str
        Folders of results, each with ``forecasts`` in it, or ``forecasts/<fingerprint>`` for one recipe alone.
    hosts : mapping of str to str
        Fingerprints of this run's own forecasters by name; the same forecaster of the same recipe is not added again.

    Returns
    -------
    tuple of Guest
        In the order of the folders, each under a name of its own.

    Raises
    ------
    InputError
        If a folder holds no stored forecasts.
    """
    found = dict.fromkeys((path.name, name, path.parent) for run in runs for path, name in _stored(Path(run)))
    new = [(recipe, name, root) for recipe, name, root in found if hosts.get(name) != recipe]
    once = {(recipe, name): root for recipe, name, root in reversed(new)}
    used = Counter([*hosts, *(name for _, name in once)])
    return tuple(
        Guest(name if used[name] == 1 else f"{name} ({recipe[:_SHORT]})", name, recipe, root)
        for (recipe, name), root in reversed(once.items())
    )


def _stored(run: Path) -> Iterator[tuple[Path, str]]:
    """Yield the folder of each recipe and the names of the forecasters in it."""
    root = run / "forecasts" if (run / "forecasts").is_dir() else run
    recipes = [root] if _FINGERPRINT.fullmatch(root.name) else sorted(root.glob("[0-9a-f]" * 16))
    pairs = [(path, name) for path in recipes for name in ForecastStore(path.parent).kept(path.name)]
    if not pairs:
        msg = f"runs: {run} holds no stored forecasts; name a folder of results, or forecasts/<fingerprint> in one."
        raise InputError(msg)
    yield from pairs
