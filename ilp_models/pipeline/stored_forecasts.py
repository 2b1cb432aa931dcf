"""Stored forecasts of other runs, and those that rivals handed in, which join a comparison under their name."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from ilp_models.backtest.store import ForecastStore
from ilp_models.domain.errors import InputError
from ilp_models.domain.replay import Replay, ReplayTerms

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
_SHORT: Final = 8


@dataclass(frozen=True)
class StoredForecast:
    """The forecasts of one forecaster, stored by another run."""

    name: str  # in this comparison: its own, followed by digits of its recipe where that name is taken
    stored_as: str
    recipe: str
    root: Path  # folder of all recipes of that run

    @property
    def folder(self) -> Path:
        """The folder of its recipe."""
        return self.root / self.recipe

    def replays(self, cutoffs: Sequence[pd.Timestamp], freq: str, delay: int) -> list[Replay]:
        """Return its forecasts at some cutoffs, or raise InputError where they are not comparable."""
        store = ForecastStore(self.root)
        present = store.stored_cutoffs(self.recipe)[self.stored_as]
        missing = store.missing(self.recipe, self.stored_as, cutoffs)
        if missing:
            msg = (
                f"runs: {self.stored_as} in {self.folder} was not backtested on the same periods. It lacks "
                f"{len(missing)} of {len(cutoffs)} cutoffs, first {missing[0].date()}; it has {len(present)}, "
                f"{present[0].date()} to {present[-1].date()}. Set backtest.end and backtest.test_periods."
            )
            raise InputError(msg)
        replays = store.replays(self.recipe, self.stored_as, cutoffs, freq)
        terms = replays[0].terms or ReplayTerms(delay)
        if terms.delay != delay:
            msg = (
                f"runs: {self.stored_as} in {self.folder} did not know the last {terms.delay} period(s) before each "
                f"cutoff; the forecasters of this run did not know the last {delay}. One of them knew more, so they "
                "cannot be compared. Set the same data.reporting_delay, or name others."
            )
            raise InputError(msg)
        return [replace(one, forecaster=self.name, terms=terms, handed_in=True) for one in replays]


@dataclass(frozen=True)
class StoredForecasts:
    """Stored forecasts that take part in a comparison, and why others in the same folders do not."""

    present: tuple[StoredForecast, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """One line on both; empty where there is neither."""
        names = ", ".join(sorted(one.name for one in self.present))
        lines = [f"Stored forecasts of other runs: {names}."] if names else []
        lines += [f"{len(self.excluded)} stored forecaster(s) excluded: cutoffs missing."] if self.excluded else []
        return " ".join(lines)


@dataclass(frozen=True)
class RivalForecast:
    """The forecasts of one rival, in one or several files."""

    name: str  # in this comparison
    files: tuple[Path, ...]
    recipe: str  # digits of the digest of the files
    seal: str  # `sealed`, `stated` or `unsealed`; of several files the weakest
    given: str  # what is known of the distribution, in words
    digests: tuple[str, ...] = ()  # SHA-256 of each file
    author: str = ""  # as the manifests declare

    @property
    def settings(self) -> dict[str, object]:
        """What the record of trials says of it: its files, their digests, seal and distribution."""
        files = {path.name: digest for path, digest in zip(self.files, self.digests, strict=True)}
        return {"files": files, "seal": self.seal, "distribution": self.given}

    @property
    def source(self) -> str:
        """Files, seal and distribution in one line."""
        return f"handed in as {', '.join(map(str, self.files))}; {self.seal}; {self.given}"


@dataclass(frozen=True)
class StoredEntry:
    """One forecaster found in a folder of results."""

    folder: Path
    name: str
    required: bool  # its recipe was named, so that it cannot be excluded


def find_stored(runs: str | Sequence[str]) -> tuple[StoredEntry, ...]:
    """Return the forecasters whose forecasts are stored in some folders of results."""
    return tuple(one for run in ([runs] if isinstance(runs, str) else runs) for one in _entries(Path(run)))


def select_stored(
    entries: Sequence[StoredEntry], recipes: Mapping[str, str], cutoffs: Sequence[pd.Timestamp]
) -> StoredForecasts:
    """Return the stored forecasters that have all cutoffs and are not among those of this run."""
    new = [one for one in entries if recipes.get(one.name) != one.folder.name]
    missing = {one: len(ForecastStore(one.folder.parent).missing(one.folder.name, one.name, cutoffs)) for one in new}
    usable = [one for one in new if one.required or not missing[one]]
    unique = {(one.folder.name, one.name): one.folder.parent for one in reversed(usable)}
    used = Counter([*recipes, *(name for _, name in unique)])
    present = tuple(
        StoredForecast(name if used[name] == 1 else f"{name} ({recipe[:_SHORT]})", name, recipe, root)
        for (recipe, name), root in reversed(unique.items())
    )
    excluded = (
        f"{one.name} in {one.folder} lacks {count} of {len(cutoffs)} cutoffs."
        for one, count in missing.items()
        if one not in usable
    )
    return StoredForecasts(present, tuple(excluded))


def _entries(run: Path) -> Iterator[StoredEntry]:
    """Yield the forecasters in a folder of results, or under one recipe."""
    root = run / "forecasts" if (run / "forecasts").is_dir() else run
    required = bool(_FINGERPRINT.fullmatch(root.name))
    recipes = [root] if required else sorted(root.glob("[0-9a-f]" * 16))
    found = [
        StoredEntry(path, name, required)
        for path in recipes
        for name in ForecastStore(path.parent).stored_cutoffs(path.name)
    ]
    if not found:
        msg = f"runs: {run} has no stored forecasts. Name a folder of results, or forecasts/<fingerprint> in one."
        raise InputError(msg)
    yield from found
