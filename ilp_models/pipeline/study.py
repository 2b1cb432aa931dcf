"""What a task studies: the records, how they are cut into places and periods, and what identifies the results."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd

import ilp_models
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.layers import read_layers
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events, EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid, GridSpec
from ilp_models.domain.intake import RESOLUTIONS, IntakeError, IntakeReport
from ilp_models.domain.layer import Layers
from ilp_models.domain.recipe import Recipe, borrowed_code, code_digest
from ilp_models.domain.scores import ALL
from ilp_models.pipeline.code_version import git_commit
from ilp_models.pipeline.known_types import of_known_types
from ilp_models.pipeline.outputs import write_json

_LOG = logging.getLogger(__name__)
_FINEST: Final = {"day": "day", "week": "day", "month": "month"}


@dataclass(frozen=True, eq=False)
class Study:
    """Records and how they are counted.

    Parameters
    ----------
    events : Events
        All events.
    calendar : Calendar
        How time is cut into periods.
    places : GridSpec
        How space is cut into cells.
    config : mapping
        Resolved settings of the task.
    layers : Layers, optional
        Context layers in the CRS of the events.
    """

    events: Events
    calendar: Calendar
    places: GridSpec
    config: Mapping[str, Any]
    layers: Layers = field(default_factory=Layers)

    @property
    def cutoff(self) -> pd.Timestamp:
        """The start of the first period after the whole periods of the records: the moment of the next forecast."""
        whole = self.calendar.whole(self.events.start, self.events.end)
        if len(whole) == 0:
            msg = (
                f"The records ({self.events.start.date()} to {self.events.end.date()}) hold no whole "
                f"{self.calendar.period_unit}; give more data or a shorter calendar.period_unit."
            )
            raise InputError(msg)
        return pd.Timestamp((whole[-1] + 1).start_time)

    @property
    def city(self) -> str:
        """Name of the study area."""
        return self.events.city

    @property
    def intake(self) -> IntakeReport:
        """The report of how the records were read."""
        if self.events.intake is None:
            msg = "These events have no intake report; read them with an event source, such as DelimitedFiles."
            raise InputError(msg)
        return self.events.intake

    @property
    def code(self) -> str:
        """Version, commit and digest of the program in a line."""
        tags = self.tags()
        return f"ilp_models {tags['version']}, commit {tags['git_commit']}, digest {tags['code']}"

    def grid_at(self, cutoff: pd.Timestamp) -> Grid:
        """Return the cells that were active in what was known at a cutoff."""
        known = self.events.known_at(cutoff)
        if len(known) == 0:
            msg = f"No event was known at {cutoff.date()}; the records start at {self.events.start.date()}."
            raise InputError(msg)
        return self.places.build(known)

    def known_from(self, cutoff: pd.Timestamp, folder: Path) -> Self:
        """Return the study of the crime types that could be forecast at a cutoff, saying which could not."""
        study = replace(self, events=of_known_types(self.events, self.intake, cutoff))
        for note in study.intake.notes[len(self.intake.notes) :]:
            _LOG.info(note)
        write_json(folder / "intake.json", study.intake.to_dict())
        return study

    def recipes(self, names: Iterable[str]) -> dict[str, str]:
        """Return the fingerprint of each forecaster's recipe: settings, data, cells, layers and code."""
        shared = {key: self.config[key] for key in ("calendar", "grid", "backtest") if key in self.config}
        shared["cells"] = self._cells
        if self.layers.known:
            shared["layers"] = self.layers.digests()
        data, code = self.events.digest(), code_digest()
        recipes = {}
        for name in names:
            settings = {**shared, "model": self.config["model"][name]}
            recipes[name] = Recipe({**settings, "borrowed": borrowed_code(settings)}, data, code).fingerprint
        return recipes

    @cached_property
    def _cells(self) -> str:
        """Digest of the cells of all records: the settings of a grid name a file, and the file may change."""
        return self.places.build(self.events).digest()

    def tags(self) -> dict[str, str]:
        """Return the words by which runs on these records are found again."""
        return {
            "data": self.events.digest()[:16],
            "code": code_digest()[:16],
            "version": ilp_models.__version__,
            "git_commit": git_commit(),
        }


def check_names(models: Mapping[str, Forecaster], **wanted: str) -> None:
    """Return nothing if every forecaster that the settings name is there, before any work is done."""
    for setting, name in wanted.items():
        if name not in models:
            msg = (
                f"{setting.replace('__', '.')}={name} is not among the models {sorted(models)}; "
                f"add it, 'model=[{','.join([*models, name])}]', or name another."
            )
            raise InputError(msg)


def open_study(  # noqa: PLR0913 - the parts of a task that make a study
    source: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    config: Mapping[str, Any],
    folder: Path,
    layers: Mapping[str, Any] | None = None,
    plan: RollingOrigin | None = None,
) -> Study:
    """Return the study of a source, having read and checked its records and written ``intake.json``."""
    try:
        events = source.read()
    except IntakeError as error:
        account = write_json(folder / "intake.json", error.report.to_dict())
        msg = f"{error} The whole account: {account}"
        raise IntakeError(msg, error.report) from error
    study = Study(events, calendar, grid, config)
    intake = study.intake
    write_json(folder / "intake.json", intake.to_dict())
    _LOG.info("%s\n", intake.to_text())
    if ALL in events.crime_types:
        msg = f"The crime type {ALL!r} bears the name of the pool over all types; rename it in data.crime_types."
        raise InputError(msg)
    finest = _FINEST[calendar.period_unit]
    if RESOLUTIONS.index(intake.resolution) > RESOLUTIONS.index(finest):
        msg = (
            f"The times of these records are known to the {intake.resolution} only, and "
            f"calendar.period_unit={calendar.period_unit} is finer. Set calendar.period_unit={intake.resolution}."
        )
        raise InputError(msg)
    if plan is not None:
        study = study.known_from(plan.folds(events, calendar)[0].cutoff, folder)
    return study if not layers else _with_layers(study, layers, folder)


def _with_layers(study: Study, layers: Mapping[str, Any], folder: Path) -> Study:
    known = read_layers(layers, study.events)
    intake = replace(study.intake, notes=(*study.intake.notes, *(layer.note for layer in known.known)))
    write_json(folder / "intake.json", intake.to_dict())
    for layer in known.known:
        _LOG.info(layer.note)
    return replace(study, events=replace(study.events, intake=intake), layers=known)


def forecasts_folder(config: Mapping[str, Any]) -> Path:
    """Return where the task's forecasts are stored and found again."""
    return Path(str(config["output"])).absolute() / "forecasts"
