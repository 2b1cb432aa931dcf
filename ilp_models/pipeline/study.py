"""The study of a run: events, calendar, grid and context layers, and what identifies results computed from them."""

import difflib
import logging
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, cached_property
from numbers import Integral
from pathlib import Path
from typing import Any, Final

import pandas as pd

import ilp_models
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.label_screening import refuse_personal_names
from ilp_models.data.layers import read_layers
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import AS_OF_END, Events, check_events
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid, GridSpec, check_grid
from ilp_models.domain.intake import RESOLUTIONS, IntakeFinding, IntakeReport
from ilp_models.domain.layer import Layers
from ilp_models.domain.recipe import code_digest, make_recipe
from ilp_models.domain.scores import ALL
from ilp_models.domain.timing import wall_clock
from ilp_models.grid.areas import AreaGrid
from ilp_models.pipeline.built_cells import BuiltCells

_LOG = logging.getLogger(__name__)
_FINEST: Final = {"day": "day", "week": "day", "month": "month"}
_EXAMPLES: Final = 5
MAX_LEAD: Final = 12  # periods from the records to the period that is forecast


@dataclass(frozen=True, eq=False)
class Study:
    """Events, how time is cut into periods and space into cells, and context layers."""

    events: Events
    grid: GridSpec
    calendar: Calendar = field(default_factory=Calendar)
    layers: Layers = field(default_factory=Layers)
    record_lag: int = 0  # periods between the last whole one of the records and the next forecast
    shared: BuiltCells | None = field(default=None, repr=False)  # cells that other studies of a task built

    @cached_property
    def cells(self) -> BuiltCells:
        """The cells of this study; to give them to a function in place of the grid spares it to build them again."""
        shared = self.shared
        if shared is not None and shared.events is self.events and shared.grid is self.grid:
            return shared
        return BuiltCells(self.grid, self.events)

    @property
    def cutoff(self) -> pd.Timestamp:
        """The cutoff of the next forecast: the start of the first period after the whole periods of the records.

        With a ``record_lag`` it is the start of a later period.
        """
        return next_cutoff(self.events, self.calendar, self.record_lag)

    @property
    def city(self) -> str:
        """The name of the study area, or else the source of the records."""
        intake = self.events.intake
        return self.events.city or ("" if intake is None else intake.source)

    @property
    def resolution(self) -> str:
        """How exact the times of the events are: `moment`, `day` or `month`."""
        return "moment" if self.events.intake is None else self.events.intake.resolution

    @property
    def attribution(self) -> str:
        """The attribution that the publisher's licence asks for."""
        return "" if self.events.intake is None else self.events.intake.attribution

    @property
    def code(self) -> str:
        """Version, commit and digest of the program in one line."""
        return describe_code()

    def grid_at(self, cutoff: pd.Timestamp) -> Grid:
        """Return the cells that were active in what was known at a cutoff."""
        known = self.events.known_at(self.calendar.earlier(cutoff, self.record_lag))
        if len(known) == 0:
            msg = f"No event was known at {cutoff.date()}; the records start at {self.events.start.date()}."
            raise InputError(msg)
        grid = self.cells.build(known)
        if isinstance(self.grid, AreaGrid):
            refuse_personal_names("grid.name", grid.cells.to_series())
        for level in grid.parents.columns:
            refuse_personal_names(f"grid.parents.{level}", grid.parents[level])
        return grid

    def recipe(self, forecaster: Forecaster) -> str:
        """Return the fingerprint of a forecaster on this study: settings, data, cells, layers and code."""
        return make_recipe(self.events, model=forecaster, **self._identity).fingerprint

    @cached_property
    def _identity(self) -> dict[str, Any]:
        # the settings of a grid may name a file whose content changes: the digest of the cells does not miss that
        cells = self.cells.build(self.events).digest()
        layers = {"layers": self.layers.digests()} if self.layers.known else {}
        lag = {"record_lag": self.record_lag} if self.record_lag else {}
        return {"calendar": self.calendar, "grid": self.grid, "cells": cells, **layers, **lag}

    def tags(self) -> dict[str, str]:
        """Return data digest, code digest, version and git commit, by which runs are found."""
        return {
            "data": self.events.digest()[:16],
            "code": code_digest()[:16],
            "version": ilp_models.__version__,
            "git_commit": git_commit(),
        }


def open_study(
    events: Events,
    grid: GridSpec,
    *,
    calendar: Calendar | None = None,
    layers: Layers | Mapping[str, Any] | None = None,
    first_cutoff: RollingOrigin | pd.Timestamp | str | Callable[[Events, Calendar], pd.Timestamp] | None = None,
    record_lag: int | datetime = 0,
) -> Study:
    """Return a checked study of the crime types that were known at the first cutoff.

    The grid may be the cells that another study built. The first cutoff is a time, that of a backtest plan, a function
    that computes it, or "next" for that of the next forecast. A present moment instead of a ``record_lag`` gives the
    lag at which the next period that has not begun is forecast. Raises InputError if the calendar is finer than the
    times of the events, or a crime type has a reserved name.
    """
    check_events(events)
    check_grid(grid)
    grid, shared = (grid.grid, grid) if isinstance(grid, BuiltCells) else (grid, None)
    calendar = calendar or Calendar()
    if ALL in events.crime_types:
        msg = f"The crime type {ALL!r} has the name of the pool over all types. Rename it in data.crime_types."
        raise InputError(msg)
    resolution, finest = Study(events, grid).resolution, _FINEST[calendar.period_unit]
    if RESOLUTIONS.index(resolution) > RESOLUTIONS.index(finest):
        msg = (
            f"The times of these records are exact to the {resolution} only, and "
            f"calendar.period_unit={calendar.period_unit} is finer. Set calendar.period_unit={resolution}."
        )
        raise InputError(msg)
    events = records_as_of(events, calendar)
    lag = lag_at(events, calendar, record_lag) if isinstance(record_lag, datetime) else _checked_lag(record_lag)
    if isinstance(first_cutoff, RollingOrigin):
        first_cutoff = first_cutoff.folds(events, calendar)[0].cutoff
    elif first_cutoff == "next":
        first_cutoff = next_cutoff(events, calendar, lag)
    elif callable(first_cutoff):
        first_cutoff = first_cutoff(events, calendar)
    if first_cutoff is not None:
        events = of_known_types(events, calendar.earlier(pd.Timestamp(first_cutoff), lag))
    if isinstance(layers, Layers):
        return Study(events, grid, calendar, layers, lag, shared)
    read = read_layers(layers or {}, events)
    notes = [layer.note for layer in read.known]
    return Study(with_notes(events, notes), grid, calendar, read, lag, shared)


def next_cutoff(events: Events, calendar: Calendar, record_lag: int = 0) -> pd.Timestamp:
    """Return the start of the first period after the whole periods of the records, or of a later one."""
    whole = calendar.whole_periods(events.start, events.end)
    if len(whole) == 0:
        msg = (
            f"The records ({events.start.date()} to {events.end.date()}) do not cover one whole "
            f"{calendar.period_unit}. Give more records or set a shorter calendar.period_unit."
        )
        raise InputError(msg)
    return pd.Timestamp((whole[-1] + 1 + record_lag).start_time)


def _checked_lag(record_lag: int) -> int:
    if not isinstance(record_lag, Integral) or not 0 <= record_lag < MAX_LEAD:
        msg = f"record_lag={record_lag} must be a whole number from 0 to {MAX_LEAD - 1} periods. Give newer records."
        raise InputError(msg)
    return int(record_lag)


def records_as_of(events: Events, calendar: Calendar) -> Events:
    """Return the events that were known on the day of ``as_of``, if whole periods follow it."""
    day = events.as_of_day
    return events if day is None or next_cutoff(events, calendar) <= day else events.known_at(day)


def lag_at(events: Events, calendar: Calendar, now: datetime) -> int:
    """Return how many whole periods lie between the records and the next period that has not begun.

    The present counts, or the day of ``as_of``. Simulated records, and those with ``as_of=end``, are current.
    """
    cutoff, unit = next_cutoff(events, calendar), calendar.period_unit
    if events.simulated or events.as_of == AS_OF_END:
        return 0
    moment = events.as_of_day or wall_clock(now, events.time_zone)
    first, target = (calendar.next_periods(one, 1)[0] for one in (cutoff, max(cutoff, moment)))
    lag = int(target.ordinal - first.ordinal)
    if lag >= MAX_LEAD:
        last = events.end - pd.Timedelta(1, "us")
        msg = (
            f"The last recorded day is {last:%Y-%m-%d} and today is {moment:%Y-%m-%d}. The "
            f"next {unit} that has not begun ({target.start_time:%Y-%m-%d}) is {lag + 1} {unit}s ahead of the records, "
            f"and at most {MAX_LEAD} can be forecast. Give newer records, or set data.as_of=DATE for research."
        )
        raise InputError(msg)
    return lag


def of_known_types(events: Events, cutoff: pd.Timestamp) -> Events:
    """Return the events of the crime types that are declared or were recorded by a cutoff.

    The intake report lists the crime types that are left out, because they were not known at the cutoff.
    """
    known = events.types_at(cutoff)
    later = [name for name in events.crime_types if name not in known]
    if not later or not known:
        return events
    selected, sizes = events.select_types(known), events.table["crime_type"].value_counts()
    left_out = [f"{name} ({sizes[name]:,} records)" for name in later]
    note = (
        f"Crime types left out because no record was known at the first cutoff, {cutoff:%Y-%m-%d}: "
        f"{', '.join(left_out)}. To include them, name them in data.crime_types, such as "
        f"{{{later[0]}: {later[0]}}}, with data.unmapped=keep."
    )
    if events.intake is None:
        _LOG.info(note)
        return selected
    intake = _without_types(events.intake, selected, later, tuple(left_out[:_EXAMPLES]), len(events) - len(selected))
    return with_notes(replace(selected, intake=intake), [note])


def _without_types(
    intake: IntakeReport, selected: Events, later: list[str], examples: tuple[str, ...], count: int
) -> IntakeReport:
    rule, lost = "crime types not recorded by the first cutoff", intake.missing_coordinates
    found = [IntakeFinding(rule, "left out", count, count / intake.rows_read, examples)] if count else []
    return replace(
        intake,
        rows_kept=intake.rows_kept - count,
        findings=(*intake.findings, *found),
        crime_types={name: size for name, size in intake.crime_types.items() if name not in later},
        digest=selected.digest(),
        missing_coordinates=None if lost is None else lost[~lost["crime_type"].isin(later)].reset_index(drop=True),
    )


def with_notes(events: Events, notes: list[str]) -> Events:
    """Return events whose intake report has more notes."""
    for note in notes:
        _LOG.info(note)
    if events.intake is None or not notes:
        return events
    return replace(events, intake=replace(events.intake, notes=(*events.intake.notes, *notes)))


def check_names(models: Mapping[str, Forecaster], **wanted: str) -> None:
    """Raise InputError unless every forecaster that a setting names is among the models (`__` replaces a dot)."""
    for setting, name in wanted.items():
        if name not in models:
            options = _model_options()
            near = difflib.get_close_matches(str(name), {*models, *options}, n=1)
            hint = f". Did you mean {near[0]}?" if near else "."
            if name in options:
                hint = f", or add it with 'model=[{','.join([*models, name])}]'."
            wrong = f"{setting.replace('__', '.')}={name} is not among the models"
            msg = f"{wrong}: {', '.join(models)}. Name one of them{hint}"
            raise InputError(msg)


def _model_options() -> set[str]:
    """Return the names of the models that the configuration of this package has."""
    package = Path(ilp_models.__file__).resolve().parent
    return {path.stem for place in (package, package.parent) for path in (place / "configs" / "model").glob("*.yaml")}


def describe_code() -> str:
    """Return version, commit and digest of this package in one line, so that a reader can find the code of a result.

    Results of `run_backtest` and `make_forecast` have the same line as ``study.code``.

    Returns
    -------
    str
        The commit is that of the checkout, followed by ``+changes`` if tracked files differ, or ``none`` outside a
        checkout. The digest covers the code that turns events into forecasts, and the versions of its libraries.

    Examples
    --------
    >>> [part.split()[0] for part in describe_code().split(", ")]
    ['ilp_models', 'commit', 'digest']
    """
    return f"ilp_models {ilp_models.__version__}, commit {git_commit()}, digest {code_digest()[:16]}"


@cache
def git_commit() -> str:
    """Return the commit of the checkout, with `+changes` where tracked files differ; `none` outside a checkout."""
    git, folder = shutil.which("git"), Path(ilp_models.__file__).resolve().parent
    if git is None or not (folder.parent / ".git").exists():
        return "none"

    def run_git(*words: str) -> str:
        command = [git, "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603

    commit = run_git("rev-parse", "HEAD")
    # a record of trials grows with each run and is no code
    changed = run_git("status", "--porcelain", "-uno", "--", ":/", ":(top,exclude)experiments/*/trials.csv")
    return f"{commit}{'+changes' if changed else ''}" if commit else "none"
