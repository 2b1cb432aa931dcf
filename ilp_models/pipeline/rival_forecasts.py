"""Forecasts that rivals made outside this package: they join a backtest and are scored on the same units."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.audit.register.declarations import begin_of
from ilp_models.audit.register.register import Register
from ilp_models.data.rival_table import read_rival_table
from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.local_file import local_file
from ilp_models.domain.panel import DIMS
from ilp_models.domain.printable import printable
from ilp_models.domain.replay import EXPECTED, NEGATIVE_BINOMIAL, QUANTILES, SAMPLES, Replay, ReplayTerms
from ilp_models.domain.scores import is_bound
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.pipeline.copy_check import copy_warnings
from ilp_models.pipeline.forecast_seal import STATES, Seal, read_seal
from ilp_models.pipeline.rival_checks import check_observed, check_sample_means, check_values
from ilp_models.pipeline.rival_units import BacktestUnits, Units
from ilp_models.pipeline.stored_forecasts import RivalForecast
from ilp_models.stats.distributions import LEVELS, fit_dispersion, quantiles

OMIT: Final = "omit"
FITTED: Final = "fitted"
DISPERSIONS: Final = (OMIT, FITTED)

_SHORT: Final = 8
_RECIPE: Final = 16
_LONGEST_NAME: Final = 60
_EARLIER_PERIODS: Final = 4  # with fewer known ones the counts are taken as Poisson counts
_GIVEN: Final = {
    NEGATIVE_BINOMIAL: "with dispersion",
    SAMPLES: "samples, no log score",
    QUANTILES: "quantiles, no log score, CRPS or PIT",
    EXPECTED: "expected counts only, no scores of distributions",
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _RivalPart:
    """The rows of one rival in one file."""

    path: Path
    label: str
    units: Units
    table: pd.DataFrame  # numbers only, rows as in the units
    samples: tuple[str, ...]
    seal: Seal


@dataclass(frozen=True, eq=False)
class RivalReader:
    """Reads files of forecasts for the units of a backtest."""

    replays: Sequence[Replay]
    units: BacktestUnits
    time_zone: str
    dispersion: str = OMIT
    register: Register | None = None

    def read(self, paths: Sequence[str], taken: Sequence[str]) -> list[tuple[RivalForecast, list[Replay]]]:
        """Return the rivals in some files with their replays, in the order of the files."""
        parts: dict[str, list[_RivalPart]] = {}
        for path in dict.fromkeys(map(str, paths)):
            for name, part in self._parts(path):
                parts.setdefault(name, []).append(part)
        used = Counter([*taken, *parts])
        return [self._rival(name, own, taken=used[name] > 1) for name, own in parts.items()]

    def _parts(self, path: str) -> list[tuple[str, _RivalPart]]:
        given = read_rival_table(path)
        found = Path(path).expanduser().absolute()
        table = given.table
        units = self.units.of_rows(given)
        check_values(given)
        check_observed(given, units, self._observed)
        check_sample_means(given, units, self.units.periods.start_time)
        first = self.units.periods[0] + int((units.position - units.lead).min()) + 1  # the earliest cutoff
        begins = begin_of(first, self.time_zone)
        seal = read_seal(found, begins, self.register)
        names = table["forecaster"].astype(str) if "forecaster" in table else pd.Series(found.stem, index=table.index)
        numbers = table.select_dtypes("number").drop(columns=["lead", "observed"], errors="ignore")
        code, order = pd.factorize(names)
        rows = [np.flatnonzero(code == number) for number in range(len(order))]
        return [
            (
                _checked_name(str(name), given.label),
                _RivalPart(found, given.label, units.take(own), numbers.iloc[own], given.samples, seal),
            )
            for name, own in zip(order, rows, strict=True)
        ]

    @cached_property
    def _observed(self) -> dict[int, Floats]:
        """Recorded counts by lead, (types, cells, periods)."""
        return {one.lead: np.asarray(one.observed.values, dtype=float) for one in self.replays}

    def _rival(self, name: str, parts: Sequence[_RivalPart], *, taken: bool) -> tuple[RivalForecast, list[Replay]]:
        columns = {tuple(part.table.columns) for part in parts}
        if len(columns) > 1:
            msg = f"The files of {name} have different columns: {', '.join(one.label for one in parts)}. Give the same."
            raise InputError(msg)
        units = Units.joined([part.units for part in parts])
        labels = [part.label for part in parts for _ in range(len(part.units))]
        self.units.check_complete(units, name, labels)
        table = pd.concat([part.table for part in parts], ignore_index=True)
        digests = tuple(part.seal.digest for part in parts)
        recipe = digest_of(name, list(digests))
        fitted = self.dispersion == FITTED and not parts[0].samples and not {"dispersion", "q05"} & set(table)
        shown = f"{name} (fitted dispersion)" if fitted else name
        shown = f"{shown} ({recipe[:_SHORT]})" if taken else shown
        firsts = {one.lead: one for one in reversed(self.replays)}
        replays = [
            self._replay(shown, firsts[lead], units.of_lead(lead), table, parts[0].samples, fitted=fitted)
            for lead in sorted(firsts)
        ]
        replays = [replace(one, recipe=recipe[:_RECIPE]) for one in replays]
        given = "dispersion fitted on earlier test periods" if fitted else _GIVEN[replays[0].distribution]
        rival = RivalForecast(
            name=shown,
            files=tuple(part.path for part in parts),
            recipe=recipe[:_RECIPE],
            seal=max((part.seal.state for part in parts), key=STATES.index),
            given=given,
            digests=digests,
            author=", ".join(dict.fromkeys(part.seal.author for part in parts if part.seal.author)),
        )
        return rival, replays

    def _replay(
        self,
        name: str,
        like: Replay,
        rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
        table: pd.DataFrame,
        samples: tuple[str, ...],
        *,
        fitted: bool,
    ) -> Replay:
        """Return the replay of one lead on the units of another; ``rows`` are row numbers and their flat units."""
        row, flat = rows
        shape, coords = like.expected.shape, like.expected.coords

        def cube(column: str) -> Floats:
            values = np.empty(like.expected.size)
            values[flat] = table[column].to_numpy(dtype=float)[row]
            cells = np.empty_like(like.expected.values)  # in the same order in memory: sums are then equal to the bit
            cells[...] = values.reshape(shape)
            return cells

        def labelled(values: Floats, first: str, labels: Sequence[Any]) -> xr.DataArray:
            return xr.DataArray(values, dims=(first, *DIMS), coords={first: list(labels), **coords})

        expected, draws = cube("expected"), None
        dispersion = like.expected.copy(data=np.broadcast_to(np.nan, shape))
        levels = np.broadcast_to(np.nan, (len(LEVELS), *shape))
        if set(QUANTILE_COLUMNS) <= set(table):
            levels, distribution = np.stack([cube(column) for column in QUANTILE_COLUMNS]), QUANTILES
        else:
            distribution = EXPECTED
        if samples:
            values = np.stack([cube(column) for column in samples])
            draws, distribution = labelled(values, "sample", range(len(samples))), SAMPLES
            levels = np.quantile(values, LEVELS, axis=0, method="inverted_cdf")
        elif fitted or "dispersion" in table:
            spread = _earlier_dispersion(expected, like) if fitted else cube("dispersion")
            levels = levels if distribution == QUANTILES else quantiles(expected, spread)
            dispersion, distribution = like.expected.copy(data=spread), NEGATIVE_BINOMIAL
            if (spread == spread[:, :1]).all():  # of a type and period, as our own forecasters have it
                dispersion = dispersion.isel(cell=0, drop=True)
        return Replay(
            forecaster=name,
            recipe="",
            lead=like.lead,
            expected=like.expected.copy(data=expected),
            quantiles=labelled(levels, "quantile", LEVELS),
            dispersion=dispersion,
            observed=like.observed,
            terms=ReplayTerms(like.delay),
            distribution=distribution,
            samples=draws,
            handed_in=True,
        )


def check_forecasts(forecasts: str | Sequence[str], dispersion: str) -> None:
    """Raise InputError if a file of forecasts is missing or has wrong columns, before a backtest runs."""
    for path in _paths(forecasts, dispersion):
        read_rival_table(path)


def _paths(forecasts: str | Sequence[str], dispersion: str) -> list[str]:
    """Return the paths of files of forecasts; InputError if one is missing or the setting is unknown."""
    if dispersion not in DISPERSIONS:
        msg = f"rival_dispersion={dispersion!r} is unknown. Choose one of {', '.join(DISPERSIONS)}."
        raise InputError(msg)
    paths = [str(path) for path in ([forecasts] if isinstance(forecasts, str | Path) else forecasts)]
    for path in paths:
        local_file(path, "forecasts=")
    return paths


def with_rivals(
    backtest: Backtest, forecasts: str | Sequence[str], dispersion: str, register: Register | None
) -> Backtest:
    """Return a backtest with the forecasts of rivals, scored again together; see `compare_forecasts`."""
    paths, study = _paths(forecasts, dispersion), backtest.study
    if not paths:
        return backtest
    first = min(backtest.replays, key=lambda one: one.lead)
    leads = sorted({one.lead for one in backtest.replays})
    units = BacktestUnits(backtest.grid, first.crime_types, first.periods, tuple(leads), study.calendar)
    reader = RivalReader(backtest.replays, units, study.events.time_zone, dispersion, register)
    read = reader.read(paths, [*backtest.recipes, *backtest.not_run])
    rivals = [one for one, _ in read]
    added = [replay for _, several in read for replay in several]
    replays = (*backtest.replays, *added)
    warnings = copy_warnings(added)
    note = f"Forecasts of rivals: {', '.join(f'{one.name} ({one.seal}; {one.given})' for one in rivals)}."
    return replace(
        backtest,
        replays=replays,
        scores=backtest.scoring.run(replays, backtest.grid.area_m2, backtest.grid),
        recipes={**backtest.recipes, **{one.name: one.recipe for one in rivals}},
        rivals=(*backtest.rivals, *rivals),
        warnings=(*backtest.warnings, *warnings),
        protocol=" ".join([backtest.protocol, note, *warnings]),
    )


def _checked_name(name: str, label: str) -> str:
    if is_bound(name) or not name.strip() or len(name) > _LONGEST_NAME or printable(name, lines=False) != name:
        msg = (
            f"{label}: the forecaster name {printable(name[:80], lines=False)!r} cannot be used. Give a name of 1 to "
            f"{_LONGEST_NAME} letters that is not that of a bound (oracle, ceiling)."
        )
        raise InputError(msg)
    return name


def _earlier_dispersion(expected: Floats, like: Replay) -> Floats:
    """Return the dispersion of each type and period, fitted on the test periods that were known at its cutoff.

    Where fewer than four were known it is 0: Poisson counts, which are narrower than most forecasts.
    """
    observed, spread = np.asarray(like.observed.values), np.zeros_like(expected)
    for place in range(expected.shape[2]):
        known = place - like.delay - like.lead + 1
        if known >= _EARLIER_PERIODS:
            for kind in range(len(expected)):
                spread[kind, :, place] = fit_dispersion(observed[kind, :, :known], expected[kind, :, :known])
    return spread
